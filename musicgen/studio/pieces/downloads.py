"""What a piece is as a file: MIDI as played and on the grid, MusicXML, WAV, a page of the score."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from musicgen.generation.writing import with_key
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.midi.writing import midi_bytes
from musicgen.music.notation.engrave import engrave
from musicgen.music.notation.musicxml import to_musicxml
from musicgen.music.notation.score import make_score, typical_tempo_bpm
from musicgen.music.notes import Performance
from musicgen.music.passages import cut_passage
from musicgen.music.render.sound import render
from musicgen.music.score_map import ScoreMap
from musicgen.studio.limits import NotThereError, RefusedError
from musicgen.studio.pieces.shelf import Piece

PAGE_QUARTERS = 48
LONGEST_WAV_S = 1800.0


@dataclass(frozen=True)
class File:
    """A file to take away.

    Attributes:
        name: File name.
        media_type: Kind of content.
        content: The bytes.
    """

    name: str
    media_type: str
    content: bytes


def origin_of(piece: Piece, *, version: str) -> tuple[str, ...]:
    """List in texts how a piece came to be, so that every file of it says so.

    Args:
        piece: The piece.
        version: Of the program.
    """
    texts = [f"musicgen-lab {version}, studio", f"piece: {piece.name}"]
    if piece.settings:
        texts.append(f"run: {piece.settings.get('run', '')}")
        texts.append(f"seed: {piece.settings.get('seed', '')}")
        rest = {key: value for key, value in piece.settings.items() if value not in ("", None, {}, [])}
        rest = {key: value for key, value in rest.items() if key not in ("run", "seed", "versions", "piece")}
        texts.append(f"settings: {json.dumps(rest, ensure_ascii=False)}")
    if piece.revision:
        texts.append(f"edited by hand: {piece.revision} times")
    return tuple(texts)


def file_of(piece: Piece, performance: Performance, *, kind: str, version: str) -> File:
    """Make a file of a piece.

    Args:
        piece: What is known of it.
        performance: Its notes.
        kind: `played.mid`, `grid.mid`, `score.musicxml` or `sound.wav`.
        version: Of the program, which the file names.

    Raises:
        NotThereError: There is no such kind of file.
        RefusedError: The piece is too long for it.
    """
    if kind not in _WRITERS:
        raise NotThereError(f"there is no file {kind!r:.40} of a piece; there are {', '.join(_WRITERS)}")
    media_type, write = _WRITERS[kind]
    content = write(performance, piece.name, origin_of(piece, version=version))
    plain = "".join(sign if sign.isalnum() or sign in " -." else "_" for sign in piece.name.replace("·", "-"))
    stem = " ".join(plain.split())[:60].strip(" .") or "piece"
    ending = {"grid.mid": " (grid).mid"}.get(kind, f".{kind.partition('.')[2]}")
    return File(f"{stem}{ending}", media_type, content)


def _played(performance: Performance, title: str, origin: Sequence[str]) -> bytes:
    return midi_bytes(with_key(performance), texts=origin)


def _on_grid(performance: Performance, title: str, origin: Sequence[str]) -> bytes:
    """Write onsets and ends at the nearest 32nd of a quarter, in one tempo, without pedals."""
    score = performance.score or ScoreMap.constant()
    tempo_bpm = typical_tempo_bpm(performance)
    packed = to_packed(performance)
    drawn = from_packed(packed, tempo_bpm=tempo_bpm)
    metre = score.time_signature_at(0.0)
    even = ScoreMap.constant(tempo_bpm=tempo_bpm, time_signature=metre)
    return midi_bytes(
        with_key(replace(drawn, score=even)), texts=[*origin, "on the grid of 32nds of a quarter"]
    )


def _musicxml(performance: Performance, title: str, origin: Sequence[str]) -> bytes:
    text = to_musicxml(make_score(performance), tempo_bpm=typical_tempo_bpm(performance), title=title)
    return _with_remarks(text, origin).encode()


def _with_remarks(musicxml: str, origin: Sequence[str]) -> str:
    """Add the origin as miscellaneous fields of the identification, where MusicXML wants it."""
    from xml.sax.saxutils import escape

    fields = "".join(
        f'<miscellaneous-field name="origin-{number}">{escape(text)}</miscellaneous-field>'
        for number, text in enumerate(origin)
    )
    identification = f"<identification><miscellaneous>{fields}</miscellaneous></identification>"
    head, sign, tail = musicxml.partition("<part-list>")
    assert sign, "our own MusicXML has a list of parts"
    return f"{head}{identification}\n  {sign}{tail}"


def _wav(performance: Performance, title: str, origin: Sequence[str]) -> bytes:
    if performance.duration_s > LONGEST_WAV_S:
        raise RefusedError(
            f"{performance.duration_s / 60:.0f} minutes are too long for a WAV file here; at most "
            f"{LONGEST_WAV_S / 60:.0f}: take the MIDI file"
        )
    return with_comment(render(performance).wav(), "; ".join([title, *origin]))


def with_comment(wav: bytes, text: str) -> bytes:
    """Add a comment (an INFO list with ICMT) behind the samples of a WAV file."""
    data = text.encode("utf-8") + b"\0"
    data += b"\0" * (len(data) % 2)
    chunk = b"INFOICMT" + len(data).to_bytes(4, "little") + data
    chunk = b"LIST" + len(chunk).to_bytes(4, "little") + chunk
    size = int.from_bytes(wav[4:8], "little") + len(chunk)
    return wav[:4] + size.to_bytes(4, "little") + wav[8:] + chunk


_WRITERS: dict[str, tuple[str, Callable[[Performance, str, Sequence[str]], bytes]]] = {
    "played.mid": ("audio/midi", _played),
    "grid.mid": ("audio/midi", _on_grid),
    "score.musicxml": ("application/vnd.recordare.musicxml+xml", _musicxml),
    "sound.wav": ("audio/wav", _wav),
}


def score_page(performance: Performance, *, page: int) -> str:
    """Engrave a page of the score as SVG, `PAGE_QUARTERS` quarters of it.

    Args:
        performance: The notes.
        page: From 0.

    Raises:
        NotThereError: The piece has no such page.
    """
    if not 0 <= page * PAGE_QUARTERS <= performance.duration_quarters:
        raise NotThereError("the score has no such page")
    part = cut_passage(performance, page * PAGE_QUARTERS, (page + 1) * PAGE_QUARTERS)
    if len(part) == 0:
        return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2100 60"></svg>'
    return engrave(part, max_quarters=PAGE_QUARTERS)
