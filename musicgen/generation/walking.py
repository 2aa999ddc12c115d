"""Walks through the latent space, from one passage to another."""

import numpy as np
import torch
from jaxtyping import Float, UInt32
from torch import Tensor

from musicgen.data.batches.slices import SliceBatch
from musicgen.models.autoencoder import Autoencoder


@torch.inference_mode()
def walk(
    autoencoder: Autoencoder,
    start: UInt32[np.ndarray, "quarters pitches"],
    end: UInt32[np.ndarray, "others pitches"],
    *,
    steps: int,
    way: str,
) -> list[UInt32[np.ndarray, "quarters pitches"]]:
    """Decode equal steps between the latents of two passages of one length.

    A bottleneck with codes quantises every step. Each step is decoded by itself, after silence.

    Args:
        autoencoder: In evaluation mode, on any device.
        start: Packed slices of the passage that the walk begins with.
        end: Packed slices of the passage that it ends with.
        steps: How many passages, with both ends; 2 or more.
        way: `straight`, or `spherical`, which keeps to the lengths of the latents (White 2016): a mean of two
            draws from a Gaussian of many dimensions is shorter than both, and a decoder never saw such.

    Returns:
        The packed slices of each step.

    Raises:
        ValueError: The passages are not of one length, or a setting is out of range.
    """
    if steps < 2:
        raise ValueError(f"steps={steps}; use 2 or more, both ends count")
    if start.shape != end.shape or not len(start):
        raise ValueError(f"passages of {len(start)} and {len(end)} quarters; give as many of both, 1 or more")
    ways = {"straight": torch.lerp, "spherical": turned}
    if way not in ways:
        raise ValueError(f"way={way}; use {' or '.join(ways)}")
    first, last = (_latents(autoencoder, passage) for passage in (start, end))
    taken = []
    for share in np.linspace(0, 1, steps):
        maps = autoencoder.decode_latents(ways[way](first, last, float(share)))
        taken.append(autoencoder.cells.draw(autoencoder.cells.evidence(maps.float()).cpu()).packed)
    return taken


def _latents(
    autoencoder: Autoencoder, passage: UInt32[np.ndarray, "quarters pitches"]
) -> Float[Tensor, "quarters dim h w"]:
    batch = SliceBatch.of_piece(passage, channels=autoencoder.channels, layout=autoencoder.layout)
    return autoencoder.latents(batch.slices.to(next(autoencoder.parameters()).device)).float()


def turned(
    first: Float[Tensor, "quarters dim h w"], last: Float[Tensor, "quarters dim h w"], share: float
) -> Float[Tensor, "quarters dim h w"]:
    """Turn the latents of each quarter, as one vector, by a share of their angle; straight if parallel."""
    one, other = first.flatten(1), last.flatten(1)
    angle = torch.cosine_similarity(one, other, dim=1).clamp(-1, 1).acos()[:, None]
    whole = angle.sin()
    mixed = (((1 - share) * angle).sin() * one + (share * angle).sin() * other) / whole
    return torch.where(whole > 1e-4, mixed, torch.lerp(one, other, share)).view_as(first)
