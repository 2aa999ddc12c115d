"""Ask the classifier whose style the pieces of a run have."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from musicgen.music.midi import SilentMidiError, read_midi
from musicgen.style.classifier import StyleClassifier
from musicgen.style.load import load_classifier
from musicgen.style.predictions import Verdict, counts_of, judge

SHOWN = 3  # composers a piece


@dataclass(frozen=True)
class RunVerdict:
    """What the classifier says of each piece of a run.

    Attributes:
        classifier: Who was asked.
        files: The pieces' files.
        verdicts: One a file; None for a silent one.
    """

    classifier: StyleClassifier
    files: list[Path]
    verdicts: list[Verdict | None]

    def lines(self) -> Iterator[str]:
        """Give a line a piece, likeliest composers first, and a last one for all pieces together."""
        width = max(len(path.name) for path in self.files)
        for path, verdict in zip(self.files, self.verdicts, strict=True):
            said = "silent" if verdict is None else self._said(verdict.composer, verdict.era)
            yield f"{path.name:<{width}}  {said}"
        heard = [verdict for verdict in self.verdicts if verdict is not None]
        if heard:
            composer, era = (
                np.mean([getattr(one, name) for one in heard], axis=0) for name in ("composer", "era")
            )
            yield f"{'all':<{width}}  {self._said(composer, era)}"

    def write(self, path: Path) -> None:
        """Write a table: a row a piece, a column a composer and an era.

        Raises:
            OSError: The file cannot be written.
        """
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", *self.classifier.composers, *self.classifier.eras])
            for piece, verdict in zip(self.files, self.verdicts, strict=True):
                if verdict is not None:
                    shares = [*verdict.composer, *verdict.era]
                    writer.writerow([piece.name, *(f"{share:.4f}" for share in shares)])

    def _said(self, composer: np.ndarray, era: np.ndarray) -> str:
        named = [
            f"{self.classifier.composers[index]} {composer[index]:.2f}"
            for index in np.argsort(-composer)[:SHOWN]
        ]
        best = int(era.argmax())
        return f"{', '.join(named)}; {self.classifier.eras[best]} {era[best]:.2f}"


def judge_run(run: Path, *, weights: Path) -> RunVerdict:
    """Ask a classifier about the generated pieces of a run folder, or about the MIDI files of any folder.

    Args:
        run: A folder with `generated/*.mid`, or with MIDI files in it.
        weights: The folder that `musicgen classify` left.

    Raises:
        FileNotFoundError: There are no pieces, or no classifier.
        ValueError: A file or the classifier cannot be read.
    """
    files = sorted(run.glob("generated/*.mid")) or sorted(run.glob("*.mid"))
    if not files:
        raise FileNotFoundError(f"{run} holds no generated/*.mid and no *.mid; name a run folder")
    classifier = load_classifier(weights).module
    return RunVerdict(classifier, files, [_judge_file(classifier, path) for path in files])


def _judge_file(classifier: StyleClassifier, path: Path) -> Verdict | None:
    try:
        return judge(classifier, counts_of(read_midi(path)))
    except SilentMidiError:
        return None
