"""Turn pieces into codes and codes into slices."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, Int64, UInt16, UInt32

from musicgen.checkpoint import fingerprint
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.store.code_cache import CODE, CodeCache
from musicgen.data.store.packed import PackedPieces
from musicgen.files.progress_bar import track
from musicgen.models.autoencoder import Autoencoder
from musicgen.music.grid import NUM_PITCHES, pack, packed_onsets, unpack
from musicgen.music.hysteresis import BEGIN_PROBABILITY, HOLD_PROBABILITY, sounding_runs


@dataclass(frozen=True)
class Decoded:
    """What a row of codes sounds like, in packed slices (quarters, 88).

    Attributes:
        packed: Cells that sound.
        onsets: Cells where a note begins, from the autoencoder's second channel; None where it has none.
    """

    packed: UInt32[np.ndarray, "quarters pitches"]
    onsets: UInt32[np.ndarray, "quarters pitches"] | None


@torch.inference_mode()
def encode_packed(
    autoencoder: Autoencoder, packed: UInt32[np.ndarray, "quarters pitches"], *, batch_size: int = 256
) -> Int64[np.ndarray, "quarters positions"]:
    """Encode the quarters of one piece.

    Args:
        autoencoder: In evaluation mode, on any device.
        packed: The piece's packed slices (quarters, 88), in order: onsets are edges from one to the next.
        batch_size: Quarters at a time; bounds memory.

    Returns:
        Codes (quarters, 16), row-major over the 8x2 grid.
    """
    device = next(autoencoder.parameters()).device
    channels = [packed] if autoencoder.channels == 1 else [packed, packed_onsets(packed)]
    slices = np.stack(channels, axis=1)
    codes = [
        autoencoder.encode(torch.from_numpy(unpack(part)).to(device)).cpu()
        for part in np.array_split(slices, range(batch_size, len(slices), batch_size))
    ]
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
) -> Iterator[UInt16[np.ndarray, "batch positions"]]:
    device = next(autoencoder.parameters()).device
    firsts = range(0, len(pieces), batch_size)
    for first in track(firsts, description=description, total=len(firsts)):
        index = np.arange(first, min(first + batch_size, len(pieces)))
        slices = pieces.gather(index, channels=autoencoder.channels).to(device)
        with torch.inference_mode():
            codes = autoencoder.encode(slices).cpu()
        yield codes.numpy().astype(CODE)


@torch.inference_mode()
def decode_codes(
    autoencoder: Autoencoder, codes: Int[torch.Tensor, "quarters positions"], *, batch_size: int = 256
) -> Decoded:
    """Decode consecutive quarters; which cells sound is decided as `music.hysteresis` says.

    Args:
        autoencoder: In evaluation mode, on any device.
        codes: (quarters, 16).
        batch_size: Quarters at a time; bounds memory.

    Returns:
        Packed slices of what sounds, and of onsets where the autoencoder tells them.
    """
    device = next(autoencoder.parameters()).device
    if not len(codes):
        return Decoded(packed=np.empty((0, NUM_PITCHES), np.uint32), onsets=None)
    logits = [autoencoder.decode_logits(part.to(device)).float().cpu() for part in codes.split(batch_size)]
    probabilities = torch.cat(logits).sigmoid().numpy()
    sounding = probabilities[:, 0]
    packed = sounding_runs(pack(sounding > BEGIN_PROBABILITY), pack(sounding > HOLD_PROBABILITY))
    if probabilities.shape[1] == 1:
        return Decoded(packed=packed, onsets=None)
    onsets = packed & pack(probabilities[:, 1] > 0.5)
    return Decoded(packed=packed, onsets=onsets | packed_onsets(packed))
