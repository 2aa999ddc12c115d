import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.music.notes import Performance
from musicgen.music.theory.harmony import analyze
from musicgen.music.theory.key_names import key_in_title
from musicgen.music.theory.keys import (
    KEYS,
    Key,
    estimate_key,
    estimate_local_keys,
    fitting,
    key_scores,
    moved,
    steps_home,
)
from tests.conftest import notes
from tests.music.conftest import chorale


def cadence_in(key: Key, *, start: float = 0) -> Performance:
    """I IV V7 I with the scale above it."""
    third, sixth = (4, 9) if key.mode == "major" else (3, 8)
    chords = [[0, third, 7], [5, sixth, 12], [7, 11, 14, 17], [12, 12 + third, 19]]
    return chorale([[48 + key.tonic + step for step in chord] for chord in chords], start=start)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_a_cadence_in_every_key(key):
    assert estimate_key(cadence_in(key)) == key


PIECES = st.lists(
    st.tuples(st.integers(45, 80), st.integers(0, 200), st.integers(1, 32)), min_size=3, max_size=50
).map(lambda rows: [(p, onset / 4, (onset + length) / 4) for p, onset, length in rows])


@settings(max_examples=50)
@given(rows=PIECES, semitones=st.integers(-12, 12))
def test_a_transposed_piece_has_the_transposed_key(rows, semitones):
    here = key_scores(notes(rows))
    there = key_scores(notes([(p + semitones, a, b) for p, a, b in rows]))
    assert np.roll(here.reshape(2, 12), semitones, axis=1).ravel() == pytest.approx(there, abs=1e-9)


def test_silence_has_no_key():
    with pytest.raises(ValueError, match="without notes has no key"):
        estimate_key(notes([]))
    assert estimate_local_keys(notes([])) == []
    with pytest.raises(ValueError, match="is no key"):
        Key(12, "major")
    with pytest.raises(ValueError, match="is no key"):
        Key(0, "dorian")


def test_a_modulation_is_found_where_it_happens():
    rows = []
    for key, start in ((Key(0, "major"), 0), (Key(6, "major"), 64), (Key(0, "major"), 128)):
        for turn in range(8):
            piece = cadence_in(key, start=start + 8 * turn)
            rows += list(zip(piece.pitch.tolist(), piece.onset_quarters, piece.offset_quarters, strict=True))
    keys = estimate_local_keys(notes(rows))
    assert len(keys) == 192 / 2
    changes = [2 * i for i in range(1, len(keys)) if keys[i] != keys[i - 1]]
    assert {key.name for key in keys} == {"C major", "F# major"}
    assert changes == pytest.approx([64, 128], abs=4)
    assert analyze(notes(rows)).key == Key(0, "major")


@pytest.mark.gate
@pytest.mark.slow
def test_keys_agree_with_the_titles_of_giantmidi(giantmidi_root):
    from musicgen.music.midi import read_midi
    from tests.music.theory.key_agreement import first_half, key_agreement, titled_pieces

    files = {path.read_bytes(): path for path in sorted(giantmidi_root.glob("*.mid"), reverse=True)}
    named = [path for path in files.values() if key_in_title(path.stem)]
    # Surname, first name, title with commas, id of the recording
    pieces = [(path.stem.split(", ", 2)[2].rsplit(", ", 1)[0], read_midi(path)) for path in named]
    single = titled_pieces(pieces)
    halves = [[t for t in single if first_half(t[0]) == half] for half in (True, False)]
    for name, titled in (
        ("single movement", single),
        ("the half of choice", halves[0]),
        ("the other half", halves[1]),
        ("several movements", titled_pieces(pieces, several_movements=True)),
    ):
        result = key_agreement(titled)
        print(f"{name}: {result.agreeing} of {result.total} agree ({result.rate:.1%})")
        assert result.rate >= 0.9
    for title, key, estimated in key_agreement(single).disagreements:
        print(f"  {title}: {estimated.name} instead of {key.name}")


def sounding(*pitches: int) -> np.ndarray:
    packed = np.zeros((2, 88), np.uint32)
    packed[1, list(pitches)] = np.arange(1, len(pitches) + 1)
    return packed


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_goes_to_c_major_or_a_minor_by_the_nearest_way(key: Key):
    steps = steps_home(key)
    assert -6 <= steps <= 5
    assert (key.tonic + steps) % 12 == {"major": 0, "minor": 9}[key.mode]


def test_a_move_takes_each_pitch_with_it_and_loses_what_leaves_the_piano():
    packed = sounding(0, 40, 87)
    assert np.array_equal(moved(packed, 3)[1, [3, 43]], packed[1, [0, 40]])
    assert np.array_equal(moved(packed, -3)[1, [37, 84]], packed[1, [40, 87]])
    assert (moved(packed, 3) != 0).sum() == (moved(packed, -3) != 0).sum() == 2
    assert not moved(packed, 88).any()
    assert not moved(packed, -100).any()


@given(st.integers(-40, 40))
def test_back_is_what_was_there(steps: int):
    packed = sounding(44, 45)
    assert np.array_equal(moved(moved(packed, steps), -steps), packed)


@pytest.mark.parametrize(
    ("pitches", "asked", "expected"),
    [((40,), 5, 5), ((40,), 7, -5), ((2, 40), -5, 7), ((40, 85), 5, -7), ((0, 87), 5, 5), ((), 14, 2)],
)
def test_the_octave_of_a_move_is_the_nearest_with_room(pitches, asked, expected):
    assert fitting(sounding(*pitches), asked) == expected
