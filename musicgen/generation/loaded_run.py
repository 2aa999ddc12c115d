"""A finished run in Python: all that can be asked of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

from musicgen.generation.asking.asked import Asked, Wishes
from musicgen.generation.drawing.chosen import drawing_of
from musicgen.generation.edits.looping import QUARTERS_PER_BAR, generate_loops
from musicgen.generation.edits.retouching import Retoucher
from musicgen.generation.generate import GeneratedPiece, generate_pieces
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.opened_run import OpenedRun
from musicgen.generation.prompts import Prompt, continue_prompt, read_prompt
from musicgen.generation.sampling import Sampling
from musicgen.generation.streaming import StreamedQuarter, stream_piece
from musicgen.music.midi import read_midi


@dataclass(frozen=True)
class LoadedRun(OpenedRun):
    """A run folder, opened to be used from Python; `musicgen.load` makes it."""

    def generate(
        self,
        num_pieces: int = 1,
        *,
        num_quarters: int = 128,
        seed: int = 0,
        sampling: Sampling | None = None,
        tempo_bpm: float = 120.0,
        best_of: int | None = None,
        critic: str | Path | None = None,
        form: str | None = None,
        progress: bool = False,
        **asked: Unpack[Wishes],
    ) -> list[GeneratedPiece]:
        """Write new pieces.

        Args:
            num_pieces: How many.
            num_quarters: Their length, in quarters.
            seed: Of the draws.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            tempo_bpm: Quarters a minute.
            best_of: Draws of each stretch, of which the one is kept that is most like what is asked for, see
                `drawing.chosen`.
            critic: Folder of the classifier that chooses; None takes the run's own.
            form: Letters of equal sections, such as `AABA`: one that comes again brings back its music.
            progress: Show a bar on stderr if drawing takes longer than a second.
            asked: Fields of `Asked`: composer, era, key, blend, attributes, mood, guidance.

        Returns:
            The pieces; `write_midi(piece.performance, path)` writes one.

        Raises:
            FileNotFoundError: It is asked to choose, and there is no classifier.
            ValueError: A number is out of range, or the run does not know what is asked for.
        """
        wishes = Asked(**asked)
        conditions = self.conditions(wishes, quarters=num_quarters, seed=seed, num_pieces=num_pieces)
        return generate_pieces(
            self.autoencoder,
            self.prior,
            num_pieces=num_pieces,
            num_quarters=num_quarters,
            seed=seed,
            sampling=drawing_of(self, wishes, sampling, best_of=best_of, critic=critic, form=form),
            tempo_bpm=tempo_bpm,
            keys=KeyPlan(learned=self.learned_keys, key=wishes.key),
            conditions=conditions,
            progress=progress,
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
        best_of: int | None = None,
        critic: str | Path | None = None,
        form: str | None = None,
        **asked: Unpack[Wishes],
    ) -> Iterator[StreamedQuarter]:
        """Write one piece, or continue one, and yield each quarter as it is drawn, with the piece so far.

        Args:
            path: A MIDI file to continue; None begins a piece.
            num_quarters: Length of what is new, in quarters.
            bars: Continue these bars of the file, such as `9-16`; None takes the whole piece.
            seed: Of the draws, whose codes are those of `generate`.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            tempo_bpm: Quarters a minute of what is new; None takes the prompt's last tempo, or 120.
            best_of: Draws of each stretch to choose from, as in `generate`; a stretch comes when chosen.
            critic: Folder of the classifier that chooses; None takes the run's own.
            form: Letters of equal sections of what is new, such as `AABA`; a section comes when it is whole.
            asked: Fields of `Asked`: composer, era, key, blend, attributes, mood, guidance.

        Raises:
            MidiError: The file cannot be read as music.
            FileNotFoundError: It is asked to choose, and there is no classifier.
            ValueError: A number or what is asked for is out of range or unknown; before the first quarter.
        """
        wishes = Asked(**asked)
        prompt = None if path is None else read_prompt(path, grid=self.grid, bars=bars)
        packed = None if prompt is None else prompt.packed
        streamed = stream_piece(
            self.autoencoder,
            self.prior,
            num_quarters=num_quarters,
            seed=seed,
            conditions=self.conditions(wishes, quarters=num_quarters, seed=seed, prompt=packed),
            sampling=drawing_of(self, wishes, sampling, best_of=best_of, critic=critic, form=form),
            tempo_bpm=tempo_bpm or 120.0,
            prompt=packed,
            keys=self._key_plan(wishes.key),
        )
        return streamed if prompt is None else _behind(prompt, streamed, tempo_bpm)

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


def _behind(
    prompt: Prompt, streamed: Iterator[StreamedQuarter], tempo_bpm: float | None
) -> Iterator[StreamedQuarter]:
    """Put the piece of each quarter behind its prompt, once it is asked for."""

    def continued(quarter: StreamedQuarter) -> GeneratedPiece:
        return continue_prompt(quarter.piece, prompt, tempo_bpm=tempo_bpm)

    for quarter in streamed:
        yield StreamedQuarter(quarter.number, quarter.total, partial(continued, quarter))


load = LoadedRun.open
