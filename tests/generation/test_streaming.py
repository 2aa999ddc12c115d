"""A piece that is handed over quarter by quarter is the piece that is written at once."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import musicgen
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.loaded_run import LoadedRun
from musicgen.music.midi import read_midi


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> LoadedRun:
    return musicgen.load(tiny_run)


def test_the_last_quarter_comes_with_the_piece_that_generate_writes(run: LoadedRun) -> None:
    [whole] = run.generate(num_quarters=20, seed=3)
    streamed = list(run.stream(num_quarters=20, seed=3))
    assert [(quarter.number, quarter.total) for quarter in streamed] == [(n, 20) for n in range(20)]
    assert [len(quarter.piece.codes) for quarter in streamed] == list(range(1, 21))
    assert streamed[-1].piece.codes.tolist() == whole.codes.tolist()
    np.testing.assert_array_equal(streamed[-1].piece.packed, whole.packed)
    for quarter in streamed:
        assert quarter.piece.codes.tolist() == whole.codes[: quarter.number + 1].tolist()


def test_a_quarter_comes_before_the_rest_is_drawn(run: LoadedRun) -> None:
    endless = run.stream(num_quarters=100_000, seed=0)
    assert [quarter.number for quarter in itertools.islice(endless, 2)] == [0, 1]
    assert run.prior.training is False


def test_a_prompt_is_continued_as_continue_does(run: LoadedRun, midi_folder: Path) -> None:
    file = sorted(midi_folder.glob("*.mid"))[0]
    [whole] = run.continue_(file, num_quarters=4, bars="1-2")
    last = list(run.stream(file, num_quarters=4, bars="1-2"))[-1].piece
    assert last.prompt_quarters == 8
    np.testing.assert_array_equal(last.performance.pitch, whole.performance.pitch)
    np.testing.assert_array_equal(last.performance.onset_s, whole.performance.onset_s)
    kept = last.performance.between_quarters(0, 8)
    assert kept.pitch.tolist() == read_midi(file).between_quarters(0, 8).pitch.tolist()


def test_what_cannot_be_streamed_is_refused_before_the_first_quarter(run: LoadedRun) -> None:
    with pytest.raises(ValueError, match="key=D: a piece is moved to its key once it is whole"):
        run.stream(key="D")
    with pytest.raises(ValueError, match="num_quarters=0"):
        run.stream(num_quarters=0)
    with pytest.raises(ValueError, match="composer=Chopin, but this prior was told nothing"):
        run.stream(composer="Chopin")


def test_the_key_is_decided_ahead_where_one_key_was_learned() -> None:
    random = np.random.default_rng(0)
    assert KeyPlan(learned={"C major": 3}, key="D minor").semitones_ahead(random=random) == 5
    assert KeyPlan(learned={"C major": 3}, key="D major").semitones_ahead(random=random) == 2
    assert KeyPlan(learned={"G major": 3}).semitones_ahead(random=random) == -5
    assert KeyPlan(learned={"B minor": 3}).semitones_ahead(random=random) == 2
    assert KeyPlan().semitones_ahead(random=random) == 0
