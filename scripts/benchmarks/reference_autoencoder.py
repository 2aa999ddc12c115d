"""Reference: the original's autoencoder, trained in float32 with a fresh loader iterator for every update.

Written from the description of the original: four strided convolutions, two residual layers, a codebook of
moving averages that starts far from the data, batches of float slices drawn one sample at a time.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

_SMOOTHING = 1e-5


class ColdCodebook(nn.Module):
    """Quantise by one-hot products; sizes start at 0 beside sums of N(0, 1), nothing is restarted.

    Args:
        num_embeddings: Codes.
        embedding_dim: Length of a code's vector.
    """

    def __init__(self, *, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.register_buffer("codebook", torch.randn(num_embeddings, embedding_dim) / num_embeddings)
        self.register_buffer("size", torch.zeros(num_embeddings))
        self.register_buffer("sums", torch.randn(num_embeddings, embedding_dim))

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Give quantised latents and the commitment loss."""
        inputs = latents.permute(0, 2, 3, 1).contiguous()
        flat = inputs.view(-1, inputs.shape[-1])
        distances = (
            flat.square().sum(1, keepdim=True)
            + self.codebook.square().sum(1)
            - 2 * torch.matmul(flat, self.codebook.T)
        )
        codes = torch.argmin(distances, dim=1, keepdim=True)
        one_hot = torch.zeros(len(codes), self.num_embeddings, device=codes.device).scatter_(1, codes, 1)
        quantised = torch.matmul(one_hot, self.codebook).view(inputs.shape)
        if self.training:
            self._learn(flat.detach(), one_hot)
        loss = 0.25 * functional.mse_loss(quantised.detach(), inputs)
        return (inputs + (quantised - inputs).detach()).permute(0, 3, 1, 2).contiguous(), loss

    def _learn(self, flat: Tensor, one_hot: Tensor) -> None:
        self.size = 0.99 * self.size + 0.01 * one_hot.sum(0)
        total = self.size.sum()
        self.size = (self.size + _SMOOTHING) / (total + self.num_embeddings * _SMOOTHING) * total
        self.sums = 0.99 * self.sums + 0.01 * torch.matmul(one_hot.T, flat)
        self.codebook = self.sums / self.size[:, None]


class Residual(nn.Module):
    """Add a 3×3 and a 1×1 convolution to what they are given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 4
        self.block = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, inner, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(inner, width, 1, bias=False),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """Map to the same shape."""
        return hidden + self.block(hidden)


class ReferenceAutoencoder(nn.Module):
    """88×32 cells to 8×2 codes and back; gives probabilities, as the original's decoder does.

    Args:
        width: Channels of the widest layers, and length of a code's vector.
    """

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        self.encoder = nn.Sequential(
            nn.Conv2d(1, quarter, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(quarter, half, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(half, width, (6, 4), stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3),
            Residual(width), Residual(width), nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )  # fmt: skip
        self.codebook = ColdCodebook(num_embeddings=16, embedding_dim=width)
        self.decoder = nn.Sequential(
            Residual(width), Residual(width), nn.ReLU(),
            nn.ConvTranspose2d(width, width, 3), nn.ReLU(),
            nn.ConvTranspose2d(width, half, (6, 4), stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(half, quarter, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(quarter, 1, 4, stride=2, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        """Give probabilities (batch, 1, 88, 32) and the commitment loss."""
        quantised, loss = self.codebook(self.encoder(slices))
        return self.decoder(quantised), loss


class ReferenceTraining:
    """Adam at 1e-3 on random batches, each from a new iterator of the loader.

    Args:
        slices: Training slices, float32 (slices, 1, 88, 32).
        batch_size: Slices an update.
        device: Where to train.
        width: Of the network.
    """

    def __init__(self, slices: Tensor, *, batch_size: int, device: str, width: int) -> None:
        torch.manual_seed(0)
        self.network = ReferenceAutoencoder(width).to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3)
        self.loader = DataLoader(TensorDataset(slices), batch_size=batch_size, shuffle=True)
        self.device = device

    def update(self) -> None:
        """Do one update."""
        (batch,) = next(iter(self.loader))
        batch = batch.to(self.device)
        self.optimizer.zero_grad()
        probabilities, commitment = self.network(batch)
        (functional.binary_cross_entropy(probabilities, batch) + commitment).backward()
        self.optimizer.step()

    @torch.no_grad()
    def held_out_bce(self, slices: Tensor) -> float:
        """Measure BCE on held-out slices, float32 (slices, 1, 88, 32)."""
        self.network.eval()
        sums = [
            functional.binary_cross_entropy(self.network(part.to(self.device))[0].cpu(), part) * len(part)
            for part in slices.split(256)
        ]
        self.network.train()
        return float(sum(sums) / len(slices))
