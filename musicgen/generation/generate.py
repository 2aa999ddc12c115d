"""Write new pieces: sample codes, decode them, and turn them into notes."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, UInt32

from musicgen.generation.key_plan import KeyPlan, home_of
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.generation.tokenize import decode_codes, encode_packed
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.music.grid import from_packed, unpack
from musicgen.music.notes import Performance
from musicgen.music.theory.home_key import fitting, moved, steps_home

PIECES_AT_ONCE = 32  # bounds memory; a part of what a seed means
_BATCH_SEEDS = 1_000_003  # apart, so that no seed of a user's sweep has the pieces of another's later batch


@dataclass(frozen=True)
class GeneratedPiece:
    """A new piece as codes, as cells and as notes.

    Attributes:
        codes: (quarters, codes per quarter), the prompt's first.
        packed: Packed cells (quarters, 88), the prompt's as it was given.
        performance: The notes, at the tempo asked for.
        prompt_quarters: How many quarters at the front were given.
    """

    codes: Int[torch.Tensor, "quarters codes"]
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
    keys: KeyPlan | None = None,
    labels: Int[torch.Tensor, "1 fields"] | None = None,
    guidance: float = 1.0,
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
        keys: The key that pieces come in; as the model writes them if not given. A prompt is continued in
            its own key.
        labels: What is asked of all pieces, see `labels_asked`.
        guidance: How much the labels count: 0 not at all, 1 as learned, 2 twice as far.

    Returns:
        The pieces, prompt included.

    Raises:
        ValueError: A number is out of range, the prompt is empty, or it comes with another key.
    """
    check_request(num_pieces=num_pieces, num_quarters=num_quarters, tempo_bpm=tempo_bpm)
    keys, prompt_codes, prompt_quarters, home = keys or KeyPlan(), None, 0, 0
    if prompt is not None:
        if not len(prompt):
            raise ValueError("the prompt has no quarters; give at least one")
        if keys.key is not None:
            raise ValueError(f"key={keys.key} with a prompt, which has a key already; leave one of them out")
        home = _steps_home(prompt, keys)
        prompt_quarters = len(prompt)
        at_home = moved(prompt, home)
        prompt_codes = torch.from_numpy(encode_packed(autoencoder, at_home)).reshape(1, -1)
    drawn = []
    for first in range(0, num_pieces, PIECES_AT_ONCE):
        batch = min(PIECES_AT_ONCE, num_pieces - first)
        request = DrawRequest(
            num_quarters=prompt_quarters + num_quarters,
            generator=torch.Generator().manual_seed(seed + first * _BATCH_SEEDS),
            batch=batch,
            prompt=None if prompt_codes is None else prompt_codes.repeat(batch, 1),
            labels=labels,
            guidance=guidance,
        )
        drawn.append(sampling.draw(transformer, request).cpu())
    rows = torch.cat(drawn).view(num_pieces, -1, autoencoder.num_codes)
    if prompt is not None:
        return [_continued(autoencoder, row, prompt, home=home, tempo_bpm=tempo_bpm) for row in rows]
    return [
        _begun(autoencoder, row, keys, random=np.random.default_rng([seed, number]), tempo_bpm=tempo_bpm)
        for number, row in enumerate(rows)
    ]


def _steps_home(prompt: UInt32[np.ndarray, "quarters pitches"], keys: KeyPlan) -> int:
    """Count the semitones by which a prompt is moved before it is read: none unless one key was learned."""
    key = home_of(from_packed(prompt)) if keys.learned is not None else None
    return 0 if key is None else fitting(prompt, steps_home(key))


def _begun(
    autoencoder: Autoencoder,
    row: Int[torch.Tensor, "quarters codes"],
    keys: KeyPlan,
    *,
    random: np.random.Generator,
    tempo_bpm: float,
) -> GeneratedPiece:
    """Decode a piece that stands by itself, and move it to its key."""
    decoded = decode_codes(autoencoder, row)
    performance = from_packed(decoded.packed, onsets=decoded.onsets, tempo_bpm=tempo_bpm)
    steps = fitting(decoded.packed, keys.semitones(performance, random=random))
    packed = moved(decoded.packed, steps)
    if steps:
        onsets = None if decoded.onsets is None else moved(decoded.onsets, steps)
        performance = from_packed(packed, onsets=onsets, tempo_bpm=tempo_bpm)
    return GeneratedPiece(codes=row, packed=packed, performance=performance, prompt_quarters=0)


def _continued(
    autoencoder: Autoencoder,
    row: Int[torch.Tensor, "quarters codes"],
    prompt: UInt32[np.ndarray, "prompt_quarters pitches"],
    *,
    home: int,
    tempo_bpm: float,
) -> GeneratedPiece:
    """Decode what follows a prompt, and move it back to the prompt's key."""
    before = unpack(moved(prompt[-1:], home)[0])[:, -1]
    decoded = decode_codes(autoencoder, row[len(prompt) :], before=before)
    packed = np.concatenate([prompt, moved(decoded.packed, -home)])
    onsets = decoded.onsets
    if onsets is not None:
        onsets = np.concatenate([np.zeros_like(prompt), moved(onsets, -home)])
    performance = from_packed(packed, onsets=onsets, tempo_bpm=tempo_bpm)
    return GeneratedPiece(codes=row, packed=packed, performance=performance, prompt_quarters=len(prompt))


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
