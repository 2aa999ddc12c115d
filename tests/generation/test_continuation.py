"""A prompt comes back as it was; what is new goes on in its tempo, metre and loudness."""

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musicgen.generation.generate import GeneratedPiece
from musicgen.generation.prompts import Prompt, continue_prompt, read_prompt
from musicgen.music.grid import ClockGrid, from_packed
from musicgen.music.midi import MidiError, read_midi, write_midi
from musicgen.music.notes import Performance
from musicgen.music.packing import pack
from musicgen.music.score_map import SEAM, ScoreMap

NAMES = ("pitch", "onset_s", "offset_s", "onset_quarters", "offset_quarters", "velocity")
CLOCK = ClockGrid()


def played(*notes: tuple[float, float, int, int], score: ScoreMap | None = None) -> Performance:
    """Build notes of onset and length in quarters, pitch and velocity."""
    onset, length, pitch, velocity = (np.array(column) for column in zip(*notes, strict=True))
    score = score or ScoreMap.constant()
    ticks = score.ticks_per_quarter
    return Performance.from_arrays(
        pitch,
        onset_s=score.seconds(onset * ticks),
        offset_s=score.seconds((onset + length) * ticks),
        onset_quarters=onset,
        offset_quarters=onset + length,
        velocity=velocity,
        score=score,
    )


def waltz(path: Path, *, bars: int = 8) -> Path:
    """Write a waltz at 54 with loud basses, soft chords and pedals."""
    score = replace(
        ScoreMap.constant(tempo_bpm=54.0, time_signature=(3, 4)),
        pedal_tick=np.arange(2 * bars) * 720,
        pedal=np.array([[64, 127], [64, 0]] * bars),
    )
    notes: list[tuple[float, float, int, int]] = []
    for bar in range(bars):
        notes += [(3.0 * bar, 3.0, 48, 100)]
        notes += [(3.0 * bar + 1, 0.9, pitch, 30) for pitch in (72, 75)]
    write_midi(played(*notes, score=score), path)
    return path


def continued(prompt: Prompt, *cells: tuple[int, int, int], num_quarters: int = 4) -> GeneratedPiece:
    """Make what a model would: the prompt's slices, then cells of tick, length and pitch."""
    new = np.zeros((num_quarters * 32, 88), bool)
    for tick, length, pitch in cells:
        new[tick : tick + length, pitch - 21] = True
    slices = pack(new.reshape(num_quarters, 32, 88).transpose(0, 2, 1))
    packed = np.concatenate([prompt.packed, slices])
    codes = torch.zeros(len(packed), 16, dtype=torch.int64)
    return GeneratedPiece(codes, packed, from_packed(packed), len(prompt.packed))


def rows(performance: Performance, *, before: float = np.inf) -> list[tuple]:
    columns = (getattr(performance, name)[performance.onset_quarters < before].tolist() for name in NAMES)
    return sorted(zip(*columns, strict=True))


def written(piece: GeneratedPiece, path: Path) -> Performance:
    write_midi(piece.performance, path)
    return read_midi(path)


def assert_same_notes(left: list[tuple], right: list[tuple]) -> None:
    assert len(left) == len(right)
    np.testing.assert_allclose(np.array(left), np.array(right), rtol=0, atol=1e-6)


def test_a_prompt_comes_back_as_it_was_and_is_continued_in_its_tempo_and_metre(tmp_path: Path) -> None:
    source = read_midi(waltz(tmp_path / "waltz.mid"))
    prompt = read_prompt(tmp_path / "waltz.mid", grid=CLOCK)
    assert prompt.seam_quarters == 24
    piece = continue_prompt(continued(prompt, (0, 32, 48), (32, 32, 75)), prompt)
    read = written(piece, tmp_path / "new.mid")
    assert_same_notes(rows(read, before=24.0), rows(source))
    new = [row for row in rows(read) if row[3] >= 24]
    quarter_s = 60 / 54
    assert [(row[0], row[3], row[4]) for row in new] == [(48, 24.0, 25.0), (75, 25.0, 26.0)]
    assert [row[1] for row in new] == pytest.approx([24 * quarter_s, 25 * quarter_s], abs=1e-3)
    assert new[0][5] > 90  # near the loud basses
    assert new[1][5] < 40
    score = read.score
    assert score is not None
    assert score.time_signature_at(25.0) == (3, 4)
    assert [(marker.tick, marker.text) for marker in score.markers] == [(24 * 480, SEAM)]
    assert score.seam_quarters == 24.0
    assert source.score is not None
    assert score.pedal_tick.tolist() == source.score.pedal_tick.tolist()


quarters = st.integers(0, 40).map(lambda number: number / 4)
notes = st.tuples(quarters, st.sampled_from([0.25, 0.3, 1.0, 5.5]), st.integers(55, 66), st.integers(1, 127))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    notes=st.lists(notes, min_size=1, max_size=12),
    tempos=st.lists(st.tuples(st.integers(1, 4000), st.integers(20, 300)), max_size=4),
    metre=st.sampled_from([(4, 4), (3, 4), (7, 8), (5, 16), (2, 2), (12, 8)]),
    ticks_per_quarter=st.sampled_from([24, 96, 100, 220, 384, 480, 1000, 32767]),
    pedals=st.lists(st.integers(0, 4000), max_size=5),
)
def test_odd_tempos_metres_and_dynamics_come_back(
    tmp_path: Path, notes, tempos, metre, ticks_per_quarter: int, pedals
) -> None:
    score = ScoreMap.constant(time_signature=metre, ticks_per_quarter=ticks_per_quarter)
    changes = dict(sorted(tempos))
    score = replace(
        score,
        tempo_tick=np.array([0, *changes]),
        tempo_us=np.array([500_000, *(round(60e6 / tempo) for tempo in changes.values())]),
        pedal_tick=np.sort(np.array(pedals, np.int64)),
        pedal=np.array([[64, 127 * (place % 2)] for place in range(len(pedals))], np.int64).reshape(-1, 2),
    )
    write_midi(played(*notes, score=score), tmp_path / "a.mid")
    source, prompt = read_midi(tmp_path / "a.mid"), read_prompt(tmp_path / "a.mid", grid=CLOCK)
    read = written(continue_prompt(continued(prompt, (0, 16, 70)), prompt), tmp_path / "b.mid")
    assert_same_notes(rows(read, before=prompt.seam_quarters), rows(source))
    assert source.score is not None
    assert read.score is not None
    seam = prompt.seam_quarters
    for place in (0.0, seam / 2, seam, seam + 1):
        assert read.score.time_signature_at(place) == metre
        assert read.score.tempo_bpm_at(place) == source.score.tempo_bpm_at(min(place, seam - 1e-3))
    [new] = [row for row in rows(read) if row[3] >= seam]
    assert new[3:5] == pytest.approx((seam, seam + 0.5), abs=0.51 / ticks_per_quarter)
    mean = float(np.mean(source.velocity))
    assert source.velocity.min() <= new[5] <= source.velocity.max()
    if len(set(source.velocity.tolist())) == 1:
        assert new[5] == mean


def test_another_tempo_holds_from_the_seam_on(tmp_path: Path) -> None:
    prompt = read_prompt(waltz(tmp_path / "waltz.mid"), grid=CLOCK)
    piece = continue_prompt(continued(prompt, (0, 32, 60)), prompt, tempo_bpm=120.0)
    read = written(piece, tmp_path / "new.mid")
    new = rows(read)[-1] if rows(read)[-1][0] == 60 else next(row for row in rows(read) if row[0] == 60)
    assert new[1:3] == pytest.approx((24 * 60 / 54, 24 * 60 / 54 + 0.5), abs=1e-3)


def test_without_the_prompt_what_is_new_begins_at_0(tmp_path: Path) -> None:
    prompt = read_prompt(waltz(tmp_path / "waltz.mid"), grid=CLOCK)
    piece = continue_prompt(continued(prompt, (32, 32, 60)), prompt, keep_prompt=False)
    assert (len(piece.packed), len(piece.codes), piece.prompt_quarters) == (4, 4, 0)
    read = written(piece, tmp_path / "new.mid")
    assert [row[3:5] for row in rows(read)] == [(1.0, 2.0)]
    assert read.onset_s[0] == pytest.approx(60 / 54, abs=1e-3)
    assert read.score is not None
    assert read.score.time_signature_at(0.0) == (3, 4)
    assert read.score.markers == ()


def test_bars_are_counted_by_the_metre(tmp_path: Path) -> None:
    path = waltz(tmp_path / "waltz.mid")
    prompt = read_prompt(path, grid=CLOCK, bars="3-4")
    assert len(prompt.packed) == prompt.seam_quarters == 6
    whole = read_midi(path)
    part = whole.between_quarters(6.0, 12.0)
    moved = [(p, on - 6 * 60 / 54, off - 6 * 60 / 54, a - 6, b - 6, v) for p, on, off, a, b, v in rows(part)]
    assert_same_notes(rows(prompt.performance), moved)
    assert len(read_prompt(path, grid=CLOCK, bars="8").packed) == 3
    assert len(read_prompt(path, grid=CLOCK, bars="2-").packed) == 21


@pytest.mark.parametrize("bars", ["0-2", "4-3", "9", "2-9", "a-b", "-3", ""])
def test_bars_that_are_not_there_are_refused(tmp_path: Path, bars: str) -> None:
    with pytest.raises(ValueError, match=f"prompt_bars={bars} is no .* use"):
        read_prompt(waltz(tmp_path / "waltz.mid"), grid=CLOCK, bars=bars)


def test_a_part_without_notes_and_two_parts_at_once_are_refused(tmp_path: Path) -> None:
    write_midi(played((0.0, 1.0, 60, 80), (12.0, 1.0, 60, 80)), tmp_path / "a.mid")
    with pytest.raises(ValueError, match="no note begins in quarters 4 to 8"):
        read_prompt(tmp_path / "a.mid", grid=CLOCK, bars="2")
    with pytest.raises(ValueError, match="two ways"):
        read_prompt(tmp_path / "a.mid", grid=CLOCK, bars="2", num_quarters=4)
    with pytest.raises(ValueError, match="prompt_quarters=0"):
        read_prompt(tmp_path / "a.mid", grid=CLOCK, num_quarters=0)
    with pytest.raises(MidiError):
        read_prompt(tmp_path / "none.mid", grid=CLOCK)


def test_a_rest_at_the_end_of_a_part_belongs_to_it(tmp_path: Path) -> None:
    write_midi(played((0.0, 1.0, 60, 80), (12.0, 1.0, 60, 80)), tmp_path / "a.mid")
    prompt = read_prompt(tmp_path / "a.mid", grid=CLOCK, num_quarters=8)
    assert (len(prompt.packed), prompt.seam_quarters) == (8, 8.0)


@pytest.mark.parametrize(("ticks", "end"), [(16, 4.5), (0, 4.0)])
def test_a_note_cut_at_the_seam_lasts_as_long_as_the_model_holds_it(
    tmp_path: Path, ticks: int, end: float
) -> None:
    write_midi(played((0.0, 8.0, 60, 90), (7.0, 1.0, 64, 90)), tmp_path / "a.mid")
    prompt = read_prompt(tmp_path / "a.mid", grid=CLOCK, num_quarters=4)
    piece = continue_prompt(continued(prompt, (0, ticks, 60)), prompt)
    assert [(row[0], row[3], row[4]) for row in rows(piece.performance)] == [(60, 0.0, end)]


def test_a_note_that_ends_at_the_seam_is_not_lengthened(tmp_path: Path) -> None:
    write_midi(played((0.0, 4.0, 60, 90)), tmp_path / "a.mid")
    prompt = read_prompt(tmp_path / "a.mid", grid=CLOCK)
    piece = continue_prompt(continued(prompt, (0, 16, 60)), prompt)
    assert [(row[3], row[4]) for row in rows(piece.performance)] == [(0.0, 4.0), (4.0, 4.5)]


def test_what_is_kept_and_what_is_not_is_said(tmp_path: Path) -> None:
    path = waltz(tmp_path / "waltz.mid")
    text = read_prompt(path, grid=CLOCK).description()
    assert text == (
        "24 quarters; kept: 24 notes with their velocities, 54 quarters a minute, 3/4, 16 pedal moves"
    )
    file = mido.MidiFile(path)
    file.tracks[1].insert(0, mido.Message("program_change", program=5))
    file.save(path)
    assert "not kept: 1 program changes" in read_prompt(path, grid=CLOCK).description()
    write_midi(played((0.0, 8.0, 60, 90), (4.0, 1.0, 64, 90)), path)
    assert "kept" not in read_prompt(path, grid=CLOCK).description(is_kept=False)
    part = read_prompt(path, grid=CLOCK, bars="2").description()
    assert "1 notes that sound into its beginning" in part.partition("not kept: ")[2]
