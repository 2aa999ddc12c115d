"""Steer a prior towards composers by directions in its hidden states, without any training."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from musicgen.data.batches.codes import CodeWindows, PieceCodes
from musicgen.data.sources.composers import UNKNOWN
from musicgen.data.store.packed import PackedPieces
from musicgen.files.progress_bar import track
from musicgen.generation.asking.asked import nearest_name
from musicgen.generation.tokenize import encode_packed
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior

_WINDOWS_AT_ONCE = 16
_PIECES_OF_EACH, _QUARTERS_OF_EACH = 8, 256


@dataclass(frozen=True)
class Directions:
    """Where the hidden states of a prior lie while it reads pieces of each name.

    Attributes:
        names: Such as composers.
        vectors: Mean hidden state of each name's pieces, less the mean over all names.
        layer: The block of the prior behind which they were read.
    """

    names: tuple[str, ...]
    vectors: Float[Tensor, "names width"]
    layer: int

    def blend(self, shares: Mapping[str, float]) -> Float[Tensor, " width"]:
        """Mix directions by shares, which count by their sum.

        Raises:
            ValueError: A name is unknown, or a share is not above 0.
        """
        if not shares or not all(0 < share < float("inf") for share in shares.values()):
            raise ValueError(f"blend={dict(shares)}: shares are numbers above 0, one at least")
        total = sum(shares.values())
        rows = [self.names.index(nearest_name("blend", name, self.names)) for name in shares]
        weights = torch.tensor([share / total for share in shares.values()])
        return weights @ self.vectors[rows]


def composer_directions(autoencoder: Autoencoder, prior: Prior, pieces: PackedPieces) -> Directions:
    """Find the directions of composers in some of their training pieces.

    Args:
        autoencoder: In evaluation mode.
        prior: In evaluation mode.
        pieces: The training pieces; the first 256 quarters of at most eight of each composer are read.

    Raises:
        ValueError: The prior has no blocks, or there are fewer than two composers.
    """
    taken, parts, names = Counter[str](), [], []
    for number, piece in enumerate(pieces.pieces):
        if piece.composer != UNKNOWN and taken[piece.composer] < _PIECES_OF_EACH:
            taken[piece.composer] += 1
            names.append(piece.composer)
            parts.append(encode_packed(autoencoder, np.asarray(pieces.piece(number))[:_QUARTERS_OF_EACH]))
    if len(taken) < 2:
        raise ValueError(f"directions lie between composers; the pieces have {[*taken] or 'none'}")
    codes = PieceCodes(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))
    return find_directions(prior, codes, names)


def find_directions(
    prior: Prior, codes: PieceCodes, names: Sequence[str], *, layer: int | None = None, max_windows: int = 64
) -> Directions:
    """Read pieces with a prior, without labels, and compare its hidden states between their names.

    A difference of means, added while the prior writes (Composer Vector, arXiv 2604.03333; activation
    addition, Turner et al. 2023).

    Args:
        prior: In evaluation mode.
        codes: Training pieces.
        names: Of each piece; pieces of an empty name are left out.
        layer: The block to read behind; None takes the middle one.
        max_windows: Windows to read of each name, spread over its pieces.

    Raises:
        ValueError: The prior has no blocks, or there are fewer than two names.
    """
    blocks = _blocks(prior)
    layer = (len(blocks) - 1) // 2 if layer is None else layer
    known = sorted({name for name in names if name})
    if len(known) < 2:
        raise ValueError(f"directions lie between composers; the pieces have {known or 'none'}")
    means = [
        _mean_state(prior, blocks[layer], _of_name(codes, names, name), max_windows=max_windows)
        for name in track(known, description="Reading composers", total=len(known))
    ]
    states = torch.stack(means)
    return Directions(tuple(known), states - states.mean(dim=0), layer)


@contextmanager
def steered(prior: Prior, vector: Float[Tensor, " width"], *, layer: int) -> Iterator[None]:
    """Add a vector to the hidden states behind a block as long as the context lasts."""
    added = vector.to(prior.device)
    handle = _blocks(prior)[layer].register_forward_hook(lambda block, inputs, output: output + added)  # pyright: ignore[reportOperatorIssue]
    try:
        yield
    finally:
        handle.remove()


def _blocks(prior: Prior) -> nn.ModuleList:
    blocks = getattr(prior, "blocks", None)
    if not isinstance(blocks, nn.ModuleList):
        raise ValueError(
            f"{type(prior).__name__} has no blocks to steer; use a run of transformer=default or two_level"
        )
    return blocks


def _of_name(codes: PieceCodes, names: Sequence[str], name: str) -> PieceCodes:
    """Keep the pieces of a name."""
    parts = [
        codes.codes[codes.starts[number] : codes.starts[number + 1]]
        for number, other in enumerate(names)
        if other == name
    ]
    return PieceCodes(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))


@torch.inference_mode()
def _mean_state(
    prior: Prior, block: nn.Module, codes: PieceCodes, *, max_windows: int
) -> Float[Tensor, " width"]:
    """Average what a block puts out over windows of pieces."""
    reach = prior.max_positions // prior.vocabulary.codes_per_slice
    longest = int(np.diff(codes.starts).max(initial=1))
    size = min(reach, max(1, longest))
    windows = CodeWindows(codes, window_quarters=size, hop_quarters=size, start_token=prior.start_token)
    chosen = np.unique(np.linspace(0, len(windows) - 1, min(max_windows, len(windows))).round().astype(int))
    total, count = 0.0, 0
    outputs: list[Tensor] = []
    handle = block.register_forward_hook(lambda module, inputs, output: outputs.append(output))  # pyright: ignore[reportArgumentType]
    try:
        for part in np.array_split(chosen, range(_WINDOWS_AT_ONCE, len(chosen), _WINDOWS_AT_ONCE)):
            batch = windows.__getitems__(part.tolist()).within(prior.max_positions)
            prior(batch.inputs.to(prior.device))
            [states] = outputs
            outputs.clear()
            steps = batch.mask.unflatten(1, (states.shape[1], -1)).any(dim=2)[..., None].to(states.device)
            total = total + (states * steps).sum(dim=(0, 1))
            count += int(steps.sum())
    finally:
        handle.remove()
    assert isinstance(total, Tensor), "a name has pieces"
    return (total / count).cpu()
