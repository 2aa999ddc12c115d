"""Write a score as MusicXML 4.0, so that notation programs open it as it was meant."""

from pathlib import Path
from xml.etree import ElementTree as Xml

from musicgen.files.atomic import atomic_path
from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.dynamics import DYNAMICS
from musicgen.music.notation.metre import Metre
from musicgen.music.notation.score import Bar, Score, make_score, tonic_near, typical_tempo_bpm
from musicgen.music.notation.xml_notes import add, add_staff
from musicgen.music.notes import Performance
from musicgen.music.score_map import SEAM
from musicgen.music.theory.chords import Chord

_DOCTYPE = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!DOCTYPE score-partwise PUBLIC '
    '"-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_KINDS = {
    "": "major", "m": "minor", "dim": "diminished", "aug": "augmented", "7": "dominant",
    "maj7": "major-seventh", "m7": "minor-seventh", "ø7": "half-diminished", "dim7": "diminished-seventh",
}  # fmt: skip


def to_musicxml(score: Score, *, tempo_bpm: float = 120.0, title: str = "") -> str:
    """Write a score as MusicXML text.

    Args:
        score: The score.
        tempo_bpm: Quarters a minute, above 0.
        title: What stands above the score.

    Raises:
        ValueError: The tempo is not above 0.
    """
    if not 0 < tempo_bpm < float("inf"):
        raise ValueError(f"tempo_bpm={tempo_bpm} is not a tempo; use for example 120")
    root = Xml.Element("score-partwise", version="4.0")
    if title:
        add(add(root, "work"), "work-title", title)
    part_list = add(root, "part-list")
    add(add(part_list, "score-part", id="P1"), "part-name", "Piano")
    part = add(root, "part", id="P1")
    first, signature = 0 if score.bars[0].span.elapsed else 1, None
    for number, bar in enumerate(score.bars, start=first):
        measure = add(part, "measure", number=str(number))
        if number == 0:
            measure.set("implicit", "yes")
        if bar.span.signature != signature:
            _attributes(measure, score, bar.span.signature, is_first=number == first)
            signature = bar.span.signature
        if number == first:
            _tempo(measure, tempo_bpm)
        if bar.dynamic:
            _dynamic(measure, bar.dynamic)
        if bar.seam is not None:
            _seam(part, measure, bar.seam)
        _chord_names(measure, bar, score)
        for staff in (1, 2):
            add_staff(measure, bar, staff=staff, fifths=score.fifths)
    add(add(part[-1], "barline", location="right"), "bar-style", "light-heavy")
    Xml.indent(root)
    return _DOCTYPE + Xml.tostring(root, encoding="unicode") + "\n"


def write_musicxml(
    performance: Performance,
    path: str | Path,
    *,
    tempo_bpm: float | None = None,
    title: str = "",
    metre: Metre | None = None,
    chord_names: bool = True,
) -> None:
    """Write a performance as a MusicXML score of two staves, whole or not at all.

    Args:
        performance: The notes.
        path: The file.
        tempo_bpm: Quarters a minute, for players of the score, above 0; None: the performance's typical one.
        title: What stands above the score.
        metre: Of the whole piece; None takes what the performance's file says.
        chord_names: Name the chords above the staves.

    Raises:
        ValueError: The tempo is not above 0.
        OSError: The file cannot be written.
    """
    score = make_score(performance, metre=metre, chord_names=chord_names)
    tempo_bpm = typical_tempo_bpm(performance) if tempo_bpm is None else tempo_bpm
    text = to_musicxml(score, tempo_bpm=tempo_bpm, title=title)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _attributes(measure: Xml.Element, score: Score, signature: tuple[int, int], *, is_first: bool) -> None:
    """Add the time signature, at the first bar with key and clefs."""
    attributes = add(measure, "attributes")
    if is_first:
        add(attributes, "divisions", UNITS_PER_QUARTER)
        add(add(attributes, "key"), "fifths", score.fifths)
    time = add(attributes, "time")
    add(time, "beats", signature[0])
    add(time, "beat-type", signature[1])
    if not is_first:
        return
    add(attributes, "staves", 2)
    for number, sign, line in ((1, "G", 2), (2, "F", 4)):
        clef = add(attributes, "clef", number=str(number))
        add(clef, "sign", sign)
        add(clef, "line", line)


def _tempo(measure: Xml.Element, tempo_bpm: float) -> None:
    direction = add(measure, "direction", placement="above")
    metronome = add(add(direction, "direction-type"), "metronome")
    add(metronome, "beat-unit", "quarter")
    add(metronome, "per-minute", max(1, round(tempo_bpm)))
    add(direction, "staff", 1)
    add(direction, "sound", tempo=f"{tempo_bpm:g}")


def _dynamic(measure: Xml.Element, mark: str) -> None:
    direction = add(measure, "direction", placement="below")
    add(add(add(direction, "direction-type"), "dynamics"), mark)
    add(direction, "staff", 1)
    add(direction, "sound", dynamics=f"{DYNAMICS[mark] / 0.9:.0f}")  # in per cent of a forte's velocity, 90


def _seam(part: Xml.Element, measure: Xml.Element, place: int) -> None:
    """Mark where a continuation begins: a word above, and a dashed bar line if it begins a bar."""
    if place:
        add(add(measure, "forward"), "duration", place)
    elif len(part) > 1:
        add(add(part[-2], "barline", location="right"), "bar-style", "dashed")
    direction = add(measure, "direction", placement="above")
    add(add(direction, "direction-type"), "words", SEAM).set("font-weight", "bold")
    add(direction, "staff", 1)
    if place:
        add(add(measure, "backup"), "duration", place)


def _chord_names(measure: Xml.Element, bar: Bar, score: Score) -> None:
    at = 0
    for place, step in bar.chords:
        if place > at:
            add(add(measure, "forward"), "duration", place - at)
        _harmony(measure, step.chord, step.chord.name_within(tonic_near(step.key, score.key)))
        at = place
    if at:
        add(add(measure, "backup"), "duration", at)


def _harmony(measure: Xml.Element, chord: Chord, name: str) -> None:
    whole, _, bass = name.partition("/")
    root = whole[:2] if whole[1:2] in ("#", "b") else whole[:1]
    harmony = add(measure, "harmony", placement="above")
    _step(add(harmony, "root"), root, "root-")
    add(harmony, "kind", _KINDS.get(chord.quality, "other"), text=chord.quality)
    if bass:
        _step(add(harmony, "bass"), bass, "bass-")
    add(harmony, "staff", 1)


def _step(parent: Xml.Element, name: str, prefix: str) -> None:
    add(parent, f"{prefix}step", name[0])
    if name[1:]:
        add(parent, f"{prefix}alter", 1 if name[1:] == "#" else -1)
