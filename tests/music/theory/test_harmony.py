import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.music.notes import Performance
from musicgen.music.theory import harmony
from tests.conftest import notes
from tests.music.conftest import chorale

PIECES = st.lists(
    st.tuples(st.integers(45, 80), st.integers(0, 200), st.integers(1, 32)), min_size=3, max_size=50
).map(lambda rows: [(p, onset / 4, (onset + length) / 4) for p, onset, length in rows])


def test_slices_are_named_or_told_apart():
    piece = chorale([[60, 64, 67], [60, 64, 67, 70], [60], [60, 67], [60, 61, 62], [60, 64, 70]], quarters=1)
    silent_end = notes([(60, 7.5, 8)])
    kinds = [piece_slice.kind for piece_slice in harmony.name_slices(piece)]
    assert kinds == ["triad", "seventh", "note", "interval", "unnamed", "incomplete"]
    shares = harmony.kind_shares(harmony.name_slices(piece))
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["triad"] == pytest.approx(1 / 6)
    assert [s.kind for s in harmony.name_slices(silent_end)] == ["note"]


def test_a_note_shorter_than_a_quarter_of_the_slice_passes_by():
    short = notes([(48, 0, 1), (64, 0, 1), (67, 0, 1), (65, 0.5, 0.7)])
    long = notes([(48, 0, 1), (64, 0, 1), (67, 0, 1), (65, 0.5, 0.75)])
    assert harmony.name_slices(short)[0].kind == "triad"
    assert harmony.name_slices(long)[0].kind == "unnamed"


def test_a_progression_is_read_through_passing_notes():
    chords = [[48, 60, 64, 67], [45, 60, 64, 69], [41, 60, 65, 69], [43, 59, 62, 67], [48, 60, 64, 67]]
    block = chorale(chords)
    rows = list(zip(block.pitch.tolist(), block.onset_quarters, block.offset_quarters, strict=True))
    steps = harmony.fit_chords(notes([*rows, (74, 1.5, 2), (71, 3.5, 4), (76, 5.75, 6)]))
    assert [step.name for step in steps] == ["C", "Am", "F", "G", "C"]
    assert [step.roman for step in steps] == ["I", "vi", "IV", "V", "I"]
    assert [step.start_quarter for step in steps] == [0, 2, 4, 6, 8]
    assert sum(step.quarters for step in steps) == 10
    assert harmony.find_progression(steps, ["vi", "IV", "V"]) == [2]
    assert harmony.find_progression(steps, ["I"]) == [0, 8]
    assert harmony.find_progression(steps, []) == []


def test_chord_tones_are_weighed_by_their_time():
    plain = chorale([[48, 60, 64, 67], [41, 60, 65, 69], [43, 59, 62, 67], [48, 60, 64, 67]])
    steps = harmony.fit_chords(plain)
    assert harmony.chord_tone_rate(plain, steps) == pytest.approx(1.0)
    rows = list(zip(plain.pitch.tolist(), plain.onset_quarters, plain.offset_quarters, strict=True))
    foreign = notes([*rows, (73, 0, 0.5)])  # C sharp for half a quarter beside sixteen times 2 of chord tones
    beside = sum(2.0 for _ in range(4) for _ in range(4))
    assert [step.name for step in harmony.fit_chords(foreign)] == [step.name for step in steps]
    assert harmony.chord_tone_rate(foreign, steps) == pytest.approx(beside / (beside + 0.5))
    assert np.isnan(harmony.chord_tone_rate(notes([]), []))


def test_inversions_in_a_progression_follow_the_bass():
    steps = harmony.fit_chords(chorale([[48, 60, 64, 67], [47, 62, 65, 67], [48, 60, 64, 67]]))
    assert [step.roman for step in steps] == ["I", "V65", "I"]
    assert [step.degree for step in steps] == ["I", "V", "I"]


def test_ngrams_and_irregularity():
    loop = [[48, 60, 64, 67], [41, 60, 65, 69], [43, 59, 62, 67]]
    steps = harmony.fit_chords(chorale(loop * 4))
    grams = harmony.progression_ngrams(steps)
    assert grams == Counter({("I", "IV", "V"): 4, ("IV", "V", "I"): 3, ("V", "I", "IV"): 3})
    assert harmony.chord_irregularity(steps) == pytest.approx(3 / 10)
    assert harmony.shared_ngram_rate(grams, Counter({("I", "IV", "V"): 1})) == pytest.approx(0.4)
    assert np.isnan(harmony.shared_ngram_rate(Counter(), grams))
    assert np.isnan(harmony.chord_irregularity(steps[:2]))


@pytest.mark.parametrize(
    ("last_two", "kind"),
    [
        ([[43, 59, 62, 67], [48, 60, 64, 67]], "authentic"),
        ([[41, 60, 65, 69], [48, 60, 64, 67]], "plagal"),
        ([[43, 59, 62, 67], [45, 60, 64, 69]], "deceptive"),
        ([[41, 60, 65, 69], [43, 59, 62, 67]], "half"),
    ],
)
def test_cadences(last_two, kind):
    opening = [[48, 60, 64, 67], [41, 60, 65, 69], [43, 59, 62, 65], [48, 60, 64, 67], [45, 60, 64, 69]]
    moving = chorale(opening + last_two[:1])
    rows = list(zip(moving.pitch.tolist(), moving.onset_quarters, moving.offset_quarters, strict=True))
    rest = [(pitch, 12, 18) for pitch in last_two[1]]
    cadences = harmony.find_cadences(harmony.fit_chords(notes([*rows, *rest])))
    assert [(cadence.kind, cadence.quarter) for cadence in cadences] == [(kind, 12)]


def test_silence_gives_nan_for_every_metric():
    metrics = harmony.describe_harmony(notes([]))
    assert np.isnan(list(metrics.values())).all()
    analysis = harmony.analyze(notes([]))
    assert (analysis.key, analysis.slices, analysis.steps, analysis.cadences) == (None, (), (), ())


@settings(max_examples=40)
@given(rows=PIECES)
def test_metrics_keep_within_their_ranges(rows):
    metrics = harmony.describe_harmony(notes(rows))
    for name, value in metrics.items():
        if name.endswith(("_rate", "_irregularity")):
            assert np.isnan(value) or -1e-9 <= value <= 1 + 1e-9, name
    shares = [metrics[f"{kind}_rate"] for kind in harmony.SLICE_KINDS[1:]]
    assert sum(shares) == pytest.approx(1)


def chorale_with_analysis(path: Path) -> tuple[Performance, list] | None:
    """A Bach chorale of music21's corpus and the numerals of its analysis, where the two fit together."""
    from music21 import corpus, roman

    number = re.search(r"BWV: ([\d.]+)", path.read_text())
    assert number
    analysis = corpus.parse(str(path))
    numerals = analysis.recurse().getElementsByClass(roman.RomanNumeral)
    score = corpus.parse(f"bach/bwv{number.group(1)}").flatten().notes
    rows = [(p.midi, float(n.offset), float(n.offset + n.quarterLength)) for n in score for p in n.pitches]
    piece = notes([row for row in rows if row[2] > row[1]])
    timed = [(float(n.getOffsetInHierarchy(analysis)), n) for n in numerals]
    held = [p % 12 in {q.pitchClass for q in n.pitches} for t, n in timed for p, a, b in rows if a <= t < b]
    return (piece, timed) if np.mean(held) > 0.9 else None


@pytest.mark.gate
@pytest.mark.slow
def test_chorales_agree_with_an_analyst():
    """Andrew Jones's analyses of Bach chorales, which come with music21, quarter by quarter."""
    import music21

    folder = Path(music21.__file__).parent / "corpus" / "bach" / "choraleAnalyses"
    found = [chorale_with_analysis(path) for path in sorted(folder.glob("*.rntxt"))]
    root, tones, key = [], [], []
    for piece, timed in filter(None, found):
        steps = harmony.fit_chords(piece)
        keys = harmony.estimate_local_keys(piece, reach_quarters=6.0, change_cost=0.4)
        first = np.floor(piece.onset_quarters[0])
        begins, ends = [t for t, _ in timed], [*(t for t, _ in timed[1:]), np.inf]
        for step in steps:
            for quarter in range(step.start_quarter, step.start_quarter + step.quarters):
                shared = np.minimum(ends, first + quarter + 1) - np.maximum(begins, first + quarter)
                if shared.max() <= 0:
                    continue
                theirs = timed[int(shared.argmax())][1]
                root.append(step.chord.root == theirs.root().pitchClass)
                tones.append(set(step.chord.pitch_classes) == {p.pitchClass for p in theirs.pitches})
                ours = keys[quarter // 2]
                key.append((ours.tonic, ours.mode) == (theirs.key.tonic.pitchClass, theirs.key.mode))
    chorales = len(list(filter(None, found)))
    print(f"{chorales} chorales, {len(root)} quarters: ", end="")
    print(f"root {np.mean(root):.3f}, all tones {np.mean(tones):.3f}, local key {np.mean(key):.3f}")
    assert chorales >= 15
    assert np.mean(root) > 0.85
    assert np.mean(tones) > 0.8
    assert np.mean(key) > 0.75


@pytest.mark.gate
@pytest.mark.slow
def test_harmony_takes_little_time(giantmidi_root):
    from musicgen.music.midi import read_midi

    pieces = [read_midi(path) for path in sorted(giantmidi_root.glob("*.mid"))[::40]]
    start = time.perf_counter()
    for piece in pieces:
        harmony.describe_harmony(piece)
    seconds, minutes = time.perf_counter() - start, sum(piece.duration_s for piece in pieces) / 60
    print(f"{len(pieces)} pieces, {minutes:.0f} minutes of music: {seconds / minutes:.4f} s a minute")
