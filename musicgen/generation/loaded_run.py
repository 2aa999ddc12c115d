"""A finished run in Python: new pieces, asked for as on the command line."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
from jaxtyping import UInt32

from musicgen.checkpoint import load_autoencoder
from musicgen.files.run_folders import find_run
from musicgen.generation.asking.asked import Asked, Completion, Wishes
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.continuation import continue_prompt
from musicgen.generation.edits.looping import QUARTERS_PER_BAR, generate_loops
from musicgen.generation.edits.retouching import Retoucher
from musicgen.generation.generate import GeneratedPiece, generate_pieces
from musicgen.generation.key_plan import KeyPlan, at_home
from musicgen.generation.loaded_networks import LoadedNetworks
from musicgen.generation.prompts import Prompt, read_prompt
from musicgen.generation.sampling import Sampling
from musicgen.generation.streaming import StreamedQuarter, stream_piece
from musicgen.music.midi import read_midi


@dataclass(frozen=True)
class LoadedRun(LoadedNetworks):
    """A run folder, opened to be used from Python; `musicgen.load` makes it."""

    def generate(
        self,
        num_pieces: int = 1,
        *,
        num_quarters: int = 128,
        seed: int = 0,
        sampling: Sampling | None = None,
        tempo_bpm: float = 120.0,
        **asked: Unpack[Wishes],
    ) -> list[GeneratedPiece]:
        """Write new pieces.

        Args:
            num_pieces: How many.
            num_quarters: Their length, in quarters.
            seed: Of the draws.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            tempo_bpm: Quarters a minute.
            asked: Fields of `Asked`: composer, era, key, blend, attributes, mood, guidance.

        Returns:
            The pieces; `write_midi(piece.performance, path)` writes one.

        Raises:
            ValueError: A number is out of range, or the run does not know what is asked for.
        """
        wishes = Asked(**asked)
        return generate_pieces(
            self.autoencoder,
            self.prior,
            num_pieces=num_pieces,
            num_quarters=num_quarters,
            seed=seed,
            sampling=sampling or Sampling(),
            tempo_bpm=tempo_bpm,
            keys=KeyPlan(learned=self.learned_keys, key=wishes.key),
            conditions=self.conditions(wishes, quarters=num_quarters, seed=seed, num_pieces=num_pieces),
        )

    def loop(
        self,
        bars: int = 8,
        *,
        num_pieces: int = 1,
        seed: int = 0,
        sampling: Sampling | None = None,
        tempo_bpm: float = 120.0,
        candidates: int = 8,
        **asked: Unpack[Wishes],
    ) -> list[GeneratedPiece]:
        """Write loops, whose end leads into their own beginning.

        Args:
            bars: Their length in bars of four quarters.
            num_pieces: How many.
            seed: Of the draws.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            tempo_bpm: Quarters a minute.
            candidates: Draws for each loop, of which the one is taken that closes best.
            asked: Fields of `Asked`: composer, era, key, blend, attributes, mood, guidance.

        Raises:
            ValueError: A number is out of range, or the run does not know what is asked for.
        """
        wishes = Asked(**asked)
        return generate_loops(
            self.autoencoder,
            self.prior,
            bars=bars,
            num_pieces=num_pieces,
            seed=seed,
            sampling=sampling or Sampling(),
            tempo_bpm=tempo_bpm,
            keys=KeyPlan(learned=self.learned_keys, key=wishes.key),
            conditions=self.conditions(
                wishes, quarters=max(1, bars * QUARTERS_PER_BAR), seed=seed, num_pieces=num_pieces
            ),
            candidates=candidates,
        )

    def stream(
        self,
        path: str | Path | None = None,
        *,
        num_quarters: int = 128,
        bars: str | None = None,
        seed: int = 0,
        sampling: Sampling | None = None,
        tempo_bpm: float | None = None,
        **asked: Unpack[Wishes],
    ) -> Iterator[StreamedQuarter]:
        """Write one piece, or continue one, and yield it quarter by quarter as it is drawn.

        Args:
            path: A MIDI file to continue; None begins a piece.
            num_quarters: Length of what is new, in quarters.
            bars: Continue these bars of the file, such as `9-16`; None takes the whole piece.
            seed: Of the draws; `generate` has the same codes with the same seed.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            tempo_bpm: Quarters a minute of what is new; None takes the prompt's last tempo, or 120.
            asked: Fields of `Asked`: composer, era, key, blend, attributes, mood, guidance.

        Yields:
            The number of the quarter, how many there will be, and the piece so far.

        Raises:
            MidiError: The file cannot be read as music.
            ValueError: A number is out of range, or the run does not know what is asked for; before the
                first quarter is drawn.
        """
        wishes = Asked(**asked)
        prompt = None if path is None else read_prompt(path, grid=self.grid, bars=bars)
        packed = None if prompt is None else prompt.packed
        streamed = stream_piece(
            self.autoencoder,
            self.prior,
            num_quarters=num_quarters,
            seed=seed,
            sampling=sampling or Sampling(),
            tempo_bpm=tempo_bpm or 120.0,
            prompt=packed,
            keys=self._key_plan(wishes.key),
            conditions=self.conditions(wishes, quarters=num_quarters, seed=seed, prompt=packed),
        )
        if prompt is None:
            return streamed
        return (
            StreamedQuarter(quarter.number, quarter.total, partial(_continued, quarter, prompt, tempo_bpm))
            for quarter in streamed
        )

    def fill(
        self,
        path: str | Path,
        *,
        quarters: tuple[int, int],
        num_pieces: int = 1,
        seed: int = 0,
        sampling: Sampling | None = None,
        **asked: Unpack[Wishes],
    ) -> list[GeneratedPiece]:
        """Write the notes that begin in a part of a piece anew; all others stay as they are.

        Args:
            path: A MIDI file.
            quarters: The first quarter of the part, and the one behind it, counted from 0 by the file.
            num_pieces: How many versions.
            seed: Of the draws.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            asked: Fields of `Asked`: composer, era, blend, attributes, mood, guidance.

        Raises:
            MidiError: The file cannot be read as music.
            ValueError: The part does not lie in the piece, or the run does not know what is asked for.
        """
        retoucher = self._retoucher(Asked(**asked), sampling)
        return retoucher.fill(read_midi(path), quarters=quarters, num_pieces=num_pieces, seed=seed)

    def vary(
        self,
        path: str | Path,
        *,
        share: float = 0.3,
        quarters: tuple[int, int] | None = None,
        num_pieces: int = 1,
        seed: int = 0,
        sampling: Sampling | None = None,
        **asked: Unpack[Wishes],
    ) -> list[GeneratedPiece]:
        """Write a share of the bars of a piece, or of a part of it, anew; all other notes stay.

        Args:
            path: A MIDI file.
            share: Of its bars of four quarters, above 0 to 1; at least one.
            quarters: The part that may change; None for all.
            num_pieces: How many versions; each changes other bars.
            seed: Of the choice of bars and of the draws.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            asked: Fields of `Asked`: composer, era, blend, attributes, mood, guidance.

        Raises:
            MidiError: The file cannot be read as music.
            ValueError: The share is out of range, or the run does not know what is asked for.
        """
        retoucher = self._retoucher(Asked(**asked), sampling)
        size = {"share": share, "quarters": quarters, "num_pieces": num_pieces, "seed": seed}
        return retoucher.vary(read_midi(path), **size)

    def _retoucher(self, asked: Asked, sampling: Sampling | None) -> Retoucher:
        return Retoucher(
            self.autoencoder,
            self.prior,
            grid=self.grid,
            sampling=sampling or Sampling(),
            asked=asked,
            learned=self.learned_keys,
            known=self.training_labels,
        )

    def _key_plan(self, key: str | None) -> KeyPlan:
        """Return what moves a piece whose key is decided before it is written: nothing if it is a label."""
        is_label = key is not None and "key" in self.can.labels and self.learned_keys is None
        return KeyPlan(learned=self.learned_keys, key=None if is_label else key)

    def conditions(
        self,
        asked: Asked,
        *,
        quarters: int,
        seed: int,
        num_pieces: int = 1,
        prompt: UInt32[np.ndarray, "quarters pitches"] | None = None,
    ) -> Conditions | None:
        """Find the labels of new pieces: what is asked for, and the rest from training pieces that fit it.

        Args:
            asked: What is asked for.
            quarters: Length of what is new.
            seed: Of the choice of training pieces.
            num_pieces: How many pieces.
            prompt: Packed slices of what comes before, in any key; None for nothing.

        Returns:
            The conditions; None where the prior has no labels, or nothing is asked for and filled in.

        Raises:
            ValueError: The run does not know what is asked for.
        """
        known, in_one_key, completion = self.training_labels, self.learned_keys is not None, None
        if known is not None:
            completion = Completion(known, seed, num_pieces, at_home(prompt) if in_one_key else prompt)
        return asked.conditions(
            self.prior.conditioner,
            quarters=quarters,
            prompt_quarters=0 if prompt is None else len(prompt),
            in_one_key=in_one_key,
            completion=completion,
        )

    def continue_(
        self,
        path: str | Path,
        num_pieces: int = 1,
        *,
        num_quarters: int = 128,
        bars: str | None = None,
        keep_prompt: bool = True,
        seed: int = 0,
        sampling: Sampling | None = None,
        tempo_bpm: float | None = None,
    ) -> list[GeneratedPiece]:
        """Continue a piece; its notes, tempo, metre, velocities and pedals stay as they are.

        Args:
            path: A MIDI file.
            num_pieces: How many continuations.
            num_quarters: Length of what is new, in quarters.
            bars: Continue these bars of it, such as `9-16`; None takes the whole piece.
            keep_prompt: False leaves only what is new.
            seed: Of the draws.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            tempo_bpm: Quarters a minute of what is new; None takes the prompt's last tempo.

        Raises:
            MidiError: The file cannot be read as music.
            ValueError: A number is out of range, or `bars` is no part of the piece.
        """
        prompt = read_prompt(path, grid=self.grid, bars=bars)
        pieces = generate_pieces(
            self.autoencoder,
            self.prior,
            num_pieces=num_pieces,
            num_quarters=num_quarters,
            seed=seed,
            sampling=sampling or Sampling(),
            prompt=prompt.packed,
            keys=KeyPlan(learned=self.learned_keys),
            conditions=self.conditions(
                Asked(), quarters=num_quarters, seed=seed, num_pieces=num_pieces, prompt=prompt.packed
            ),
        )
        joined = {"tempo_bpm": tempo_bpm, "keep_prompt": keep_prompt}
        return [continue_prompt(piece, prompt, **joined) for piece in pieces]


def _continued(quarter: StreamedQuarter, prompt: Prompt, tempo_bpm: float | None) -> GeneratedPiece:
    return continue_prompt(quarter.piece, prompt, tempo_bpm=tempo_bpm)


def load(run: str | Path) -> LoadedRun:
    """Open a run folder to encode, decode, generate and continue from Python.

    Args:
        run: A run folder, the name of a run below `outputs/`, or an installed model (`giantmidi-small`).

    Raises:
        FileNotFoundError: There is no such run, or it has no autoencoder.
        ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
    """
    folder = find_run(run)
    return LoadedRun(folder, load_autoencoder(folder))
