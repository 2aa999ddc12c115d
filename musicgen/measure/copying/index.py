"""Find the longest run of notes that a piece shares with other pieces, up to transposition."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_LZMA, ZipFile

import numpy as np
from jaxtyping import Bool, Int

from musicgen.measure.copying.interval_hashes import RunHashes, Steps, pitches_of, steps_of
from musicgen.music.midi import MidiError, read_midi
from musicgen.music.notes import Performance

_log = logging.getLogger(__name__)

INDEX_FORMAT = 2  # version of the saved file; 1 held every pitch and onset

_SEED = 8  # steps; shortest run in the lookup table


@dataclass(frozen=True)
class Copy:
    """Longest run that a piece shares with an index.

    Attributes:
        notes: Length of the run in notes; 0 if no step is shared.
        source: Name of the indexed piece that holds it; "" for none.
        source_onset_s: Start of the run in the source, to the second; NaN for none.
        transposition: Semitones from the source up to the copy.
        onset_s: Start of the run in the queried piece, in seconds; NaN for none.
    """

    notes: int
    source: str
    source_onset_s: float
    transposition: int
    onset_s: float


_NOTHING = Copy(notes=0, source="", source_onset_s=float("nan"), transposition=0, onset_s=float("nan"))


class CopyIndex:
    """Find the longest run that a piece shares with a set of pieces, such as a training set.

    All pieces are seen through the grid, as everything generated is, and as steps from each note to
    the next (`steps_of`): the interval, so that transposition does not matter, and the class of
    the gap between onsets, about an octave wide, so that a copy that is a little uneven, or a
    little faster, is still one. A run is copied when all its steps are the same, one after the
    other; a note more or less ends it.

    Longest runs are found by hashes of all runs of one length, halving the range of lengths; what
    they find is compared step by step in the end.

    Real music shares runs too: of the 834 distinct pieces of GiantMIDI-Piano here, each against all others,
    the longest has a median of 15 notes and a 95th percentile of 34. The longest of all, 44 to
    135 notes, are mostly the same recording under two titles.

    Args:
        paths: MIDI files; unreadable ones are skipped, logged and listed in `skipped`.

    Raises:
        ValueError: No file could be read.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        pieces, skipped = [], []
        for path in map(str, paths):
            try:
                pieces.append((path, steps_of(read_midi(path))))
            except MidiError as error:
                _log.warning("skipped in the copy index: %s", error)
                skipped.append(path)
        if not pieces:
            raise ValueError(f"none of the {len(skipped)} files could be read; give at least one MIDI file")
        self._set_pieces(pieces, skipped)

    @classmethod
    def from_performances(cls, pieces: Iterable[tuple[str, Performance]]) -> "CopyIndex":
        """Index notes in memory, such as training pieces reconstructed by the autoencoder.

        Args:
            pieces: Name and notes of each piece.

        Raises:
            ValueError: There are no pieces.
        """
        named = [(name, steps_of(performance)) for name, performance in pieces]
        if not named:
            raise ValueError("there are no pieces to index; give at least one")
        index = cls.__new__(cls)
        index._set_pieces(named, [])
        return index

    def longest_copy(self, performance: Performance, *, exclude: Collection[str] = ()) -> Copy:
        """Find the longest run of a piece that occurs in the index.

        Ties are broken by no transposition, then by order in the index, then in the piece.

        Args:
            performance: The notes.
            exclude: Names of sources to ignore, such as the piece itself.
        """
        asked = steps_of(performance)
        hashes = RunHashes(asked.step[:-1])
        allowed = np.array([name not in exclude for name in self.names])
        longest = int(np.diff(self._starts)[allowed].max(initial=1)) - 1
        query, low, high = np.arange(len(hashes)), 0, min(len(hashes), longest)
        places = self._seeded(hashes, allowed) if high >= _SEED else np.zeros(0, dtype=np.int64)
        if len(places):
            low = _SEED - 1
        else:
            high = min(high, _SEED - 1)
            places = np.flatnonzero(np.repeat(allowed, np.diff(self._starts)))
        while low < high:
            length = (low + high + 1) // 2
            ours, theirs = self._shared(hashes, query, places, length)
            if len(ours):
                low, query, places = length, ours, theirs
            else:
                high = length - 1
        return self._best(asked, hashes, query, places, low) if low else _NOTHING

    def save(self, path: str | Path | BinaryIO, *, with_folders: bool = True) -> None:
        """Write the index to an `.npz` file without pickles, in about three quarters of a byte a note.

        Pitches follow from the steps.

        Args:
            path: A path or an open file.
            with_folders: Pieces are called by their paths; False leaves only the names of their files.
        """
        names, skipped = (
            [name if with_folders else Path(name).name for name in named]
            for named in (self.names, self.skipped)
        )
        arrays = {
            "format": np.array(INDEX_FORMAT),
            "names": np.array(names, dtype=np.str_),
            "skipped": np.array(skipped, dtype=np.str_),
            "starts": self._starts,
            "first": np.append(self._pitch, 0)[self._starts[:-1]],
            "seconds": np.diff(self._seconds, prepend=0),
            "step": self._step,
        }
        with ZipFile(path, "w", ZIP_LZMA) as archive:  # as `np.savez_compressed`, which deflates
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)

    @classmethod
    def load(cls, path: str | Path) -> "CopyIndex":
        """Load an index written by `save`.

        Raises:
            ValueError: The file has another format.
        """
        with np.load(path, allow_pickle=False) as saved:
            version = int(saved["format"]) if "format" in saved else None
            if version not in (1, INDEX_FORMAT):
                raise ValueError(f"{path} is no copy index of format {INDEX_FORMAT}; build it again")
            starts, step = saved["starts"], saved["step"]
            if version == 1:
                pitch, onset_s = saved["pitch"], saved["onset_s"]
            else:
                pitch = pitches_of(step, starts=starts, first=saved["first"])
                onset_s = np.cumsum(saved["seconds"]).astype(np.float32)
            parts = (np.split(array, starts[1:-1]) for array in (pitch, onset_s, step))
            pieces = [Steps(*arrays) for arrays in zip(*parts, strict=True)]
            names, skipped = saved["names"].tolist(), saved["skipped"].tolist()
        index = cls.__new__(cls)
        index._set_pieces(list(zip(names, pieces, strict=True)), skipped)
        return index

    def _set_pieces(self, pieces: Sequence[tuple[str, Steps]], skipped: Sequence[str]) -> None:
        """Concatenate the pieces and sort the possible starts of runs by their first steps."""
        self.names, self.skipped = tuple(name for name, _ in pieces), tuple(skipped)
        sizes = np.array([len(steps.pitch) for _, steps in pieces])
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._pitch = np.concatenate([steps.pitch for _, steps in pieces]).astype(np.int16)
        self._seconds = np.rint(np.concatenate([steps.onset_s for _, steps in pieces])).astype(np.int32)
        self._step = np.concatenate([steps.step for _, steps in pieces]).astype(np.int16)
        self._left = (np.repeat(self._starts[1:], sizes) - 1 - np.arange(len(self._step))).astype(np.int32)
        self._hashes = RunHashes(self._step)
        seeds = np.flatnonzero(self._left >= _SEED)
        keys = self._hashes.of(seeds, _SEED)
        order = np.argsort(keys, kind="stable")
        self._seed_keys, self._seeds = keys[order], seeds[order].astype(np.int32)

    def _seeded(self, hashes: RunHashes, allowed: Bool[np.ndarray, " pieces"]) -> Int[np.ndarray, " places"]:
        """Return the places in allowed pieces whose first steps occur in the query."""
        asked = np.unique(hashes.of(np.arange(len(hashes) - _SEED + 1), _SEED))
        low = np.searchsorted(self._seed_keys, asked, side="left")
        count = np.searchsorted(self._seed_keys, asked, side="right") - low
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        places = np.sort(self._seeds[np.repeat(low, count) + within]).astype(np.int64)
        return places[allowed[self._piece_of(places)]]

    def _piece_of(self, places: Int[np.ndarray, " places"]) -> Int[np.ndarray, " places"]:
        return np.searchsorted(self._starts, places, side="right") - 1

    def _shared(
        self,
        hashes: RunHashes,
        query: Int[np.ndarray, " asked"],
        places: Int[np.ndarray, " places"],
        length: int,
    ) -> tuple[Int[np.ndarray, " some"], Int[np.ndarray, " fewer"]]:
        """Return the starts, in the piece and in the index, of shared runs of a length."""
        query = query[query <= len(hashes) - length]
        places = places[self._left[places] >= length]
        ours, theirs = hashes.of(query, length), self._hashes.of(places, length)
        if len(ours) == 0:
            return query, places[:0]
        asked = np.unique(ours)  # few, so that the index's many hashes need no sorting
        shared = asked[np.minimum(np.searchsorted(asked, theirs), len(asked) - 1)] == theirs
        return query[np.isin(ours, theirs[shared])], places[shared]

    def _best(
        self,
        asked: Steps,
        hashes: RunHashes,
        query: Int[np.ndarray, " asked"],
        places: Int[np.ndarray, " places"],
        length: int,
    ) -> Copy:
        """Choose among the longest runs."""
        keys, first = np.unique(hashes.of(query, length), return_index=True)
        begins = query[first[np.searchsorted(keys, self._hashes.of(places, length))]]
        moved = asked.pitch[begins] - self._pitch[places]
        chosen = np.lexsort((begins, places, moved != 0))[0]
        begin, place = int(begins[chosen]), int(places[chosen])
        same = asked.step[begin : begin + length] == self._step[place : place + length]
        assert same.all(), "two different runs have one hash"
        return Copy(
            notes=length + 1,
            source=self.names[int(self._piece_of(places[[chosen]])[0])],
            source_onset_s=float(self._seconds[place]),
            transposition=int(moved[chosen]),
            onset_s=float(asked.onset_s[begin]),
        )
