import hashlib
import logging
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.measure.copying.index import CopyIndex
from musicgen.measure.copying.interval_hashes import RunHashes, pitches_of, steps_of
from musicgen.music.grid import from_slices, to_slices
from musicgen.music.midi import read_midi, write_midi
from musicgen.music.notes import Performance
from tests.conftest import notes
from tests.real_files import one_file_in


def line(pitches: list[int], *, gaps: list[float] | None = None, start: float = 0.0) -> Performance:
    """One note after the other, `gaps` quarters apart (a quarter each by default)."""
    onset = start + np.concatenate([[0.0], np.cumsum(gaps or [1.0] * (len(pitches) - 1))])
    return notes([(p, t, t + 0.1) for p, t in zip(pitches, onset, strict=True)])


def random_piece(seed: int, *, count: int = 200) -> Performance:
    rng = np.random.default_rng(seed)
    onset = 2 + np.cumsum(rng.choice([0, 0.01, 0.25, 0.5, 1, 2], count))
    return notes(list(zip(rng.integers(40, 90, count), onset, onset + 0.2, strict=True)))


def joined(*parts: Performance) -> Performance:
    """The parts one after the other, each from the next whole quarter on."""
    rows, start = [], 0.0
    for part in parts:
        shift = start - np.floor(part.onset_quarters[0])
        rows += zip(part.pitch, part.onset_quarters + shift, part.offset_quarters + shift, strict=True)
        start += np.ceil(part.offset_quarters.max() - np.floor(part.onset_quarters[0])) + 1
    return notes(rows)


@pytest.fixture(scope="module")
def index() -> CopyIndex:
    return CopyIndex.from_performances((f"piece {seed}", random_piece(seed)) for seed in range(6))


@pytest.mark.parametrize("semitones", [0, 1, -3, 12])
def test_a_piece_of_the_index_is_found_out_transposed_or_not(index, semitones):
    piece = random_piece(3)
    copy = index.longest_copy(piece.transposed(semitones))
    assert copy.notes == len(steps_of(piece).pitch)
    assert copy.source == "piece 3"
    assert copy.transposition == semitones
    assert copy.onset_s == pytest.approx(piece.onset_s[0], abs=0.01)
    assert copy.source_onset_s == pytest.approx(piece.onset_s[0], abs=0.5)


def test_a_copy_lies_on_the_grid_and_its_source_does_not(index):
    copy = index.longest_copy(from_slices(to_slices(random_piece(4))))
    assert copy.notes == len(steps_of(random_piece(4)).pitch)
    assert copy.source == "piece 4"


def test_a_stolen_passage_is_found_within_new_music(index):
    whole = random_piece(2)
    stolen = whole.between_quarters(whole.onset_quarters[60], whole.onset_quarters[120])
    piece = joined(random_piece(100), stolen.transposed(5), random_piece(101))
    copy = index.longest_copy(piece)
    assert copy.source == "piece 2"
    assert copy.transposition == 5
    assert len(stolen) - 3 <= copy.notes <= len(stolen) + 3  # chance may add a note at either end
    assert copy.source_onset_s == pytest.approx(stolen.onset_s[0], abs=2)
    begin = np.searchsorted(piece.onset_s, copy.onset_s - 1e-3)
    assert abs(begin - len(random_piece(100))) <= 3


def test_new_music_is_not_accused(index):
    assert max(index.longest_copy(random_piece(seed)).notes for seed in range(100, 110)) <= 6


def test_a_hand_worked_run():
    source = line([60, 64, 67, 72, 71, 69], gaps=[1, 0.5, 0.5, 1, 2])
    index = CopyIndex.from_performances([("other", line([40, 41, 43])), ("source", source)])
    # Up 4, 3, 5 with the same gaps, two semitones higher, after a note of its own.
    copy = index.longest_copy(line([90, 62, 66, 69, 74, 50], gaps=[1, 1, 0.5, 0.5, 1]))
    assert (copy.notes, copy.source, copy.transposition) == (4, "source", 2)
    assert (copy.source_onset_s, copy.onset_s) == (0.0, 0.5)


def test_rhythm_counts_by_its_class():
    source = line([60, 64, 67, 72, 71, 69, 65, 62, 59, 55])
    index = CopyIndex.from_performances([("source", source)])
    same_class = line(source.pitch.tolist(), gaps=[0.8, 1.1, 0.95, 1.2, 1, 1, 1.3, 0.75, 1])
    assert index.longest_copy(same_class).notes == 10
    assert index.longest_copy(line(source.pitch.tolist(), gaps=[0.25] * 9)).notes == 0


def test_notes_a_tick_apart_are_a_chord_in_the_order_of_pitch():
    together = notes([(60, 0, 1), (64, 0, 1), (67, 0, 1), (72, 1, 2), (48, 2, 3)])
    rolled = notes([(67, 0, 1), (60, 0.02, 1), (64, 0.04, 1), (72, 1, 2), (48, 2, 3)])
    index = CopyIndex.from_performances([("together", together)])
    assert index.longest_copy(rolled).notes == 5


def test_silence_and_single_notes_share_nothing(index):
    for piece in (notes([]), notes([(60, 0, 1)])):
        copy = index.longest_copy(piece)
        assert (copy.notes, copy.source, copy.transposition) == (0, "", 0)
        assert np.isnan([copy.source_onset_s, copy.onset_s]).all()
    empty = CopyIndex.from_performances([("silence", notes([])), ("note", notes([(60, 0, 1)]))])
    assert empty.longest_copy(random_piece(0)).notes == 0


def test_runs_do_not_cross_from_piece_to_piece():
    whole = random_piece(7)
    middle = whole.onset_quarters[100]
    halves = [whole.between_quarters(0.0, middle), whole.between_quarters(middle, 1e9)]
    index = CopyIndex.from_performances([("first", halves[0]), ("second", halves[1])])
    assert index.longest_copy(whole).notes == max(len(steps_of(half).pitch) for half in halves)


def test_a_source_can_be_left_out(index):
    copy = index.longest_copy(random_piece(3), exclude={"piece 3"})
    assert copy.source != "piece 3"
    assert copy.notes <= 6


def longest_by_comparison(asked: Performance, pieces: list[Performance]) -> int:
    """The definition itself: every place against every place."""
    ours = steps_of(asked).step[:-1].tolist()
    best = 0
    for theirs in (steps_of(piece).step[:-1].tolist() for piece in pieces):
        lengths = [0] * (len(theirs) + 1)
        for step in ours:
            lengths = [0] + [lengths[i] + 1 if step == other else 0 for i, other in enumerate(theirs)]
            best = max(best, *lengths)
    return best + 1 if best else 0


TUNES = st.lists(st.sampled_from([60, 62, 64, 65]), min_size=0, max_size=60)


@settings(max_examples=80)
@given(asked=TUNES, pieces=st.lists(TUNES, min_size=1, max_size=3))
def test_equals_the_comparison_of_every_place_with_every_place(asked, pieces):
    ours, theirs = line(asked) if asked else notes([]), [line(p) if p else notes([]) for p in pieces]
    index = CopyIndex.from_performances((str(i), piece) for i, piece in enumerate(theirs))
    assert index.longest_copy(ours).notes == longest_by_comparison(ours, theirs)


@settings(max_examples=30)
@given(steps=st.lists(st.integers(0, 2047), min_size=1, max_size=50), data=st.data())
def test_equal_runs_have_equal_hashes_wherever_they_begin(steps, data):
    begin = data.draw(st.integers(0, len(steps) - 1))
    length = data.draw(st.integers(1, len(steps) - begin))
    moved = np.array([5, 6, 7, *steps[begin : begin + length]])
    here, there = RunHashes(np.array(steps)), RunHashes(moved)
    assert here.of(np.array([begin]), length) == there.of(np.array([3]), length)


def test_saved_and_loaded_it_answers_the_same(index, tmp_path):
    index.save(tmp_path / "index.npz")
    loaded = CopyIndex.load(tmp_path / "index.npz")
    assert loaded.names == index.names
    for seed in (3, 100):
        assert repr(loaded.longest_copy(random_piece(seed))) == repr(index.longest_copy(random_piece(seed)))
    np.savez(tmp_path / "other.npz", names=np.array(["a"]))
    with pytest.raises(ValueError, match="build it again"):
        CopyIndex.load(tmp_path / "other.npz")


def test_pitches_follow_from_steps():
    pieces = [steps_of(random_piece(1)), steps_of(notes([])), steps_of(random_piece(2))]
    starts = np.cumsum([0, *(len(piece.pitch) for piece in pieces)])
    first = np.array([pieces[0].pitch[0], 0, pieces[2].pitch[0]])
    found = pitches_of(np.concatenate([piece.step for piece in pieces]), starts=starts, first=first)
    assert np.array_equal(found, np.concatenate([piece.pitch for piece in pieces]))


def test_an_index_of_the_first_format_is_still_read(index, tmp_path):
    path = tmp_path / "index.npz"
    held = {
        "pitch": index._pitch,
        "onset_s": np.float32(index._seconds),
        "step": index._step,
        "starts": index._starts,
    }
    np.savez(path, format=1, names=np.array(index.names), skipped=np.array([], dtype=np.str_), **held)
    assert repr(CopyIndex.load(path).longest_copy(random_piece(3))) == repr(
        index.longest_copy(random_piece(3))
    )


def test_files_that_cannot_be_read_are_left_out_and_told(tmp_path, caplog):
    good, bad = tmp_path / "good.mid", tmp_path / "bad.mid"
    write_midi(random_piece(1), good)
    bad.write_bytes(b"no music")
    with caplog.at_level(logging.WARNING):
        index = CopyIndex([bad, good])
    assert index.names == (str(good),)
    assert index.skipped == (str(bad),)
    assert "bad.mid" in caplog.text
    assert index.longest_copy(read_midi(good)).source == str(good)
    with pytest.raises(ValueError, match="could be read"):
        CopyIndex([bad])
    with pytest.raises(ValueError, match="no pieces"):
        CopyIndex.from_performances([])


@one_file_in(3)
def test_training_pieces_are_found_out_and_held_out_ones_not_accused(giantmidi_root: Path, one_in: int):
    """A tenth of GiantMIDI, chosen by content, against the rest of it."""
    paths = sorted(giantmidi_root.glob("*.mid"))[::one_in]
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}
    held_out = [path for content, path in files.items() if int(content[:8], 16) / 2**32 < 0.1]
    training = sorted(set(files.values()) - set(held_out))
    start = time.perf_counter()
    index = CopyIndex(training)
    print(f"index of {len(training)} pieces: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    asked = training[:: 4 * (len(training) // 20)]
    for path in asked:
        piece = read_midi(path)
        for semitones in (0, 3, -2):
            copy = index.longest_copy(piece.transposed(semitones))
            assert copy.source == str(path)
            assert copy.transposition == semitones
            assert copy.notes > 0.5 * len(piece)  # all, but for notes that left the keyboard
    copies = [index.longest_copy(read_midi(path)) for path in held_out]
    seconds = (time.perf_counter() - start) / (len(copies) + 3 * len(asked))
    lengths = np.array([copy.notes for copy in copies])
    median, high = np.percentile(lengths, [50, 95])
    print(f"{seconds:.3f} s a question; {len(lengths)} held-out pieces share runs of ", end="")
    print(f"median {median:.0f}, 95th percentile {high:.0f}, at most {lengths.max()} notes")
    assert median < 25
    assert high < 60
