"""The notes of one performance as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float64, Int16, UInt8

from musicgen.music.score_map import ScoreMap

LOWEST_PITCH = 21  # A0
HIGHEST_PITCH = 108  # C8


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """How often a reader met what is not a plain note, by kind.

    Attributes:
        unmatched_note_offs: note_offs with nothing sounding, dropped.
        unclosed_notes: notes never closed; they end at the end of their track.
        zero_length_notes: notes that end where they begin, dropped.
        out_of_range_notes: notes outside A0..C8, dropped.
        drum_notes: notes on channel 10, left out.
        system_messages: real-time and system common messages inside a track, dropped.
        bad_messages: messages with a data byte over 127, dropped.
        loud_velocities: velocities over 127, taken as 127.
        bad_tempos: tempo events of 0 or of fewer than three bytes, dropped.
        bad_signatures: time and key signatures that are none, dropped.
        missing_tracks: tracks that the header counts and the file does not hold.
        uncounted_tracks: tracks that the header does not count, read.
        mended_track_lengths: tracks whose length disagreed with where they end, read to their end.
        pieces_on_clock: pieces whose beats were too uncertain to count quarters from (`grid=beats`).
    """

    unmatched_note_offs: int = 0
    unclosed_notes: int = 0
    zero_length_notes: int = 0
    out_of_range_notes: int = 0
    drum_notes: int = 0
    system_messages: int = 0
    bad_messages: int = 0
    loud_velocities: int = 0
    bad_tempos: int = 0
    bad_signatures: int = 0
    missing_tracks: int = 0
    uncounted_tracks: int = 0
    mended_track_lengths: int = 0
    pieces_on_clock: int = 0

    def __str__(self) -> str:
        counts = {field.name: getattr(self, field.name) for field in fields(self)}
        return ", ".join(f"{name}={count}" for name, count in counts.items() if count)

    def __add__(self, other: "ReadCounts") -> "ReadCounts":
        names = [field.name for field in fields(ReadCounts)]
        return ReadCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, eq=False)
class Performance:
    """The notes of a piece, sorted by onset, then pitch.

    Attributes:
        pitch: MIDI numbers, 21 (A0) to 108 (C8).
        onset_s: starts in seconds from the beginning of the file.
        offset_s: ends in seconds, after the onsets.
        onset_quarters: starts in quarter notes of the file's tempo map.
        offset_quarters: ends in quarter notes.
        velocity: 1 to 127.
        counts: what was met on the way and is not a note here.
        score: tempo, metre, key and pedals of the file; None for notes that come from no file.
    """

    pitch: Int16[np.ndarray, " notes"]
    onset_s: Float64[np.ndarray, " notes"]
    offset_s: Float64[np.ndarray, " notes"]
    onset_quarters: Float64[np.ndarray, " notes"]
    offset_quarters: Float64[np.ndarray, " notes"]
    velocity: UInt8[np.ndarray, " notes"]
    counts: ReadCounts = ReadCounts()
    score: ScoreMap | None = None

    @classmethod
    def from_arrays(
        cls,
        pitch: np.ndarray,
        *,
        onset_s: np.ndarray,
        offset_s: np.ndarray,
        onset_quarters: np.ndarray,
        offset_quarters: np.ndarray,
        velocity: np.ndarray | int = 80,
        counts: ReadCounts = ReadCounts(),
        score: ScoreMap | None = None,
    ) -> "Performance":
        """Check, convert and sort the notes of a piece.

        Args:
            pitch: MIDI numbers, 21 to 108, in any order.
            onset_s: starts, seconds.
            offset_s: ends, seconds.
            onset_quarters: starts, quarter notes.
            offset_quarters: ends, quarter notes.
            velocity: 1 to 127, one for all notes or one per note.
            counts: what a reader met on the way.
            score: tempo, metre, key and pedals.

        Returns:
            The notes, sorted by onset, then pitch.

        Raises:
            ValueError: when lengths differ, or a pitch, a time or a velocity is not allowed.
        """
        pitches = np.asarray(pitch)
        if pitches.ndim != 1:
            raise ValueError(f"pitch has shape {pitches.shape}; one axis, a number per note, is allowed")
        velocities = np.full(pitches.shape, velocity) if np.ndim(velocity) == 0 else np.asarray(velocity)
        times = {
            "onset_s": np.asarray(onset_s, np.float64),
            "offset_s": np.asarray(offset_s, np.float64),
            "onset_quarters": np.asarray(onset_quarters, np.float64),
            "offset_quarters": np.asarray(offset_quarters, np.float64),
        }
        _check_notes(pitches, velocities, times)
        order = np.lexsort((times["offset_quarters"], pitches, times["onset_quarters"]))
        return cls(
            pitch=pitches[order].astype(np.int16),
            velocity=velocities[order].astype(np.uint8),
            counts=counts,
            score=score,
            **{name: values[order] for name, values in times.items()},
        )

    def __len__(self) -> int:
        return len(self.pitch)

    @property
    def duration_s(self) -> float:
        """Return the time of the last offset in seconds, 0 for no notes."""
        return float(self.offset_s.max(initial=0.0))

    @property
    def duration_quarters(self) -> float:
        """Return the time of the last offset in quarter notes, 0 for no notes."""
        return float(self.offset_quarters.max(initial=0.0))

    def transposed(self, semitones: int) -> "Performance":
        """Move all notes up by `semitones` (down if negative).

        Notes that would leave A0..C8 are dropped and added to `counts.out_of_range_notes`; key signatures,
        which no longer hold, are dropped, too.
        """
        moved = self.pitch.astype(np.int64) + semitones
        fits = (moved >= LOWEST_PITCH) & (moved <= HIGHEST_PITCH)
        counts = self.counts + ReadCounts(out_of_range_notes=int((~fits).sum()))
        score = self.score and self.score.without_key()
        return replace(self.where(fits), pitch=moved[fits].astype(np.int16), counts=counts, score=score)

    def between_quarters(self, start: float, stop: float) -> "Performance":
        """Keep the notes that begin in [start, stop) quarter notes, their times as they are."""
        return self.where((self.onset_quarters >= start) & (self.onset_quarters < stop))

    def where(self, keep: Bool[np.ndarray, " notes"]) -> "Performance":
        """Keep some of the notes, in their order.

        Args:
            keep: Whether each note is kept.
        """
        names = [field.name for field in fields(self) if field.name not in ("counts", "score")]
        return replace(self, **{name: getattr(self, name)[keep] for name in names})


def _check_notes(pitches: np.ndarray, velocities: np.ndarray, times: Mapping[str, np.ndarray]) -> None:
    _check_range("pitch", pitches, LOWEST_PITCH, HIGHEST_PITCH)
    _check_range("velocity", velocities, 1, 127)
    for name, values in {"velocity": velocities, **times}.items():
        if values.shape != pitches.shape:
            raise ValueError(f"{name} has shape {values.shape} and pitch {pitches.shape}; give as many")
    for name, values in times.items():
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(f"{name} holds a negative or not finite time; shift the piece to start at 0")
    for unit in ("s", "quarters"):
        if (times[f"offset_{unit}"] <= times[f"onset_{unit}"]).any():
            raise ValueError(f"a note's offset_{unit} is not after its onset_{unit}; drop such notes")


def _check_range(name: str, values: np.ndarray, lowest: int, highest: int) -> None:
    if (values % 1 != 0).any():
        raise ValueError(
            f"{name} holds {values[values % 1 != 0][0]}; whole numbers {lowest}..{highest} are allowed"
        )
    if values.size and not (values.min() >= lowest and values.max() <= highest):
        raise ValueError(f"{name} runs from {values.min()} to {values.max()}; {lowest}..{highest} is allowed")
