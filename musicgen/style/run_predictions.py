"""Predictions of the classifier for the pieces of a run."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from musicgen.models.style import StyleClassifier
from musicgen.music.midi import SilentMidiError, read_midi
from musicgen.style.load import load_classifier
from musicgen.style.predictions import Prediction, counts_of, predict

SHOWN = 3  # composers per piece


@dataclass(frozen=True)
class RunPredictions:
    """Predicted style of each piece of a run.

    Attributes:
        classifier: The classifier.
        files: The pieces' files.
        predictions: One per file; None for a silent file.
    """

    classifier: StyleClassifier
    files: list[Path]
    predictions: list[Prediction | None]

    def lines(self) -> Iterator[str]:
        """Format one line per piece, likeliest composers first, and a last line with the mean."""
        width = max(len(path.name) for path in self.files)
        for path, prediction in zip(self.files, self.predictions, strict=True):
            text = "silent" if prediction is None else self._text(prediction.composer, prediction.era)
            yield f"{path.name:<{width}}  {text}"
        sounding = [prediction for prediction in self.predictions if prediction is not None]
        if sounding:
            composer, era = (
                np.mean([getattr(prediction, name) for prediction in sounding], axis=0)
                for name in ("composer", "era")
            )
            yield f"{'all':<{width}}  {self._text(composer, era)}"

    def write(self, path: Path) -> None:
        """Write a CSV table: one row per piece, one column per composer and era.

        Raises:
            OSError: The file cannot be written.
        """
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", *self.classifier.composers, *self.classifier.eras])
            for piece, prediction in zip(self.files, self.predictions, strict=True):
                if prediction is not None:
                    shares = [*prediction.composer, *prediction.era]
                    writer.writerow([piece.name, *(f"{share:.4f}" for share in shares)])

    def _text(self, composer: np.ndarray, era: np.ndarray) -> str:
        named = [
            f"{self.classifier.composers[index]} {composer[index]:.2f}"
            for index in np.argsort(-composer)[:SHOWN]
        ]
        best = int(era.argmax())
        return f"{', '.join(named)}; {self.classifier.eras[best]} {era[best]:.2f}"


def predict_run(run: Path, *, weights: Path) -> RunPredictions:
    """Predict the style of the generated pieces of a run, or of the MIDI files of a folder.

    Args:
        run: A folder with `generated/*.mid`, or with MIDI files in it.
        weights: The output folder of `musicgen classify`.

    Raises:
        FileNotFoundError: There are no pieces, or no classifier.
        ValueError: A file or the classifier cannot be read.
    """
    files = sorted(run.glob("generated/*.mid")) or sorted(run.glob("*.mid"))
    if not files:
        raise FileNotFoundError(f"{run} holds no generated/*.mid and no *.mid; name a run folder")
    classifier = load_classifier(weights).module
    return RunPredictions(classifier, files, [_predict_file(classifier, path) for path in files])


def _predict_file(classifier: StyleClassifier, path: Path) -> Prediction | None:
    try:
        return predict(classifier, counts_of(read_midi(path)))
    except SilentMidiError:
        return None
