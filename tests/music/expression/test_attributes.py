"""What the grid loses of a performance is described by classes, and can be played again."""

import numpy as np
import pytest

from musicgen.music.expression.attributes import ATTRIBUTES, begins_chord, perform, played_on_grid
from musicgen.music.expression.features import FEATURES, note_features
from musicgen.music.expression.pedal import pedal_spans
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap
from tests.conftest import etude


def played(seed: int = 0, *, ticks: int = 32) -> Performance:
    """Play a small piece a little early and late, louder and softer, with a pedal in every quarter."""
    written, random = etude(seed), np.random.default_rng(seed)
    moved = random.uniform(-0.45, 0.45, (2, len(written))) / ticks
    onset = np.maximum(written.onset_quarters + moved[0], 0.0)
    offset = written.offset_quarters + moved[1] - 0.1
    beats = np.arange(16)
    score = ScoreMap(
        480,
        tempo_tick=np.zeros(1, np.int64),
        tempo_us=np.array([600_000]),
        pedal_tick=(np.stack([beats * 480, beats * 480 + 360], axis=1)).ravel(),
        pedal=np.tile(np.array([[64, 127], [64, 0]]), (16, 1)),
    )
    return Performance.from_arrays(
        written.pitch,
        onset_s=score.seconds(onset * 480),
        offset_s=score.seconds(offset * 480),
        onset_quarters=onset,
        offset_quarters=offset,
        velocity=random.integers(20, 110, len(written)),
        score=score,
    )


@pytest.mark.parametrize("ticks", [32, 8, 12, 24])
def test_classes_of_a_piece_played_from_classes_are_the_same(ticks: int):
    piece = played_on_grid(played(ticks=ticks), ticks=ticks)
    again = perform(piece.flat, piece.classes, random=np.random.default_rng(1), ticks=ticks)
    classes = played_on_grid(again, ticks=ticks).classes
    np.testing.assert_array_equal(classes, piece.classes)
    assert (classes < list(ATTRIBUTES.values())).all()


def test_the_grid_keeps_the_notes_and_nothing_of_how_they_were_played():
    performance = played()
    piece = played_on_grid(performance)
    assert set(piece.flat.velocity.tolist()) == {80}
    np.testing.assert_array_equal(piece.flat.pitch, piece.performance.pitch)
    assert sorted(piece.performance.velocity) == sorted(performance.velocity)
    assert np.abs(piece.performance.onset_quarters - piece.flat.onset_quarters).max() <= 0.5 / 32


def test_rendered_velocities_lie_in_their_class_and_times_within_half_a_tick():
    piece = played_on_grid(played())
    again = perform(piece.flat, piece.classes, random=np.random.default_rng(2))
    by_onset = np.lexsort((again.pitch, np.rint(again.onset_quarters * 32)))
    np.testing.assert_array_equal(again.velocity[by_onset] // 4, piece.classes[:, 0])
    assert np.abs(again.onset_quarters[by_onset] - piece.flat.onset_quarters).max() <= 0.5 / 32


def test_a_pedal_held_for_three_quarters_of_each_beat_is_written_so_again():
    piece = played_on_grid(played())
    begin, end = pedal_spans(piece.performance)
    again = perform(piece.flat, piece.classes, random=np.random.default_rng(0))
    begin_again, end_again = pedal_spans(again)
    assert len(begin_again) == len(begin) == 16
    np.testing.assert_allclose(begin_again, begin, atol=0.05)
    np.testing.assert_allclose(end_again, end, atol=0.05)


def test_a_piece_that_begins_late_is_moved_to_its_first_quarter():
    late = played()
    shifted = Performance.from_arrays(
        late.pitch,
        onset_s=late.onset_s + 6.0,
        offset_s=late.offset_s + 6.0,
        onset_quarters=late.onset_quarters + 10.0,
        offset_quarters=late.offset_quarters + 10.0,
        velocity=late.velocity,
        score=ScoreMap.constant(tempo_bpm=100.0),
    )
    piece = played_on_grid(shifted)
    np.testing.assert_array_equal(piece.classes[:, :3], played_on_grid(late).classes[:, :3])
    np.testing.assert_allclose(np.sort(piece.performance.onset_s), np.sort(late.onset_s), atol=1e-9)
    np.testing.assert_allclose(piece.flat.onset_s, late.onset_s, atol=0.3 / 32)


def test_silence_and_a_single_note_are_described_too():
    silence = from_packed(np.zeros((2, 88), np.uint32))
    assert note_features(silence).shape == (0, len(FEATURES))
    assert played_on_grid(silence).classes.shape == (0, 4)
    one = played_on_grid(played().where(np.arange(80) == 3))
    assert one.classes.shape == (1, 4)
    assert np.isfinite(note_features(one.flat)).all()


def test_features_of_a_chord_say_where_in_it_a_note_is():
    written = from_packed(to_packed(etude(0)))
    rows = dict(zip(FEATURES, note_features(written).T, strict=True))
    first = begins_chord(written.onset_quarters)
    assert rows["begins_chord"][:3].tolist() == [1, 0, 1]
    assert rows["chord_size"][:3].tolist() == [1, 1, 0]  # logarithms: two notes, then one
    assert rows["is_bottom"][:2].tolist() == [1, 0]
    assert rows["is_top"][:2].tolist() == [0, 1]
    assert rows["above_chord_bottom"][1] == pytest.approx(1.0)  # an octave
    assert rows["since_chord"][2] == pytest.approx(-1.0)  # a quarter of a quarter: 2 octaves, halved
    assert rows["on_quarter"].sum() == first.reshape(16, 5)[:, 0].sum() * 2
    assert np.abs(note_features(written)).max() < 8
