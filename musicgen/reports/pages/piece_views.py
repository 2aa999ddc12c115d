"""What the evaluation page shows of one piece: score, roll, form and sound, each whole in itself."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from musicgen.measure.copying.index import Copy
from musicgen.measure.copying.threshold import CopyThreshold
from musicgen.measure.music import MeasuredPiece
from musicgen.music.grid import to_slices
from musicgen.music.metrics.bars import first_quarter
from musicgen.music.midi.writing import midi_bytes
from musicgen.music.notation.engrave import engrave
from musicgen.music.notation.on_beats import Writable, on_its_beats
from musicgen.music.notes import Performance
from musicgen.music.passages import cut_passage
from musicgen.music.render.form_diagram import form_image
from musicgen.music.render.piano_roll import Rgb, roll_image
from musicgen.music.render.sound import render, start_opus
from musicgen.music.theory.harmony import SLICE_KINDS, Harmony, kind_shares

_ROLL_QUARTERS = 128
_BEFORE_SEAM_QUARTERS = 16  # of a prompt that are shown before what is new


@dataclass(frozen=True)
class PieceView:
    """Hold the parts of a piece's section, pictures and sound as `data:` addresses.

    Attributes:
        name: File name.
        facts: Labels and texts.
        copied: What it copied, in words; nothing where nothing was searched.
        accused: Whether that is more than held-out real music shares.
        harmony: Key, modulations, cadences, in words.
        kinds: Kinds of slices and their shares in per cent.
        score: SVG, nothing for silence.
        roll: PNG.
        form: PNG.
        midi: The notes as a MIDI file.
        audio: Opus where a sampled piano is installed, else WAV; nothing for silence.
        score_note: How much of the piece the score shows, where that is not all.
        audio_note: The same for the sound.
    """

    name: str
    facts: list[tuple[str, str]]
    copied: str
    accused: bool
    harmony: list[tuple[str, str]]
    kinds: list[tuple[str, float]]
    score: str
    roll: str
    form: str
    midi: str
    audio: str
    score_note: str
    audio_note: str


def view_piece(
    piece: MeasuredPiece, *, threshold: CopyThreshold | None, score_quarters: int, audio_s: float
) -> PieceView:
    """Draw, engrave and sound a piece.

    Args:
        piece: As it was measured.
        threshold: What held-out real music shares with the training pieces.
        score_quarters: How much is engraved, in quarters.
        audio_s: How much is sounded, in seconds.
    """
    performance = piece.performance
    is_heard = len(performance) > 0
    minutes, seconds = divmod(round(performance.duration_s), 60)
    shown, begin = _around_seam(performance)
    sound = start_sound(shown, audio_s=audio_s) if is_heard else str  # while the pictures are drawn
    written = on_its_beats(shown)
    as_written = {"metre": written.metre, "tempo_bpm": written.tempo_bpm, "max_quarters": score_quarters}
    svg = engrave(written.performance, **as_written) if is_heard else ""
    return PieceView(
        name=piece.name,
        facts=[
            *_seam_facts(performance),
            ("length", f"{minutes}:{seconds:02d} ({performance.duration_quarters:.0f} quarters)"),
            ("notes", f"{len(performance):,}"),
            ("key", piece.harmony.key.name if piece.harmony.key else "–"),
        ],
        copied=copy_text(piece.copy, threshold) if piece.copy else "",
        accused=bool(piece.copy and threshold and threshold.exceeded_by(piece.copy)),
        harmony=harmony_texts(piece.harmony),
        kinds=[
            (kind, 100 * share)
            for kind, share in kind_shares(piece.harmony.slices).items()
            if kind in SLICE_KINDS[1:] and share > 0
        ],
        score=_address("image/svg+xml", svg.encode()) if svg else "",
        roll=_address("image/png", png(_roll(performance))),
        form=_address("image/png", png(form_image(performance))),
        midi=_address("audio/midi", midi_bytes(performance)),
        audio=sound(),
        score_note=_score_note(written, score_quarters, begin),
        audio_note=_part(f"{audio_s:.0f} seconds", begin, shown.duration_s > audio_s + 1),
    )


def _around_seam(performance: Performance) -> tuple[Performance, float]:
    """Leave out the front of a long prompt, so that what is new is shown; return where the rest begins."""
    score = performance.score
    seam = score.seam_quarters if score and len(performance) else None
    if score is None or seam is None or seam <= 2 * _BEFORE_SEAM_QUARTERS:
        return performance, 0.0
    lines = score.bar_lines(seam - _BEFORE_SEAM_QUARTERS + 1e-6)
    begin = float(lines[-1])
    return cut_passage(performance, begin, performance.duration_quarters), begin


def _score_note(written: Writable, score_quarters: int, begin: float) -> str:
    """Describe what the score shows: whether on tracked beats, and how much of the piece."""
    is_cut = written.performance.duration_quarters > score_quarters
    beats = "on tracked beats" if written.is_tracked else ""
    return ", ".join(filter(None, [beats, _part(f"{score_quarters} quarters", begin, is_cut)]))


def _part(length: str, begin: float, is_cut: bool) -> str:
    """Describe how much of a piece is shown; empty for all of it."""
    if not begin:
        return f"the first {length}" if is_cut else ""
    return f"{length} from quarter {begin:g} on" if is_cut else f"from quarter {begin:g} on"


def _seam_facts(performance: Performance) -> list[tuple[str, str]]:
    """Say where a continuation begins."""
    score = performance.score
    seam = score.seam_quarters if score and len(performance) else None
    if score is None or seam is None:
        return []
    at_s = float(score.seconds(np.array([seam * score.ticks_per_quarter]))[0])
    return [("new from", f"{_clock(at_s)} (quarter {seam:g})")]


def _roll(performance: Performance) -> Rgb:
    """Draw the roll; of a continuation what is new, with a line at the seam."""
    seam = performance.score.seam_quarters if performance.score and len(performance) else None
    return roll_image(
        to_slices(performance),
        max_quarters=_ROLL_QUARTERS,
        seam_quarter=None if seam is None else round(seam),
        first_quarter=int(first_quarter(performance)) if len(performance) else 0,
    )


def start_sound(performance: Performance, *, audio_s: float) -> Callable[[], str]:
    """Begin to render the beginning of a piece: Opus, or WAV where no sampled piano is installed.

    Args:
        performance: The piece, with notes.
        audio_s: At most so many seconds.

    Returns:
        What waits for the sound and gives it as a `data:` address.
    """
    started = start_opus(performance, max_s=audio_s)

    def address() -> str:
        opus = started.result()
        if opus is not None:
            return _address("audio/ogg", opus)
        return _address("audio/wav", render(performance, max_s=audio_s).wav())

    return address


def copy_text(copy: Copy, threshold: CopyThreshold | None) -> str:
    """Say in a sentence what was copied, from where, and what real music shares."""
    if copy.notes == 0:
        return "No run of notes is shared with the pieces that were searched."
    moved = f", {abs(copy.transposition)} semitones {'higher' if copy.transposition > 0 else 'lower'}"
    text = (
        f"Longest run that the searched pieces have, too: {copy.notes} notes at {_clock(copy.onset_s)}, as "
        f"at {_clock(copy.source_onset_s)} of {PurePath(copy.source).name}"
        f"{moved if copy.transposition else ''}."
    )
    if threshold is None:
        return text
    return (
        f"{text} {threshold.excerpts} held-out real excerpts of this length share "
        f"{threshold.median:.0f} notes at the middle and {threshold.longest} at most."
    )


def harmony_texts(harmony: Harmony) -> list[tuple[str, str]]:
    """Say where the keys change, which progression begins the piece, and where it comes to rest."""
    keys = []
    for half, key in enumerate(harmony.local_keys):
        if not keys or keys[-1][1] != key:
            keys.append((half // 2 + 1, key))
    kinds = [cadence.kind for cadence in harmony.cadences]
    counted = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    return [
        ("keys", _listed([f"{key.name} (bar {bar})" for bar, key in keys])),
        ("begins with", _listed([step.roman for step in harmony.steps], most=16, separator=" ")),
        ("cadences", ", ".join(counted) or "none"),
    ]


def png(picture: Rgb) -> bytes:
    """Write a picture as PNG."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()


def _listed(texts: Sequence[str], *, most: int = 12, separator: str = ", ") -> str:
    return separator.join(texts[:most]) + (" …" if len(texts) > most else "") or "none"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}:{rest:04.1f}"


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
