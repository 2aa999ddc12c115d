import json
from pathlib import Path

import numpy as np
import pytest
import torch

from musicgen.data.batches.clips import PieceCounts
from musicgen.data.catalogue.pieces import Piece
from musicgen.models.style import StyleClassifier
from musicgen.music.grid import to_packed
from musicgen.music.metrics.patterns import FAMILIES
from musicgen.music.midi import write_midi
from musicgen.music.notes import Performance
from musicgen.style.confusion import confusion_matrix
from musicgen.style.forest import forest_accuracy
from musicgen.style.load import load_classifier
from musicgen.style.predictions import (
    Prediction,
    accuracy_metrics,
    composer_shares,
    embed,
    majority_accuracy,
    predict,
    style_distance,
)
from musicgen.style.run_predictions import predict_run
from tests.conftest import etude


def scales(seed: int, *, num_quarters: int = 64) -> Performance:
    """Compose fast scales: nobody would take them for an etude."""
    random = np.random.default_rng(seed)
    onset = np.arange(num_quarters * 4) / 4
    pitch = 60 + np.cumsum(random.choice([-1, 1], len(onset))) % 24
    return Performance.from_arrays(
        pitch,
        onset_s=onset / 2,
        offset_s=(onset + 0.2) / 2,
        onset_quarters=onset,
        offset_quarters=onset + 0.2,
    )


def counted(number: int, performance: Performance, *, surname: str) -> PieceCounts:
    content = f"{(number * 0x2AAAAAAA) % 2**32:08x}" + "0" * 56
    piece = Piece(Path(f"{number}.mid"), content, surname, surname, "", "romantic")
    return PieceCounts.of(piece, to_packed(performance))


@pytest.fixture(scope="module")
def two_styles() -> list[PieceCounts]:
    pieces = [(etude(n, num_quarters=64), "Chopin") for n in range(8)]
    pieces += [(scales(n), "Czerny") for n in range(8)]
    return [counted(n, performance, surname=surname) for n, (performance, surname) in enumerate(pieces)]


def untrained() -> StyleClassifier:
    torch.manual_seed(0)
    return StyleClassifier(
        composers=["Chopin", "Czerny"], eras=["romantic"], families=list(FAMILIES.values()), width=16
    ).eval()


def test_a_piece_is_the_mean_of_its_clips(two_styles):
    prediction = predict(untrained(), two_styles[0].clips(2))

    assert prediction.clip_composer.shape == (2, 2)
    assert np.allclose(prediction.composer, prediction.clip_composer.mean(axis=0))
    assert prediction.composer.sum() == pytest.approx(1)


def test_accuracies_by_hand():
    def predicted(*clips: list[float]) -> Prediction:
        shares = np.array(clips)
        return Prediction(shares.mean(axis=0), np.ones(1), shares, np.ones((len(shares), 1)))

    predictions = [predicted([0.9, 0.1], [0.4, 0.6]), predicted([0.2, 0.8]), predicted([0.7, 0.3])]
    metrics = accuracy_metrics(predictions, composer=np.array([0, 1, 1]), era=np.zeros(3, int))

    assert metrics["style/val/piece_accuracy"] == pytest.approx(2 / 3)
    assert metrics["style/val/clip_accuracy"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert metrics["style/val/era_piece_accuracy"] == metrics["style/val/era_clip_accuracy/low"] == 1
    assert metrics["style/val/piece_accuracy/low"] < 2 / 3 < metrics["style/val/piece_accuracy/high"]
    assert confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), classes=2).tolist() == [[1, 0], [1, 1]]


def test_the_majority_is_that_of_training():
    assert majority_accuracy(["a", "b", "b"], ["b", "a", "a", "a"]) == 0.25


def test_trees_tell_what_is_plain(two_styles):
    pytest.importorskip("sklearn")
    train, held_out = two_styles[::2], two_styles[1::2]

    assert forest_accuracy(train, held_out, trees=20).mean() == 1


def test_pieces_of_another_style_lie_farther_off():
    classifier = untrained()
    etudes, others = ([make(n) for n in range(4)] for make in (lambda n: etude(n, num_quarters=64), scales))
    rows, groups = embed(classifier, etudes)

    assert rows.shape == (8, 32)  # two clips of 32 quarters a piece
    assert groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    near = style_distance(classifier, etudes[:2], etudes[2:], resamples=5)
    far = style_distance(classifier, others, etudes[2:], resamples=5)
    assert near.value < far.value
    assert near.low <= near.value <= near.high


def test_style_metrics_of_generated_pieces_add_up():
    metrics = composer_shares(untrained(), [etude(0), scales(0)], composers=["Chopin"])

    assert metrics["generated/composer/Chopin"] + metrics["generated/composer/Czerny"] == pytest.approx(1)
    assert metrics["generated/era/romantic"] == pytest.approx(1)
    assert metrics["generated/own_composer"] in (0, 0.5, 1)


@pytest.mark.slow
def test_the_command_learns_two_styles_and_judges_a_folder(musicgen, tmp_path: Path):
    folder, asked = tmp_path / "pieces", tmp_path / "asked"
    folder.mkdir()
    asked.mkdir()
    for number in range(12):
        write_midi(etude(number, num_quarters=64), folder / f"Chopin, Frederic, Etude {number}, abc.mid")
        write_midi(scales(number), folder / f"Czerny, Carl, Scales {number}, abc.mid")
    write_midi(scales(99), asked / "000.mid")
    data = ["data=folder", f"data.root={folder}", f"data.cache_dir={tmp_path / 'cache'}", "threads=1"]
    out = tmp_path / "style"

    done = musicgen(
        "classify", *data, "epochs=4", "batch_size=16", "folds=[0,1]", "forest=false", f"run={asked}",
        f"hydra.run.dir={out}",
    )  # fmt: skip

    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["style/val/piece_accuracy"] == 1
    assert {"confusion.png", "held_out.csv", "predictions.csv"} <= {path.name for path in out.iterdir()}
    assert "000.mid  Czerny" in done.stdout
    again = predict_run(asked, weights=out)
    assert "\n".join(again.lines()) in done.stdout
    assert load_classifier(out).module.composers == ["Chopin", "Czerny"]
