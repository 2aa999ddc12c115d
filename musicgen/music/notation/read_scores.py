"""Scores (MusicXML, Humdrum) as performances on true beats."""

import base64
import io
import json
import logging
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from musicgen.music.midi import MidiError, read_midi
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap

logger = logging.getLogger(__name__)

SCORE_SUFFIXES = (".mxl", ".xml", ".musicxml", ".krn")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ROOT_FILE = re.compile(r'full-path="([^"]+)"')
_MAX_SCORE_BYTES = 256 * 2**20
_WRONG = (ValueError, TypeError, AttributeError)  # what music21 raises on files that are no scores
_NO_SIGNATURE = (4, 4)
_TICKS_PER_QUARTER = 480
_EXACT = 1 / 64  # what counts as no difference between two times, in quarters


class ScoreError(ValueError):
    """A score that cannot be read."""


@dataclass(frozen=True)
class Timeline:
    """Notes and bar lines of a score.

    Attributes:
        performance: The notes; repeats are not played.
        bars: Where each bar begins, in quarters.
        signatures: Of each bar, the beats and the note that is one of them.
    """

    performance: Performance
    bars: Float64[np.ndarray, " bars"]
    signatures: Sequence[tuple[int, int]]


def score_text(path: Path) -> str:
    """Read the text of a score: MusicXML (packed or not, UTF-8 or UTF-16) or Humdrum.

    Raises:
        ScoreError: It is not one, or larger than 256 MB.
        OSError: The file cannot be read.
    """
    try:
        data = path.read_bytes()
        if path.suffix.lower() == ".mxl":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                container = archive.read("META-INF/container.xml").decode("utf-8", "replace")
                root = _ROOT_FILE.search(container)
                if root is None or archive.getinfo(root[1]).file_size > _MAX_SCORE_BYTES:
                    raise ScoreError("no score of at most 256 MB in the archive")
                data = archive.read(root[1])
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = data.decode(encoding)
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise ScoreError(f"not a score: {error}") from error
    return _XML_DECLARATION.sub('<?xml version="1.0" encoding="UTF-8"?>', text)


def read_score(path: Path, text: str) -> Performance:
    """Read the notes of a score, each bar once as written, with full bars on quarters of the grid.

    Verovio reads it; music21, much slower, what verovio cannot. Repeats are not played: they would show the
    same bars twice. A pickup that is no whole
    number of quarters begins late enough for the first bar to be on the beat, and the same is done wherever
    a bar of odd length in the encoding would leave all that follows off the beat.

    Args:
        path: The score, for music21.
        text: What ``score_text`` gave.

    Returns:
        The notes at 120 quarters a minute, with the score's bars as time signatures: one stands wherever bar
        lines do not follow from those before, as after a pickup.

    Raises:
        ScoreError: Neither program can read it.
    """
    try:
        timeline = _by_verovio(text)
    except ScoreError as error:
        logger.info("verovio cannot read %s (%s); music21 reads it", path.name, error)
        timeline = _by_music21(path)
    return _on_beats(timeline)


def _by_verovio(text: str) -> Timeline:
    toolkit = _toolkit()
    if not toolkit.loadData(text):
        raise ScoreError("verovio cannot load it")
    try:
        performance = read_midi(base64.b64decode(toolkit.renderToMIDI()))
    except MidiError as error:
        raise ScoreError(f"verovio writes MIDI that is not valid: {error.reason}") from error
    times: Any = toolkit.renderToTimemap({"includeMeasures": True})
    times = json.loads(times) if isinstance(times, str) else times
    bars = np.array([event["qstamp"] for event in times if "measureOn" in event], np.float64)
    if not len(bars) or bars[0] < 0 or (np.diff(bars) < 0).any():
        raise ScoreError("verovio loses count of its bars")
    score = performance.score
    signatures = [score.time_signature_at(bar) if score else _NO_SIGNATURE for bar in bars.tolist()]
    return Timeline(performance, bars, signatures)


@lru_cache(maxsize=1)
def _toolkit() -> Any:
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"breaks": "none", "expandNever": True})  # no pages, no repeats: three times as fast
    return toolkit


def _by_music21(path: Path) -> Timeline:
    import music21

    try:
        score: Any = music21.converter.parse(path, forceSource=True)
        parts = list(score.parts)
        measures = [list(part.getElementsByClass("Measure")) for part in parts]
        bars = [np.array([float(bar.offset) for bar in own]) for own in measures]
        signatures = _signatures_in(measures[0]) if parts else []
        for part in parts:
            part.stripTies(inPlace=True)
        notes = [
            (number, pitch.midi, float(note.offset), float(note.quarterLength))
            for number, part in enumerate(parts)
            for note in part.flatten().notes
            for pitch in note.pitches
            if note.quarterLength > 0
        ]
    except (music21.exceptions21.Music21Exception, SyntaxError, LookupError, *_WRONG) as error:
        raise ScoreError(f"music21 cannot read it either: {error}") from error
    if not notes or not len(bars[0]):
        raise ScoreError("no notes, or no bars")
    part, pitch, onset, length = (np.array(column) for column in zip(*notes, strict=True))
    for number, own_bars in enumerate(bars):  # parts may disagree on the length of a bar: the first one leads
        mine = part == number
        bar = np.searchsorted(own_bars, onset[mine] + _EXACT, side="right") - 1
        onset[mine] += (bars[0][np.minimum(bar, len(bars[0]) - 1)] - own_bars[bar]) if len(own_bars) else 0
    return Timeline(_performance(pitch, onset, onset + length), bars[0], signatures)


def _signatures_in(measures: Sequence[Any]) -> list[tuple[int, int]]:
    """Carry the time signatures that stand in some of music21's bars on to those after them."""
    signatures, in_force = [], _NO_SIGNATURE
    for measure in measures:
        if measure.timeSignature is not None:
            in_force = (measure.timeSignature.numerator, measure.timeSignature.denominator)
        signatures.append(in_force)
    return signatures


def _performance(
    pitch: np.ndarray, onset: np.ndarray, offset: np.ndarray, *, score: ScoreMap | None = None
) -> Performance:
    """Make notes from times in quarters, at 120 quarters a minute."""
    on_piano = (pitch >= 21) & (pitch <= 108)
    pitch, onset, offset = pitch[on_piano], onset[on_piano], offset[on_piano]
    return Performance.from_arrays(
        pitch,
        onset_s=onset / 2,
        offset_s=offset / 2,
        onset_quarters=onset,
        offset_quarters=offset,
        score=score,
    )


def _on_beats(timeline: Timeline) -> Performance:
    """Delay the music wherever full bars would otherwise lie between quarters."""
    performance = timeline.performance
    delays = _delays(timeline.bars, performance.duration_quarters)

    def moved(times: np.ndarray) -> np.ndarray:
        bar = np.searchsorted(timeline.bars, times + _EXACT, side="right") - 1
        return times + delays[np.maximum(bar, 0)]

    return _performance(
        performance.pitch.astype(np.int64),
        moved(performance.onset_quarters),
        moved(performance.offset_quarters),
        score=_bar_map(timeline.bars + delays, timeline.signatures),
    )


def _bar_map(begins: Float64[np.ndarray, " bars"], signatures: Sequence[tuple[int, int]]) -> ScoreMap:
    """Write bars as time signatures, one wherever a bar does not follow from the signature before."""
    signs: dict[int, tuple[int, int]] = {0: signatures[0]}
    expected = 4 * signatures[0][0] / signatures[0][1]
    for number in range(1, len(begins)):
        begin, signature = float(begins[number]), signatures[number]
        if signature != signatures[number - 1] or abs(begin - expected) > _EXACT:
            signs[round(begin * _TICKS_PER_QUARTER)] = signature
        expected = begin + 4 * signature[0] / signature[1]
    return replace(
        ScoreMap.constant(ticks_per_quarter=_TICKS_PER_QUARTER),
        time_signature_tick=np.array(list(signs), np.int64),
        time_signature=np.array(list(signs.values()), np.int64),
    )


def _delays(bars: Float64[np.ndarray, " bars"], end: float) -> Float64[np.ndarray, " bars"]:
    """Find the delay of each bar: a bar of whole quarters that begins between quarters moves to the next.

    A bar that is no whole number of quarters (a pickup, a half bar before a repeat) stays where it is, and a
    first one moves along with the bar after it.
    """
    lengths = np.diff(bars, append=end)
    delays, delay = np.zeros(len(bars)), 0.0
    for number, (begin, length) in enumerate(zip(bars, lengths, strict=True)):
        if _is_whole(length) and not _is_whole(begin + delay):
            delay += -(begin + delay) % 1
        delays[number] = delay
    if len(bars) > 1 and not _is_whole(lengths[0]):
        delays[0] = delays[1]
    return delays


def _is_whole(quarters: float) -> bool:
    return bool(abs(quarters - round(quarters)) < _EXACT)
