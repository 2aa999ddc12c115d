"""Write generated pieces to files, in the formats asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from musicgen import __version__
from musicgen.files.run_folders import run_label
from musicgen.generation.generate import GeneratedPiece
from musicgen.music.beat_grid import on_clock
from musicgen.music.midi import write_midi
from musicgen.music.midi.meta import TRACK_NAME
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap
from musicgen.music.theory.keys import estimate_key
from musicgen.music.theory.spelling import signature_of


@dataclass(frozen=True)
class Labels:
    """What a file says of where it comes from.

    Attributes:
        track_name: Name of the MIDI track.
        texts: Text events of the MIDI file: the run, the seed, the settings.
    """

    track_name: str = TRACK_NAME
    texts: tuple[str, ...] = ()

    @classmethod
    def of_origin(
        cls, run: str | Path, *, seed: int, place: str, settings: Mapping[str, Any], more: Iterable[str] = ()
    ) -> "Labels":
        """Tell the run, the seed and the settings, and nothing of the folders above the run.

        Args:
            run: The run folder or the model's name.
            seed: Seed of the draws.
            place: Which of the pieces of this seed it is: `piece 0 of 4`.
            settings: How codes were drawn, by dotted names.
            more: What else there is to tell.
        """
        chosen = ", ".join(f"{name}={value}" for name, value in settings.items())
        texts = (f"musicgen-lab {__version__}", f"run: {run_label(run)}", f"seed: {seed}, {place}")
        return cls(texts=(*texts, f"settings: {chosen}", *more))


def write_pieces(
    pieces: Sequence[GeneratedPiece],
    folder: str | Path,
    *,
    formats: str | Sequence[str] = ("mid",),
    labels: Sequence[Labels] | None = None,
    as_played: bool = False,
    soundfont: str | Path | None = None,
) -> list[Path]:
    """Write pieces as `000.mid`, `001.mid` and so on, and beside them what else is asked for.

    Args:
        pieces: What to write.
        folder: Made if it is not there.
        formats: One or several of `mid`, `wav` and `opus` (sound), `png` (roll), `svg` (score), `musicxml`.
        labels: What each MIDI file says of its origin; nothing by default.
        as_played: Also write `played/000.mid` and so on, without the tempo map: the same sound with quarters
            of half a second. For pieces whose quarters are tracked beats, which go to `000.mid`.
        soundfont: An SF2 file for `wav`; None takes the default of `render`.

    Returns:
        The files, piece by piece.

    Raises:
        ValueError: A format is unknown, or the soundfont cannot be used.
        OSError: The folder cannot be written.
    """
    formats = check_formats(formats)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, piece in enumerate(pieces):
        request = _Request(piece, labels[number] if labels else Labels(), soundfont)
        for ending in formats:
            path = folder / f"{number:03d}.{ending}"
            _WRITERS[ending](request, path)
            written.append(path)
        if as_played and "mid" in formats:
            written.append(_write_as_played(request, folder / "played" / f"{number:03d}.mid"))
    return written


def check_formats(formats: str | Sequence[str]) -> tuple[str, ...]:
    """Return formats as a tuple, one alone, too.

    Raises:
        ValueError: A format is unknown.
    """
    asked = (formats,) if isinstance(formats, str) else tuple(formats)
    unknown = sorted(set(asked) - set(_WRITERS))
    if unknown:
        raise ValueError(
            f"formats={list(asked)}: {', '.join(unknown)} is unknown; use any of {', '.join(_WRITERS)}"
        )
    return asked


@dataclass(frozen=True)
class _Request:
    piece: GeneratedPiece
    labels: Labels
    soundfont: str | Path | None


def _write_midi(request: _Request, path: Path) -> None:
    write_midi(
        with_key(request.piece.performance),
        path,
        track_name=request.labels.track_name,
        texts=request.labels.texts,
    )


def _write_as_played(request: _Request, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    clocked = replace(request.piece, performance=on_clock(request.piece.performance))
    _write_midi(replace(request, piece=clocked), path)
    return path


def with_key(performance: Performance) -> Performance:
    """Return the piece with a signature of its estimated key, unless it has one."""
    score = performance.score or ScoreMap.constant()
    if len(score.key_tick) or len(performance) == 0:
        return performance
    key = estimate_key(performance)
    is_minor = key.mode == "minor"
    sharps = signature_of(key.tonic_name, minor=is_minor)
    score = replace(score, key_tick=np.zeros(1, np.int64), key=np.array([[sharps, int(is_minor)]]))
    return replace(performance, score=score)


def _write_wav(request: _Request, path: Path) -> None:
    from musicgen.music.render.sound import render, write_wav

    write_wav(render(request.piece.performance, soundfont=request.soundfont), path)


def _write_opus(request: _Request, path: Path) -> None:
    from musicgen.files.atomic import atomic_path
    from musicgen.music.render.sound import INSTALL_SOUND, render_opus

    sound = render_opus(request.piece.performance, soundfont=request.soundfont)
    if sound is None:
        raise ValueError(f"formats=opus needs the extra `sound`; {INSTALL_SOUND}")
    with atomic_path(path) as temporary:
        temporary.write_bytes(sound)


def _write_svg(request: _Request, path: Path) -> None:
    from musicgen.files.atomic import atomic_path
    from musicgen.music.notation.engrave import engrave
    from musicgen.music.notation.on_beats import on_its_beats

    written = on_its_beats(request.piece.performance)
    drawn = engrave(written.performance, metre=written.metre, tempo_bpm=written.tempo_bpm)
    on_paper = drawn.replace("<svg ", '<svg style="background:white" ', 1)  # it may be seen on a dark page
    with atomic_path(path) as temporary:
        temporary.write_text(on_paper, encoding="utf-8")


def _write_png(request: _Request, path: Path) -> None:
    from matplotlib.image import imsave

    from musicgen.files.atomic import atomic_path
    from musicgen.music.packing import unpack
    from musicgen.music.render.piano_roll import roll_image

    piece = request.piece
    score = piece.performance.score
    seam = score.seam_quarters if score and piece.prompt_quarters else None
    at = piece.prompt_quarters if seam is None else round(seam)
    first = at - piece.prompt_quarters  # rests before the prompt's first note are no slices
    image = roll_image(unpack(piece.packed), seam_quarter=at or None, first_quarter=first)
    with atomic_path(path) as temporary:
        imsave(temporary, image, format="png")


def _write_musicxml(request: _Request, path: Path) -> None:
    from musicgen.music.notation.musicxml import write_musicxml
    from musicgen.music.notation.on_beats import on_its_beats

    written = on_its_beats(request.piece.performance)
    write_musicxml(written.performance, path, metre=written.metre, tempo_bpm=written.tempo_bpm)


_WRITERS: dict[str, Callable[[_Request, Path], None]] = {
    "mid": _write_midi,
    "wav": _write_wav,
    "opus": _write_opus,
    "png": _write_png,
    "svg": _write_svg,
    "musicxml": _write_musicxml,
}
