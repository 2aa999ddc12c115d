"""Turn pieces into codes and codes into slices."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64, Shaped, UInt16, UInt32

from musicgen.checkpoint import fingerprint
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.batches.slices import SliceBatch
from musicgen.data.store.code_cache import CODE, CodeCache
from musicgen.data.store.packed import PackedPieces
from musicgen.files.progress_bar import track
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.cells.base import DrawnCells
from musicgen.music.packing import packed_onsets


@torch.inference_mode()
def encode_packed(
    autoencoder: Autoencoder, packed: UInt32[np.ndarray, "quarters pitches"], *, batch_size: int = 256
) -> Int64[np.ndarray, "quarters codes"]:
    """Encode the quarters of one piece.

    Args:
        autoencoder: In evaluation mode, on any device.
        packed: The piece's packed slices (quarters, pitches), in order: onsets are edges.
        batch_size: Quarters at a time; bounds memory.

    Returns:
        Codes (quarters, codes per quarter).
    """
    device = next(autoencoder.parameters()).device
    channels = np.stack([packed, packed_onsets(packed)], axis=1)[:, : autoencoder.channels]
    slices = torch.from_numpy(autoencoder.layout.cells_of(channels))
    codes = [autoencoder.encode(part.to(device)).cpu() for part in slices.split(batch_size) if len(part)]
    return torch.cat(codes).numpy() if codes else np.empty((0, autoencoder.num_codes), np.int64)


def encode_pieces(
    autoencoder: Autoencoder,
    pieces: PackedPieces,
    *,
    cache: CodeCache | None = None,
    batch_size: int = 256,
    description: str = "Encoding",
) -> PieceCodes:
    """Encode all quarters of many pieces; a bar is shown when it takes longer than a moment.

    Args:
        autoencoder: In evaluation mode, on any device.
        pieces: What to encode.
        cache: Where codes are kept and mapped from; None keeps them in memory.
        batch_size: Quarters at a time; bounds memory.
        description: What the bar is called.

    Returns:
        The codes, with the pieces' boundaries.
    """
    num_codes = autoencoder.num_codes

    def encode() -> Iterator[np.ndarray]:
        return _encoded(autoencoder, pieces, batch_size=batch_size, description=description)

    if cache is not None and pieces.path is not None:
        return cache.codes(pieces, encoder=fingerprint(autoencoder), num_codes=num_codes, encode=encode)
    blocks = [np.empty((0, num_codes), CODE), *encode()]
    return PieceCodes(codes=np.concatenate(blocks), starts=pieces.starts)


def _encoded(
    autoencoder: Autoencoder, pieces: PackedPieces, *, batch_size: int, description: str
) -> Iterator[UInt16[np.ndarray, "batch codes"]]:
    device = next(autoencoder.parameters()).device
    firsts = range(0, len(pieces), batch_size)
    for first in track(firsts, description=description, total=len(firsts)):
        index = np.arange(first, min(first + batch_size, len(pieces)))
        batch = SliceBatch.of(pieces, index, channels=autoencoder.channels, layout=autoencoder.layout)
        with torch.inference_mode():
            codes = autoencoder.encode(batch.slices.to(device)).cpu()
        yield codes.numpy().astype(CODE)


@torch.inference_mode()
def decode_codes(
    autoencoder: Autoencoder,
    codes: Int[torch.Tensor, "quarters codes"],
    *,
    before: Bool[np.ndarray, " pitches"] | None = None,
    generator: torch.Generator | None = None,
    batch_size: int = 256,
) -> DrawnCells:
    """Decode consecutive quarters to cells as the autoencoder's cell model draws them.

    Args:
        autoencoder: In evaluation mode, on any device.
        codes: (quarters, codes per quarter).
        before: What sounded before the first quarter; silence if not given.
        generator: Draws a sample of the cells; their best single answer without one.
        batch_size: Quarters at a time; bounds memory.

    Returns:
        Packed slices of what sounds, and of onsets if the cell model predicts them.
    """
    if not len(codes):
        return DrawnCells(packed=np.empty((0, autoencoder.layout.pitches), np.uint32), onsets=None)
    evidence = torch.cat([evidence_of(autoencoder, part) for part in codes.split(batch_size)])
    return autoencoder.cells.draw(evidence, before=before, generator=generator)


def sounding_at_end(
    autoencoder: Autoencoder, packed: UInt32[np.ndarray, "quarters pitches"]
) -> Bool[np.ndarray, " pitches"]:
    """Return what sounds in the last tick of the autoencoder's grid; nothing before the first quarter.

    Args:
        autoencoder: Says how long its ticks are.
        packed: Packed slices of consecutive quarters; may be none.
    """
    if not len(packed):
        return np.zeros(packed.shape[1], bool)
    return autoencoder.layout.sounding_last(packed[-1])


@torch.inference_mode()
def evidence_of(
    autoencoder: Autoencoder, codes: Int[torch.Tensor, "quarters codes"]
) -> Shaped[torch.Tensor, "quarters ..."]:
    """Decode quarters to what their cells are drawn from; it can be gathered quarter by quarter.

    Args:
        autoencoder: In evaluation mode, on any device.
        codes: (quarters, codes per quarter), all decoded at once.
    """
    codes = codes.to(next(autoencoder.parameters()).device)
    return autoencoder.cells.evidence(autoencoder.decode_maps(codes).float()).cpu()
