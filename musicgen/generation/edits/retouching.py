"""Write parts of a piece anew: fill a gap, or vary some bars; all other notes stay as they are."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt32

from musicgen.generation.asking.asked import Asked, Completion
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.asking.training_labels import TrainingLabels
from musicgen.generation.edits.filling import GapRequest, fill_gap
from musicgen.generation.generate import GeneratedPiece
from musicgen.generation.prompts import end_quarter, first_quarter, performed, scaled_to_grid, velocities_like
from musicgen.generation.sampling import Sampling
from musicgen.generation.tokenize import decode_codes, encode_packed, sounding_at_end
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.music.grid import ClockGrid, Grid, from_packed
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import NUM_PITCHES
from musicgen.music.score_map import ScoreMap
from musicgen.music.theory.keys import moved, steps_to_home

VARIED_QUARTERS = 4
"""Parts that are varied begin and end on nominal bars."""

_ROUNDING = 1e-9  # quarters: 3 + 1/3 and 10/3 are one place


@dataclass(frozen=True)
class Retoucher:
    """Writes parts of a piece anew with the networks of a run.

    Attributes:
        autoencoder: In evaluation mode.
        prior: In evaluation mode.
        grid: The run's; it must keep the quarters of a file.
        sampling: How codes are drawn.
        asked: What is asked of what is new.
        learned: How many training pieces were in each key before they were moved to one; None where they
            were not moved.
        known: Labels of the training pieces; None where the prior has none.
        candidates: Draws for each version, of which the one is taken that fits what lies behind best.

    Raises:
        ValueError: The grid counts other quarters, or a key is asked for.
    """

    autoencoder: Autoencoder
    prior: Prior
    grid: Grid
    sampling: Sampling
    asked: Asked = field(default_factory=Asked)
    learned: dict[str, int] | None = None
    known: TrainingLabels | None = None
    candidates: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.grid, ClockGrid):
            raise ValueError(
                f"{type(self.grid).__name__} counts other quarters than a file; use a run of grid=clock "
                "to fill and to vary"
            )
        if self.asked.key is not None:
            raise ValueError(f"key={self.asked.key}: a piece has a key already; leave the key out")

    def fill(
        self, performance: Performance, *, quarters: tuple[int, int], num_pieces: int = 1, seed: int = 0
    ) -> list[GeneratedPiece]:
        """Write the notes that begin in a part of a piece anew.

        All other notes keep their pitch, times and velocity, those that sound into the part or that begin
        behind it included; tempo, metre, key and pedals stay.

        Args:
            performance: The piece.
            quarters: The part: its first quarter, and the one behind it, counted from 0 by the file.
            num_pieces: How many versions.
            seed: Of the draws.

        Raises:
            ValueError: The part does not lie in the piece, or a number is out of range.
        """
        end = end_quarter(performance)
        check_part(quarters, end=end)
        return self._versions(performance, quarters, end=end, num_pieces=num_pieces, seed=seed)

    def _versions(
        self, performance: Performance, quarters: tuple[int, int], *, end: int, num_pieces: int, seed: int
    ) -> list[GeneratedPiece]:
        """Write versions of a part of a piece of `end` quarters."""
        (start, stop), onset = quarters, performance.onset_quarters
        kept = performance.where((onset < start) | (onset >= stop))
        packed = self._read(kept, quarters=end)
        home = steps_to_home(packed) if self.learned is not None else 0
        at_home = moved(packed, home)
        first = min(first_quarter(kept) if len(kept) else start, start)
        codes = torch.from_numpy(encode_packed(self.autoencoder, at_home[first:]))
        request = GapRequest(
            before=codes[None, : start - first],
            behind=codes[None, stop - first :],
            quarters=stop - start,
            batch=num_pieces,
            seed=seed,
            conditions=self._conditions(at_home, quarters=stop - start, seed=seed),
            candidates=self.candidates,
        )
        last = sounding_at_end(self.autoencoder, at_home[:start])
        pieces = []
        for row in fill_gap(self.prior, request, sampling=self.sampling):
            cells = decode_codes(self.autoencoder, row, before=last)
            new, onsets = moved(cells.packed, -home), cells.onsets
            onsets = None if onsets is None else moved(onsets, -home)
            joined = _joined(kept, new, onsets, start=start, ticks=self.autoencoder.layout.ticks)
            whole = torch.cat([codes[: start - first], row, codes[stop - first :]])
            filled = np.concatenate([packed[:start], new, packed[stop:]])
            pieces.append(GeneratedPiece(whole, filled[first:], joined, prompt_quarters=start - first))
        return pieces

    def vary(
        self,
        performance: Performance,
        *,
        share: float = 0.3,
        quarters: tuple[int, int] | None = None,
        num_pieces: int = 1,
        seed: int = 0,
    ) -> list[GeneratedPiece]:
        """Write a share of the bars of a piece, or of a part of it, anew.

        Args:
            performance: The piece.
            share: Of its bars of four quarters, above 0 to 1; at least one.
            quarters: The part that may change; None for all.
            num_pieces: How many versions; each changes other bars.
            seed: Of the choice of bars and of the draws.

        Raises:
            ValueError: The share is out of range, or the part does not lie in the piece.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share={share} is not a share of the piece; use above 0 to 1")
        if num_pieces < 1:
            raise ValueError(f"num_pieces={num_pieces}; use 1 or more")
        end = end_quarter(performance)
        part = quarters or (first_quarter(performance), end)
        check_part(part, end=end)
        versions = []
        for number in range(num_pieces):
            random = np.random.default_rng([seed, number])
            spans = varied_spans(part, share=share, random=random)
            piece, current = None, performance
            for span in spans:
                draw = int(random.integers(1 << 31))
                [piece] = self._versions(current, span, end=end, num_pieces=1, seed=draw)
                current = piece.performance
            assert piece is not None, "at least one bar is varied"
            versions.append(piece)
        return versions

    def _read(self, kept: Performance, *, quarters: int) -> UInt32[np.ndarray, "quarters pitches"]:
        """Cut notes into slices as the training pieces were cut, from quarter 0 on."""
        packed = np.zeros((quarters, NUM_PITCHES), np.uint32)
        if len(kept):
            with tempfile.TemporaryDirectory() as folder:
                write_midi(kept, Path(folder) / "kept.mid")
                read = self.grid.read(Path(folder) / "kept.mid").packed
            first = first_quarter(kept)
            read = read[: quarters - first]
            packed[first : first + len(read)] = read
        return packed

    def _conditions(
        self, kept: UInt32[np.ndarray, "quarters pitches"], *, quarters: int, seed: int
    ) -> Conditions | None:
        """Find the labels of a part: what is asked for, the rest from a training piece like what is kept."""
        prompt_quarters, completion = 0, None
        if self.known is not None:
            prompt_quarters, completion = len(kept), Completion(self.known, seed, prompt=kept)
        conditions = self.asked.conditions(
            self.prior.conditioner,
            quarters=quarters,
            prompt_quarters=prompt_quarters,
            in_one_key=self.learned is not None,
            completion=completion,
        )
        return None if conditions is None else conditions.since(prompt_quarters)


def check_part(quarters: tuple[int, int], *, end: int) -> None:
    """Refuse a part that does not lie in a piece.

    Args:
        quarters: The first one, and the one behind the last.
        end: Length of the piece.

    Raises:
        ValueError: It does not.
    """
    start, stop = quarters
    if not 0 <= start < stop <= end:
        raise ValueError(f"quarters {start}:{stop} are no part of a piece of {end}; use 0:{end} or less")


def varied_spans(
    part: tuple[int, int], *, share: float, random: np.random.Generator
) -> list[tuple[int, int]]:
    """Choose bars of a part at random; neighbours become one span.

    Args:
        part: The first quarter, and the one behind the last.
        share: Of the bars, at least one.
        random: Chooses them.

    Returns:
        First quarter and the one behind each span, in order.
    """
    starts = np.arange(part[0], part[1], VARIED_QUARTERS)
    count = max(1, round(share * len(starts)))
    spans: list[tuple[int, int]] = []
    for start in np.sort(random.choice(starts, count, replace=False)).tolist():
        stop = min(start + VARIED_QUARTERS, part[1])
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return spans


def _joined(
    kept: Performance,
    new: UInt32[np.ndarray, "gap pitches"],
    onsets: UInt32[np.ndarray, "gap pitches"] | None,
    *,
    start: int,
    ticks: int,
) -> Performance:
    """Put new notes between those that are kept; a new note that one of them sounds into is left out."""
    notes = from_packed(new, onsets=onsets, ticks=ticks)
    onset, offset = start + notes.onset_quarters, start + notes.offset_quarters
    same = notes.pitch[:, None] == kept.pitch
    after, before = onset[:, None] + _ROUNDING, offset[:, None] - _ROUNDING
    overlaps = same & (after < kept.offset_quarters) & (before > kept.onset_quarters)
    free = ~overlaps.any(axis=1)
    notes, onset, offset = notes.where(free), onset[free], offset[free]
    score = scaled_to_grid(kept.score or ScoreMap.constant())
    loudness = velocities_like(notes.pitch, kept) if len(kept) else np.full(len(notes), 80, np.uint8)
    return performed(
        score,
        np.concatenate([kept.pitch, notes.pitch]),
        np.concatenate([kept.onset_quarters, onset]),
        np.concatenate([kept.offset_quarters, offset]),
        np.concatenate([kept.velocity, loudness]),
    )


def parse_span(text: str) -> tuple[int, int]:
    """Read a part of a piece such as `16:24`.

    Raises:
        ValueError: It is none.
    """
    first, colon, stop = str(text).partition(":")
    if not (colon and first.strip().isdecimal() and stop.strip().isdecimal()):
        raise ValueError(f"fill={text} is no part of a piece; use for example 16:24, quarters from 0")
    return int(first), int(stop)
