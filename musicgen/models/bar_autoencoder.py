"""The coarse level of codes: what a bar of quarters is about, in a few codes over those of its quarters."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.config.build import Buildable
from musicgen.models.bottlenecks.base import DiscreteBottleneck, Vocabulary
from musicgen.models.priors.base import check_sizes


@dataclass(frozen=True)
class BarOutput:
    """What a bar autoencoder makes of a batch of bars.

    Attributes:
        logits: Of the fine codes given the coarse ones, (bars, quarters, positions, vocab).
        codes: The coarse codes, (bars, codes).
        loss: The bottleneck's own term of the training loss, a scalar.
        metrics: The bottleneck's scalars by name.
    """

    logits: Float[Tensor, "bars quarters positions vocab"]
    codes: Int[Tensor, "bars codes"]
    loss: Float[Tensor, ""]
    metrics: Mapping[str, Tensor]


class BarAutoencoder(Buildable, nn.Module):
    """Say the codes of consecutive quarters in a few coarse codes, and guess the fine ones from those.

    The second level of a hierarchy of codes, trained once the first is frozen (Jukebox, Dhariwal et al. 2020;
    here over codes and not over sound). Encoder and decoder are feed-forward networks over a whole bar; the
    decoder guesses each fine code by itself, so that what belongs together must be said by the coarse ones.

    Args:
        vocabulary: The codes of a quarter; the first autoencoder's.
        bottleneck: Chooses the coarse codes; one latent for each.
        bar_quarters: Quarters of a bar. Bars are counted from wherever reading begins.
        codes_per_bar: Latents of a bar.
        width: Width of the hidden layers.
        code_width: Width of the embedding of a fine code.

    Raises:
        ValueError: A size is below 1.
    """

    first_inputs: Tensor  # of the codebook of each code of a quarter

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        bottleneck: DiscreteBottleneck,
        bar_quarters: int = 4,
        codes_per_bar: int = 4,
        width: int = 256,
        code_width: int = 32,
    ) -> None:
        super().__init__()
        check_sizes(
            bar_quarters=bar_quarters, codes_per_bar=codes_per_bar, width=width, code_width=code_width
        )
        self.vocabulary, self.bar_quarters = vocabulary, bar_quarters
        self.bottleneck, self.codes_per_bar = bottleneck, codes_per_bar
        self.coarse = bottleneck.vocabulary(positions=codes_per_bar)
        codes, latents = bar_quarters * vocabulary.codes_per_slice, codes_per_bar * bottleneck.embedding_dim
        self.code_embedding = nn.Embedding(vocabulary.codebooks * vocabulary.size, code_width)
        self.encoder = _feed_forward(codes * code_width, width, latents)
        self.decoder = _feed_forward(latents, width, codes * code_width)
        self.head = nn.Linear(code_width, vocabulary.size)
        codebooks = torch.tensor(vocabulary.codebook_of) * vocabulary.size
        self.register_buffer("first_inputs", codebooks, persistent=False)

    def forward(self, codes: Int[Tensor, "bars quarters positions"]) -> BarOutput:
        """Encode and decode whole bars; in training mode, the bottleneck learns from them.

        Args:
            codes: Fine codes of bars of `bar_quarters` quarters, in the vocabulary's order.
        """
        output = self.bottleneck(self._latents(codes))
        assert output.codes is not None, "a bottleneck with codes gives them"
        return BarOutput(
            logits=self.head(self._decoded(output.latents.flatten(2))),
            codes=output.codes.flatten(1),
            loss=output.loss,
            metrics=output.metrics,
        )

    @torch.no_grad()
    def encode(self, codes: Int[Tensor, "bars quarters positions"]) -> Int[Tensor, "bars codes"]:
        """Find the coarse codes of whole bars; nothing is trained."""
        return self.bottleneck.encode(self._latents(codes)).flatten(1)

    @torch.no_grad()
    def guess(self, coarse: Int[Tensor, "bars codes"]) -> Float[Tensor, "bars quarters positions code_width"]:
        """Decode coarse codes up to the vectors from which the head guesses each fine code."""
        codes = coarse.unflatten(1, (self.codes_per_bar, self.coarse.codebooks))
        return self._decoded(self.bottleneck.lookup(codes).transpose(1, 2))

    def _decoded(
        self, latents: Float[Tensor, "bars dim codes"]
    ) -> Float[Tensor, "bars quarters positions code_width"]:
        shape = (self.bar_quarters, self.vocabulary.codes_per_slice, self.head.in_features)
        return self.decoder(latents.flatten(1)).unflatten(1, shape)

    def _latents(self, codes: Int[Tensor, "bars quarters positions"]) -> Float[Tensor, "bars dim codes one"]:
        embedded = self.code_embedding(codes + self.first_inputs)
        return self.encoder(embedded.flatten(1)).view(len(codes), -1, self.codes_per_bar, 1)


def _feed_forward(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, outputs)
    )
