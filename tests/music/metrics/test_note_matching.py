import time

import mir_eval
import numpy as np
import pytest

from musicgen.music.metrics.note_matching import MatchCounts, note_counts
from musicgen.music.notes import Performance


def notes(rows: list[tuple[int, float, float]]) -> Performance:
    pitch, onset, offset = np.array(rows, dtype=float).reshape(-1, 3).T
    return Performance.from_arrays(
        pitch, onset_s=onset, offset_s=offset, onset_quarters=2 * onset, offset_quarters=2 * offset
    )


def random_notes(rng: np.random.Generator, count: int, *, pitches: int, length_s: float) -> Performance:
    """Notes on a grid of 10 ms, so that distances of exactly 50 ms are common."""
    onset = rng.integers(0, int(length_s * 100), count) / 100
    offset = onset + rng.integers(1, 60, count) / 100
    return notes(list(zip(rng.integers(50, 50 + pitches, count), onset, offset, strict=True)))


def shaken(performance: Performance, rng: np.random.Generator, *, spread_s: float) -> Performance:
    """The same notes, moved a little, a tenth of them lost and some doubled."""
    keep = np.flatnonzero(rng.random(len(performance)) > 0.1)
    keep = np.concatenate([keep, rng.choice(keep, len(keep) // 10)])
    onset = np.maximum(0, performance.onset_s[keep] + rng.normal(0, spread_s, len(keep)))
    length = (performance.offset_s - performance.onset_s)[keep] * rng.uniform(0.7, 1.3, len(keep))
    return notes(list(zip(performance.pitch[keep], onset, onset + np.maximum(length, 0.005), strict=True)))


def mir_eval_scores(reference: Performance, estimated: Performance, *, offset_ratio: float | None):
    def arrays(performance):
        times = np.stack([performance.onset_s, performance.offset_s], axis=1)
        return times, mir_eval.util.midi_to_hz(performance.pitch.astype(float))

    return mir_eval.transcription.precision_recall_f1_overlap(
        *arrays(reference), *arrays(estimated), offset_ratio=offset_ratio, offset_min_tolerance=0.05
    )[:3]


@pytest.mark.parametrize("offset_ratio", [None, 0.2])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("pitches", "length_s"), [(1, 3.0), (4, 5.0), (30, 20.0)])
def test_equals_mir_eval_on_random_notes(offset_ratio, seed, pitches, length_s):
    rng = np.random.default_rng(seed)
    reference = random_notes(rng, 120, pitches=pitches, length_s=length_s)
    for estimated in (
        random_notes(rng, 90, pitches=pitches, length_s=length_s),
        shaken(reference, rng, spread_s=0.03),
    ):
        counts = note_counts(reference, estimated, offset_ratio=offset_ratio)
        expected = mir_eval_scores(reference, estimated, offset_ratio=offset_ratio)
        assert (counts.precision, counts.recall, counts.f1) == pytest.approx(expected, abs=1e-12)


def test_a_note_matches_only_once():
    counts = note_counts(notes([(60, 1.0, 2.0)]), notes([(60, 0.98, 2.0), (60, 1.02, 2.0)]))
    assert counts == MatchCounts(matched=1, reference=1, estimated=2)


def test_the_largest_matching_is_found_where_the_nearest_first_would_miss_it():
    reference = notes([(60, 1.00, 2.0), (60, 1.06, 2.0)])
    estimated = notes([(60, 1.04, 2.0), (60, 1.10, 2.0)])
    assert note_counts(reference, estimated).matched == 2


@pytest.mark.parametrize(("shift_s", "matched"), [(0.05, 1), (0.0502, 0)])
def test_fifty_milliseconds_still_match(shift_s, matched):
    for onset in (1.0, 1.1, 7.3, 3000.7):
        reference, estimated = notes([(60, onset, onset + 1)]), notes([(60, onset + shift_s, onset + 1)])
        assert note_counts(reference, estimated).matched == matched


def test_offsets_are_judged_by_a_fifth_of_the_length_and_never_less_than_50_ms():
    long, short = [(60, 0.0, 1.0)], [(60, 0.0, 0.1)]
    assert note_counts(notes(long), notes([(60, 0.0, 1.2)]), offset_ratio=0.2).matched == 1
    assert note_counts(notes(long), notes([(60, 0.0, 1.21)]), offset_ratio=0.2).matched == 0
    assert note_counts(notes(short), notes([(60, 0.0, 0.15)]), offset_ratio=0.2).matched == 1
    assert note_counts(notes(short), notes([(60, 0.0, 0.16)]), offset_ratio=0.2).matched == 0


def test_neighbouring_semitones_do_not_match():
    assert note_counts(notes([(60, 0.0, 1.0)]), notes([(61, 0.0, 1.0)])).matched == 0


def test_silence():
    silence, sound = notes([]), notes([(60, 0.0, 1.0)])
    for reference, estimated in ((silence, sound), (sound, silence)):
        counts = note_counts(reference, estimated)
        assert (counts.precision, counts.recall, counts.f1) == (0.0, 0.0, 0.0)
    nothing = note_counts(silence, silence, offset_ratio=0.2)
    assert np.isnan([nothing.precision, nothing.recall, nothing.f1]).all()


def test_pooling_weighs_every_note_alike():
    pooled = MatchCounts.pooled([MatchCounts(90, 100, 100), MatchCounts(0, 10, 0), MatchCounts(10, 10, 20)])
    assert pooled == MatchCounts(matched=100, reference=120, estimated=120)
    assert pooled.f1 == pytest.approx(100 / 120)
    assert np.isnan(MatchCounts.pooled([]).f1)


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match="onset_tolerance_s=-1"):
        note_counts(notes([]), notes([]), onset_tolerance_s=-1.0)


@pytest.mark.slow
def test_equals_mir_eval_on_a_real_piece_and_is_faster(giantmidi_root):
    from musicgen.music.midi import read_midi

    rng = np.random.default_rng(0)
    paths = sorted(giantmidi_root.glob("Chopin, Frédéric, Nocturne*.mid"))[:2]
    assert paths
    for path in paths:
        reference = read_midi(path)
        estimated = shaken(reference, rng, spread_s=0.02)
        for offset_ratio in (None, 0.2):
            start = time.perf_counter()
            counts = note_counts(reference, estimated, offset_ratio=offset_ratio)
            ours = time.perf_counter() - start
            expected = mir_eval_scores(reference, estimated, offset_ratio=offset_ratio)
            theirs = time.perf_counter() - start - ours
            assert (counts.precision, counts.recall, counts.f1) == pytest.approx(expected, abs=1e-12)
            print(
                f"{len(reference)} notes, offset_ratio={offset_ratio}: {theirs / ours:.0f} x mir_eval's speed"
            )
