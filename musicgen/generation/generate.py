"""Write new pieces: sample codes, decode them, and turn them into notes."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, UInt32

from musicgen.generation.sampling import Chooser, sample_codes
from musicgen.generation.tokenize import decode_codes, encode_packed
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance

PIECES_AT_ONCE = 32  # bounds memory; a part of what a seed means
_BATCH_SEEDS = 1_000_003  # apart, so that no seed of a user's sweep has the pieces of another's later batch


@dataclass(frozen=True)
class Sampling:
    """Draw without a seam, letting the oldest quarters go; see `sample_codes` for what each number does.

    Raises:
        ValueError: A number is out of range.
    """

    temperature: float = 0.9
    top_k: int | None = 16
    top_p: float | None = None
    hop_quarters: int = 4

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled with, before anything is trained."""
        Chooser(temperature=self.temperature, top_k=self.top_k, top_p=self.top_p)
        if self.hop_quarters < 1:
            raise ValueError(f"hop_quarters={self.hop_quarters} lets nothing go; use 1 or more")

    def draw(
        self,
        transformer: Prior,
        *,
        num_quarters: int,
        codes_per_quarter: int,
        prompt: Int[torch.Tensor, "batch positions"] | None,
        batch: int,
        generator: torch.Generator,
    ) -> Int[torch.Tensor, "pieces codes"]:
        """Draw the codes of `batch` pieces of `num_quarters` quarters, the prompt's first."""
        return sample_codes(
            transformer,
            num_quarters=num_quarters,
            codes_per_quarter=codes_per_quarter,
            prompt=prompt,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            hop_quarters=self.hop_quarters,
            batch=batch,
            generator=generator,
        )


@dataclass(frozen=True)
class GeneratedPiece:
    """A new piece as codes, as cells and as notes.

    Attributes:
        codes: (quarters, 16), the prompt's first.
        packed: Packed cells (quarters, 88), the prompt's as it was given.
        performance: The notes, at the tempo asked for.
        prompt_quarters: How many quarters at the front were given.
    """

    codes: Int[torch.Tensor, "quarters positions"]
    packed: UInt32[np.ndarray, "quarters pitches"]
    performance: Performance
    prompt_quarters: int


def generate_pieces(
    autoencoder: Autoencoder,
    transformer: Prior,
    *,
    num_pieces: int,
    num_quarters: int,
    seed: int,
    sampling: Sampling,
    tempo_bpm: float = 120.0,
    prompt: UInt32[np.ndarray, "quarters pitches"] | None = None,
) -> list[GeneratedPiece]:
    """Sample pieces, all from the start of a piece or all from one prompt.

    Args:
        autoencoder: Turns codes into slices; in evaluation mode.
        transformer: Draws the codes; in evaluation mode.
        num_pieces: How many pieces, 1 or more.
        num_quarters: Length of what is new in each, in quarters, 1 or more.
        seed: Of the draws; the same seed gives the same pieces on the same machine, the first ones whatever
            `num_pieces` is.
        sampling: How codes are drawn.
        tempo_bpm: Quarters a minute of the result, above 0.
        prompt: Packed slices (quarters, 88) to keep and continue.

    Returns:
        The pieces, prompt included.

    Raises:
        ValueError: A number is out of range, or the prompt is empty.
    """
    check_request(num_pieces=num_pieces, num_quarters=num_quarters, tempo_bpm=tempo_bpm)
    codes_per_quarter = autoencoder.num_codes
    prompt_codes, prompt_quarters = None, 0
    if prompt is not None:
        if not len(prompt):
            raise ValueError("the prompt has no quarters; give at least one")
        prompt_quarters = len(prompt)
        prompt_codes = torch.from_numpy(encode_packed(autoencoder, prompt)).reshape(1, -1)
    drawn = []
    for first in range(0, num_pieces, PIECES_AT_ONCE):
        batch = min(PIECES_AT_ONCE, num_pieces - first)
        codes = sampling.draw(
            transformer,
            num_quarters=prompt_quarters + num_quarters,
            codes_per_quarter=codes_per_quarter,
            prompt=None if prompt_codes is None else prompt_codes.repeat(batch, 1),
            batch=batch,
            generator=torch.Generator().manual_seed(seed + first * _BATCH_SEEDS),
        )
        drawn.append(codes.cpu())
    pieces = []
    for row in torch.cat(drawn).view(num_pieces, -1, codes_per_quarter):
        decoded = decode_codes(autoencoder, row[prompt_quarters:])
        packed = decoded.packed if prompt is None else np.concatenate([prompt, decoded.packed])
        onsets = decoded.onsets
        if onsets is not None and prompt is not None:
            onsets = np.concatenate([np.zeros_like(prompt), onsets])
        performance = from_packed(packed, onsets=onsets, tempo_bpm=tempo_bpm)
        pieces.append(
            GeneratedPiece(codes=row, packed=packed, performance=performance, prompt_quarters=prompt_quarters)
        )
    return pieces


def check_request(*, num_pieces: int, num_quarters: int, tempo_bpm: float) -> None:
    """Refuse a request that cannot be met, before anything is trained.

    Raises:
        ValueError: A number is out of range.
    """
    if num_pieces < 1:
        raise ValueError(f"num_pieces={num_pieces}; ask for 1 or more")
    if num_quarters < 1:
        raise ValueError(f"num_quarters={num_quarters}; ask for 1 or more")
    if not tempo_bpm > 0:
        raise ValueError(f"tempo_bpm={tempo_bpm}; use a number of quarters a minute above 0")
