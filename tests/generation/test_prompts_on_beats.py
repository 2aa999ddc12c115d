"""A prompt for a run on beats: its quarters are beats, its seconds stay."""

from pathlib import Path

import numpy as np
import torch

from musicgen.generation.generate import GeneratedPiece
from musicgen.generation.prompts import read_prompt
from musicgen.generation.writing import write_pieces
from musicgen.music.beat_grid import BeatsGrid
from musicgen.music.midi import read_midi, write_midi
from tests.music.notation.test_on_beats import played


def test_a_prompt_on_beats_continues_in_the_tempo_of_its_beats(tmp_path: Path):
    write_midi(played(), tmp_path / "played.mid")
    prompt = read_prompt(tmp_path / "played.mid", grid=BeatsGrid(lowest_confidence=0.0))
    assert prompt.on_beats
    assert "quarters are tracked beats" in prompt.description()
    assert abs(prompt.score.tempo_bpm_at(prompt.seam_quarters) - 87) < 4
    assert abs(prompt.seam_quarters - 40) <= 1
    assert abs(len(prompt.packed) - 40) <= 1


def test_a_part_of_it_is_not_tracked_again(tmp_path: Path):
    write_midi(played(), tmp_path / "played.mid")
    grid = BeatsGrid(lowest_confidence=0.0)
    part = read_prompt(tmp_path / "played.mid", grid=grid, num_quarters=8)
    whole = read_prompt(tmp_path / "played.mid", grid=grid)
    assert part.seam_quarters == 8
    np.testing.assert_array_equal(part.packed[:7], whole.packed[:7])


def test_two_files_are_written_that_sound_the_same(tmp_path: Path):
    write_midi(played(), tmp_path / "played.mid")
    prompt = read_prompt(tmp_path / "played.mid", grid=BeatsGrid(lowest_confidence=0.0))
    piece = GeneratedPiece(
        codes=torch.zeros(len(prompt.packed), 16, dtype=torch.int64),
        packed=prompt.packed,
        performance=prompt.performance,
        prompt_quarters=0,
    )
    paths = write_pieces([piece], tmp_path / "out", as_played=True)
    assert [str(path.relative_to(tmp_path / "out")) for path in paths] == ["000.mid", "played/000.mid"]
    on_grid, as_played = (read_midi(path) for path in paths)
    np.testing.assert_allclose(on_grid.onset_s, as_played.onset_s, atol=2e-3)
    assert on_grid.score is not None
    assert as_played.score is not None
    assert len(np.unique(on_grid.score.tempo_us)) > 10
    assert len(as_played.score.tempo_us) == 1
    place = on_grid.onset_quarters % 0.25
    assert np.quantile(np.minimum(place, 0.25 - place), 0.9) < 0.05
