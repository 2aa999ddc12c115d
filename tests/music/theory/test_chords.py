import numpy as np
import pytest

from musicgen.music.theory.chords import QUALITIES, find_chord, name_chord
from musicgen.music.theory.keys import Key
from musicgen.music.theory.spelling import pitch_class_of


def inversions(chord: list[int]) -> list[list[int]]:
    return [chord[turn:] + [pitch + 12 for pitch in chord[:turn]] for turn in range(len(chord))]


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
            metric = numeral.replace("°", "o")
            theirs = roman.RomanNumeral(metric, tonic if mode == "major" else tonic.lower())
            pitches = [12 * (i > 0) + p.pitchClass for i, p in enumerate(theirs.pitches)]
            chord = find_chord([pitches[0], *(12 + p % 12 for p in pitches)], key)
            assert chord is not None, (tonic, numeral)
            assert chord.roman(key) == numeral, (tonic, numeral, chord.name(key))
