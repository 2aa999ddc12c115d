"""A run with a classifier of composers chooses, of several draws, what is most like the one asked for."""

from pathlib import Path

import mido
import numpy as np
import pytest

import musicgen as package
from musicgen.generation.asking.asked import Asked
from musicgen.generation.best_of import BestOf
from musicgen.generation.drawing.chosen import drawing_of
from musicgen.generation.sampling import Sampling
from musicgen.music.notes import Performance
from musicgen.style.load import load_classifier
from tests.command import Musicgen
from tests.conftest import tiny_settings, write_etudes

SHORT = ["num_pieces=1", "num_quarters=8", "threads=1", "page.max_pieces=0"]
pytestmark = pytest.mark.gate


def piece(number: int) -> Performance:
    """Write even numbers low and slow, odd ones high and fast."""
    random = np.random.default_rng(number)
    step, lowest = (0.5, 70) if number % 2 else (1.0, 40)
    onset = np.arange(0, 32, step)
    pitch = lowest + random.choice([0, 2, 4, 5, 7, 9, 11, 12], len(onset))
    seconds = {"onset_s": onset / 2, "offset_s": (onset + step) / 2}
    return Performance.from_arrays(pitch, **seconds, onset_quarters=onset, offset_quarters=onset + step)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_etudes(tmp_path_factory.mktemp("two_composers"), piece)


@pytest.fixture(scope="module")
def run(pieces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    asked = ["stages=[vq_vae,transformer,style]", "condition=composer", "batch_size.style=8"]
    settings = [*tiny_settings(pieces), *asked, "max_epochs.style=3"]
    Musicgen(folder)("train", *settings, f"hydra.run.dir={folder / 'run'}")
    return folder / "run"


def test_the_classifier_knows_the_composers_of_the_training_pieces(run: Path) -> None:
    classifier = load_classifier(run).module
    assert classifier.composers == ["Prober", "Tester"]
    assert not classifier.training


def test_it_chooses_by_itself_where_a_composer_is_asked_for(run: Path, tmp_path: Path) -> None:
    loaded = package.load(run)
    asked, drawn = Asked(composer="Tester"), Sampling(temperature=0.9)
    chosen = drawing_of(loaded, asked, drawn)
    assert isinstance(chosen, BestOf)
    assert (chosen.candidates, chosen.sampling) == (4, drawn)
    assert drawing_of(loaded, Asked(), drawn) is drawn
    assert drawing_of(loaded, asked, drawn, best_of=1) is drawn
    Musicgen(tmp_path)("generate", f"run={run}", *SHORT, "composer=Tester", f"hydra.run.dir={tmp_path / 'a'}")
    [whole] = loaded.generate(num_quarters=8, composer="Tester")
    events = mido.MidiFile(tmp_path / "a" / "000.mid")  # so small a network may write silence
    struck = sorted(event.note for event in events if event.type == "note_on" and event.velocity)
    assert struck == sorted(whole.performance.pitch.tolist())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["best_of=2"], "and nothing is; add composer=NAME"),
        (["best_of=2", "composer=Tester", "loop_bars=1"], "best_of=2 chooses by what is asked for"),
        (["best_of=0", "composer=Tester"], "best_of=0"),
        (["best_of=2", "composer=Tester", "critic=."], "has no classifier of composers"),
    ],
)
def test_what_it_cannot_choose_is_refused_before_a_folder_is_made(
    run: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = Musicgen(tmp_path)(
        "generate", f"run={run}", *SHORT, *arguments, f"hydra.run.dir={tmp_path / 'out'}", fails=True
    )
    assert says in done.stderr + done.stdout
    assert not (tmp_path / "out").exists()


def test_one_composer_is_refused(midi_folder: Path, tmp_path: Path) -> None:
    settings = [*tiny_settings(midi_folder), "stages=[style]"]
    done = Musicgen(tmp_path)("train", *settings, f"hydra.run.dir={tmp_path / 'out'}", fails=True)
    assert "all training pieces are by Tester, so there is nothing to tell apart" in done.stdout + done.stderr
