"""Write new pieces: sample codes, decode them, and turn them into notes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt32

from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.sampling import Drawing, DrawRequest
from musicgen.generation.tokenize import decode_codes, encode_packed, sounding_at_end
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.cells.base import DrawnCells
from musicgen.models.priors.base import Prior
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance
from musicgen.music.theory.keys import fitting, moved, steps_to_home

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
    sampling: Drawing,
    tempo_bpm: float = 120.0,
    prompt: UInt32[np.ndarray, "quarters pitches"] | None = None,
    keys: KeyPlan | None = None,
    conditions: Conditions | None = None,
    progress: bool = False,
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
        keys: The key that new pieces come in; as the model writes them if not given.
        conditions: What is asked of all pieces, see `Asked.conditions`.
        progress: Show a bar on stderr if drawing takes longer than a second.

    Returns:
        The pieces, prompt included.

    Raises:
        ValueError: A number is out of range, the prompt is empty, or it comes with another key.
    """
    check_request(num_pieces=num_pieces, num_quarters=num_quarters, tempo_bpm=tempo_bpm)
    keys = keys or KeyPlan()
    if prompt is None:
        keys.tonics()  # refuses what is no key before anything is drawn
    opening = None if prompt is None else Opening.read(autoencoder, prompt, keys=keys)
    draw = {"num_pieces": num_pieces, "num_quarters": num_quarters, "seed": seed, "progress": progress}
    rows = _drawn(transformer, opening, sampling=sampling, conditions=conditions, **draw)
    rows = rows.view(num_pieces, -1, autoencoder.num_codes)
    if opening is None:
        cells = [decode_codes(autoencoder, row) for row in rows]
        ticks = autoencoder.layout.ticks
        return in_their_keys(rows, cells, keys=keys, seed=seed, tempo_bpm=tempo_bpm, ticks=ticks)
    new = [decode_codes(autoencoder, row[len(opening.packed) :], before=opening.last) for row in rows]
    return [opening.continued(row, cells, tempo_bpm=tempo_bpm) for row, cells in zip(rows, new, strict=True)]


def _drawn(
    transformer: Prior,
    opening: "Opening | None",
    *,
    num_pieces: int,
    num_quarters: int,
    seed: int,
    sampling: Drawing,
    conditions: Conditions | None,
    progress: bool,
) -> Int[torch.Tensor, "pieces codes"]:
    """Draw the codes of any number of pieces in batches."""
    drawn = []
    at_once = max(1, PIECES_AT_ONCE // sampling.rows(1))
    for first in range(0, num_pieces, at_once):
        batch = min(at_once, num_pieces - first)
        request = request_after(
            opening,
            num_quarters=num_quarters,
            seed=seed + first * _BATCH_SEEDS,
            batch=batch,
            conditions=None if conditions is None else conditions.of_pieces(first, batch),
        )
        drawn.append(sampling.draw(transformer, request, progress=progress).cpu())
    return torch.cat(drawn)


@dataclass(frozen=True)
class Opening:
    """A prompt as a prior reads it.

    Attributes:
        packed: Packed slices (quarters, 88), as they were given.
        codes: The codes of the prompt, moved home.
        last: What sounds at its end, moved home.
        home: Semitones by which it is moved before it is read: none unless one key was learned.
        ticks: Steps per quarter of the grid.
    """

    packed: UInt32[np.ndarray, "quarters pitches"]
    codes: Int[torch.Tensor, "1 codes"]
    last: Bool[np.ndarray, " pitches"]
    home: int
    ticks: int

    @classmethod
    def read(
        cls, autoencoder: Autoencoder, packed: UInt32[np.ndarray, "quarters pitches"], *, keys: KeyPlan
    ) -> "Opening":
        """Encode a prompt.

        Raises:
            ValueError: It is empty, or comes with another key.
        """
        if not len(packed):
            raise ValueError("the prompt has no quarters; use at least one")
        if keys.key is not None:
            raise ValueError(f"key={keys.key} with a prompt, which has a key already; leave one of them out")
        home = steps_to_home(packed) if keys.learned is not None else 0
        read = moved(packed, home)
        codes = torch.from_numpy(encode_packed(autoencoder, read)).reshape(1, -1)
        return cls(packed, codes, sounding_at_end(autoencoder, read), home, autoencoder.layout.ticks)

    def continued(
        self, row: Int[torch.Tensor, "quarters codes"], new: DrawnCells, *, tempo_bpm: float
    ) -> GeneratedPiece:
        """Join the prompt with the cells that follow it, moved back to the prompt's key.

        Args:
            row: Codes of both.
            new: Cells of what is new.
            tempo_bpm: Quarters a minute.
        """
        packed = np.concatenate([self.packed, moved(new.packed, -self.home)])
        onsets = new.onsets
        if onsets is not None:
            onsets = np.concatenate([np.zeros_like(self.packed), moved(onsets, -self.home)])
        performance = from_packed(packed, onsets=onsets, tempo_bpm=tempo_bpm, ticks=self.ticks)
        return GeneratedPiece(row, packed, performance, prompt_quarters=len(self.packed))


def request_after(
    opening: Opening | None,
    *,
    num_quarters: int,
    seed: int,
    batch: int = 1,
    conditions: Conditions | None = None,
) -> DrawRequest:
    """Ask for so many new quarters behind an opening, or from the start of a piece.

    Args:
        opening: What is continued; None for nothing.
        num_quarters: Length of what is new.
        seed: Of the draws.
        batch: Number of pieces.
        conditions: What the prior is told of them.
    """
    return DrawRequest(
        num_quarters=num_quarters + (0 if opening is None else len(opening.packed)),
        generator=torch.Generator().manual_seed(seed),
        batch=batch,
        prompt=None if opening is None else opening.codes.repeat(batch, 1),
        conditions=conditions,
    )


def in_their_keys(
    rows: Int[torch.Tensor, "pieces quarters codes"],
    cells: Sequence[DrawnCells],
    *,
    keys: KeyPlan,
    seed: int,
    tempo_bpm: float,
    ticks: int,
) -> list[GeneratedPiece]:
    """Make pieces of cells that stand by themselves, each moved to its key.

    Args:
        rows: The codes.
        cells: What they are decoded to.
        keys: The key that they come in.
        seed: Of the keys, where none is asked for.
        tempo_bpm: Quarters a minute.
        ticks: Steps per quarter of the grid.
    """
    pieces = []
    for number, (row, drawn) in enumerate(zip(rows, cells, strict=True)):
        random = np.random.default_rng([seed, number])
        steps = keys.semitones(from_packed(drawn.packed, onsets=drawn.onsets, ticks=ticks), random=random)
        semitones = fitting(drawn.packed, steps)
        pieces.append(begun(row, drawn, semitones=semitones, tempo_bpm=tempo_bpm, ticks=ticks))
    return pieces


def begun(
    row: Int[torch.Tensor, "quarters codes"],
    cells: DrawnCells,
    *,
    semitones: int,
    tempo_bpm: float,
    ticks: int,
) -> GeneratedPiece:
    """Make a piece of cells that stand by themselves.

    Args:
        row: The codes.
        cells: What they are decoded to.
        semitones: What the piece is moved by, upwards positive.
        tempo_bpm: Quarters a minute.
        ticks: Steps per quarter of the grid.
    """
    packed = moved(cells.packed, semitones)
    onsets = None if cells.onsets is None else moved(cells.onsets, semitones)
    performance = from_packed(packed, onsets=onsets, tempo_bpm=tempo_bpm, ticks=ticks)
    return GeneratedPiece(row, packed, performance, prompt_quarters=0)


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
