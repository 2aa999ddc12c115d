import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicgen.music import harmony
from musicgen.music.chords import QUALITIES, find_chord
from musicgen.music.harmony import Key, estimate_key, name_chord
from musicgen.music.keys import KEYS, key_scores
from musicgen.music.notes import Performance
from musicgen.music.spelling import pitch_class_of


def notes(rows: list[tuple[int, float, float]]) -> Performance:
    """Notes from (pitch, onset, offset) in quarters, at 120 bpm."""
    pitch, onset, offset = np.array(rows, dtype=float).reshape(-1, 3).T
    return Performance.from_arrays(
        pitch, onset_s=onset / 2, offset_s=offset / 2, onset_quarters=onset, offset_quarters=offset
    )


def chorale(chords: list[list[int]], *, quarters: float = 2, start: float = 0) -> Performance:
    """Block chords one after the other."""
    return notes(
        [
            (pitch, start + i * quarters, start + (i + 1) * quarters)
            for i, chord in enumerate(chords)
            for pitch in chord
        ]
    )


def inversions(chord: list[int]) -> list[list[int]]:
    return [chord[turn:] + [pitch + 12 for pitch in chord[:turn]] for turn in range(len(chord))]


# ---------------------------------------------------------------- names of chords

BY_HAND = {
    (60, 64, 67): ["C", "C/E", "C/G"],
    (57, 60, 64): ["Am", "Am/C", "Am/E"],
    (52, 55, 59): ["Em", "Em/G", "Em/B"],
    (66, 70, 73): ["F#", "F#/A#", "F#/C#"],
    (58, 62, 65): ["Bb", "Bb/D", "Bb/F"],
    (63, 67, 70): ["Eb", "Eb/G", "Eb/Bb"],
    (61, 64, 68): ["C#m", "C#m/E", "C#m/G#"],
    (59, 62, 65): ["Bdim", "Bdim/D", "Bdim/F"],
    (54, 57, 60): ["F#dim", "F#dim/A", "F#dim/C"],
    (55, 59, 62, 65): ["G7", "G7/B", "G7/D", "G7/F"],
    (57, 61, 64, 67): ["A7", "A7/C#", "A7/E", "A7/G"],
    (58, 62, 65, 68): ["Bb7", "Bb7/D", "Bb7/F", "Bb7/Ab"],
    (60, 64, 67, 71): ["Cmaj7", "Cmaj7/E", "Cmaj7/G", "Cmaj7/B"],
    (62, 65, 69, 72): ["Dm7", "Dm7/F", "Dm7/A", "Dm7/C"],
    (59, 62, 65, 69): ["Bø7", "Bø7/D", "Bø7/F", "Bø7/A"],
    (57, 60, 64, 68): ["AmM7", "AmM7/C", "AmM7/E", "AmM7/G#"],
    (60, 64, 68, 71): ["CaugM7", "CaugM7/E", "CaugM7/G#", "CaugM7/B"],
    (55, 59, 63, 65): ["Gaug7", "Gaug7/B", "Gaug7/D#", "Gaug7/F"],
}


@pytest.mark.parametrize("chord", BY_HAND)
def test_hand_named_chords_in_all_inversions(chord):
    assert [name_chord(turned) for turned in inversions(list(chord))] == BY_HAND[chord]


def test_the_two_chords_of_the_report():
    assert name_chord([59, 62, 65, 69]) == "Bø7"
    assert name_chord([53, 59, 62, 69]) == "Bø7/F"
    assert name_chord([55, 59, 64, 71]) == "Em/G"


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ([60, 64, 67, 70, 74], "C9"),
        ([55, 59, 62, 65, 68], "G7b9"),
        ([53, 55, 60], "Fsus2"),
        ([55, 60, 65], "Csus4/G"),
        ([60, 65, 67], "Csus4"),
        ([55, 59, 65], "G7(no5)"),
        ([60, 63, 66, 69], "Cdim7"),
        ([63, 66, 69, 72], "Ebdim7"),
        ([60, 64, 68], "Caug"),
    ],
)
def test_other_names(pitches, name):
    assert name_chord(pitches) == name


@pytest.mark.parametrize(
    "pitches", [[], [60], [60, 72], [60, 67], [60, 64], [60, 61, 62], [60, 62, 64, 65], [60, 66, 71]]
)
def test_no_name(pitches):
    assert name_chord(pitches) is None


def test_octaves_order_and_doublings_do_not_matter():
    assert name_chord([76, 48, 67, 60, 55, 84]) == "C"
    assert name_chord(np.array([64, 36, 67])) == "C"
    assert name_chord([40, 60, 67, 72]) == "C/E"


def test_a_key_spells_the_names():
    flat, sharp = Key(1, "major"), Key(6, "major")  # D flat major, F sharp major
    assert name_chord([61, 65, 68], flat) == "Db"
    assert name_chord([61, 65, 68], sharp) == "C#"
    assert name_chord([63, 66, 70], Key(11, "major")) == "D#m"
    assert name_chord([66, 70, 75], Key(1, "major")) == "Ebm/Gb"


def test_a_key_settles_the_root_of_symmetrical_chords():
    assert name_chord([59, 62, 65, 68], Key(9, "minor")) == "G#dim7/B"
    assert name_chord([59, 62, 65, 68], Key(0, "minor")) == "Bdim7"
    assert name_chord([60, 63, 66, 69], Key(0, "major")) == "F#dim7/C"  # leads to the dominant
    assert name_chord([60, 64, 68], Key(9, "minor")) == "Eaug/B#"


def test_all_triads_and_sevenths_agree_with_music21():
    """music21 names each chord from correctly spelled notes; we hear the bare keys of the piano."""
    from music21 import chord as music21_chord

    common_names = {
        "major triad": "", "minor triad": "m", "diminished triad": "dim", "augmented triad": "aug",
        "dominant seventh chord": "7", "major seventh chord": "maj7", "minor seventh chord": "m7",
        "half-diminished seventh chord": "ø7", "diminished seventh chord": "dim7",
        "minor-augmented tetrachord": "mM7",
    }  # fmt: skip
    letters = "CDEFGAB"
    checked = 0
    for root in ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"):
        for suffix in common_names.values():
            quality = QUALITIES[suffix]
            low = 48 + pitch_class_of(root)
            spelled = []
            for interval, steps in zip(quality.intervals, quality.letters, strict=True):
                letter = letters[(letters.index(root[0]) + steps) % 7]
                shift = (low + interval - pitch_class_of(letter) + 6) % 12 - 6
                spelled.append(letter + ("#" * shift if shift > 0 else "-" * -shift))
            for turn in range(len(spelled)):
                theirs = music21_chord.Chord(
                    [f"{name}{4 if i >= turn else 5}" for i, name in enumerate(spelled)]
                )
                bass = min(theirs.pitches, key=lambda p: p.ps).pitchClass
                ours = find_chord([bass, *(12 + p.pitchClass for p in theirs.pitches)])
                assert ours is not None
                assert (
                    common_names[theirs.commonName.replace("enharmonic equivalent to ", "")] == ours.quality
                )
                if suffix not in ("aug", "dim7"):  # symmetrical: without spelling every root is as good
                    assert ours.root == theirs.root().pitchClass
                    root_first = music21_chord.Chord(list(theirs.pitches))
                    root_first.bass(next(p for p in theirs.pitches if p.pitchClass == bass))
                    assert ours.inversion == root_first.inversion()
                checked += 1
    assert checked == 12 * (4 * 3 + 6 * 4)


# ---------------------------------------------------------------- Roman numerals

MAJOR_NUMERALS = ["I", "I6", "I64", "ii", "ii65", "iii6", "IV", "V", "V7", "V65", "V43", "V42", "vi", "vii°6",
                  "viiø7", "V7/V", "V65/ii", "V/vi", "vii°7/V", "vii°65/ii", "bII6", "bVI", "iv"]  # fmt: skip
MINOR_NUMERALS = ["i", "i6", "iv", "iiø7", "iiø65", "ii°6", "III", "V", "V7", "V43", "VI", "VII", "vii°",
                  "vii°7", "vii°43", "V7/iv", "vii°7/V", "bII6"]  # fmt: skip


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_numerals_of_music21_come_back(mode):
    from music21 import roman

    for tonic in ("C", "E-", "F#", "A"):
        key = Key(pitch_class_of(tonic.replace("-", "b")), mode)
        for numeral in MAJOR_NUMERALS if mode == "major" else MINOR_NUMERALS:
            figure = numeral.replace("°", "o")
            theirs = roman.RomanNumeral(figure, tonic if mode == "major" else tonic.lower())
            pitches = [12 * (i > 0) + p.pitchClass for i, p in enumerate(theirs.pitches)]
            chord = find_chord([pitches[0], *(12 + p % 12 for p in pitches)], key)
            assert chord is not None, (tonic, numeral)
            assert chord.roman(key) == numeral, (tonic, numeral, chord.name(key))


# ---------------------------------------------------------------- keys


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


@settings(max_examples=50, deadline=None)
@given(rows=PIECES, semitones=st.integers(-12, 12))
def test_a_transposed_piece_has_the_transposed_key(rows, semitones):
    here = key_scores(notes(rows))
    there = key_scores(notes([(p + semitones, a, b) for p, a, b in rows]))
    assert np.roll(here.reshape(2, 12), semitones, axis=1).ravel() == pytest.approx(there, abs=1e-9)


def test_silence_has_no_key():
    with pytest.raises(ValueError, match="without notes has no key"):
        estimate_key(notes([]))
    assert harmony.estimate_local_keys(notes([])) == []
    with pytest.raises(ValueError, match="is no key"):
        Key(12, "major")
    with pytest.raises(ValueError, match="is no key"):
        Key(0, "dorian")


def test_keys_in_titles():
    assert harmony.key_in_title("Nocturne in C-sharp minor, B.49") == Key(1, "minor")
    assert harmony.key_in_title("Polonaise in A-flat major") == Key(8, "major")
    assert harmony.key_in_title("Prelude in F major") == Key(5, "major")
    assert harmony.key_in_title("Nocturnes, Op.9") is None
    assert harmony.key_in_title("Fugue in C major and Fugue in D minor") is None


def test_a_modulation_is_found_where_it_happens():
    rows = []
    for key, start in ((Key(0, "major"), 0), (Key(6, "major"), 64), (Key(0, "major"), 128)):
        for turn in range(8):
            piece = cadence_in(key, start=start + 8 * turn)
            rows += list(zip(piece.pitch.tolist(), piece.onset_quarters, piece.offset_quarters, strict=True))
    keys = harmony.estimate_local_keys(notes(rows))
    assert len(keys) == 192 / 2
    changes = [2 * i for i in range(1, len(keys)) if keys[i] != keys[i - 1]]
    assert {key.name for key in keys} == {"C major", "F# major"}
    assert changes == pytest.approx([64, 128], abs=4)
    assert harmony.analyze(notes(rows)).key == Key(0, "major")


# ---------------------------------------------------------------- slices, progressions, cadences


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


def test_silence_gives_nan_for_every_figure():
    figures = harmony.describe_harmony(notes([]))
    assert np.isnan(list(figures.values())).all()
    analysis = harmony.analyze(notes([]))
    assert (analysis.key, analysis.slices, analysis.steps, analysis.cadences) == (None, (), (), ())


@settings(max_examples=40, deadline=None)
@given(rows=PIECES)
def test_figures_keep_within_their_ranges(rows):
    figures = harmony.describe_harmony(notes(rows))
    for name, value in figures.items():
        if name.endswith(("_rate", "_irregularity")):
            assert np.isnan(value) or -1e-9 <= value <= 1 + 1e-9, name
    shares = [figures[f"{kind}_rate"] for kind in harmony.SLICE_KINDS[1:]]
    assert sum(shares) == pytest.approx(1)


# ---------------------------------------------------------------- real music


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


@pytest.mark.slow
def test_chorales_agree_with_an_analyst():
    """Andrew Jones's analyses of Bach chorales, which come with music21, quarter by quarter."""
    import music21

    folder = Path(music21.__file__).parent / "corpus" / "bach" / "choraleAnalyses"
    found = [chorale_with_analysis(path) for path in sorted(folder.glob("*.rntxt"))]
    root, tones, key = [], [], []
    for piece, timed in filter(None, found):
        steps = harmony.fit_chords(piece)
        keys = harmony.estimate_local_keys(piece, reach_quarters=6, change_cost=0.4)
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


@pytest.mark.slow
def test_keys_agree_with_the_titles_of_giantmidi(giantmidi_root):
    from musicgen.evaluation.key_agreement import first_half, key_agreement, titled_pieces
    from musicgen.music.midi import read_midi

    files = {path.read_bytes(): path for path in sorted(giantmidi_root.glob("*.mid"), reverse=True)}
    named = [path for path in files.values() if harmony.key_in_title(path.stem)]
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


@pytest.mark.slow
def test_harmony_takes_little_time(giantmidi_root):
    from musicgen.music.midi import read_midi

    pieces = [read_midi(path) for path in sorted(giantmidi_root.glob("*.mid"))[::40]]
    start = time.perf_counter()
    for piece in pieces:
        harmony.describe_harmony(piece)
    seconds, minutes = time.perf_counter() - start, sum(piece.duration_s for piece in pieces) / 60
    print(f"{len(pieces)} pieces, {minutes:.0f} minutes of music: {seconds / minutes:.4f} s a minute")
