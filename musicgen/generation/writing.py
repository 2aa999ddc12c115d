"""Write generated pieces to files, in the formats asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from musicgen.generation.generate import GeneratedPiece
from musicgen.music.midi import write_midi


def write_pieces(
    pieces: Sequence[GeneratedPiece],
    folder: str | Path,
    *,
    tempo_bpm: float,
    formats: Sequence[str] = ("mid",),
) -> list[Path]:
    """Write pieces as `000.mid`, `001.mid` and so on, and beside them what else is asked for.

    Args:
        pieces: What to write.
        folder: Made if it is not there.
        tempo_bpm: Quarters a minute, written into the MIDI file.
        formats: Any of `mid`, `wav`, `png`, `musicxml`.

    Returns:
        The files, piece by piece.

    Raises:
        ValueError: A format is unknown.
        OSError: The folder cannot be written.
    """
    check_formats(formats)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, piece in enumerate(pieces):
        for ending in formats:
            path = folder / f"{number:03d}.{ending}"
            _WRITERS[ending](piece, path, tempo_bpm)
            written.append(path)
    return written


def check_formats(formats: Sequence[str]) -> None:
    """Refuse formats that nobody writes.

    Raises:
        ValueError: A format is unknown.
    """
    unknown = sorted(set(formats) - set(_WRITERS))
    if unknown:
        raise ValueError(
            f"formats={list(formats)}: {', '.join(unknown)} is unknown; use any of {', '.join(_WRITERS)}"
        )


def _write_midi(piece: GeneratedPiece, path: Path, tempo_bpm: float) -> None:
    write_midi(piece.performance, path, tempo_bpm=tempo_bpm)


def _write_wav(piece: GeneratedPiece, path: Path, tempo_bpm: float) -> None:
    from musicgen.music.render.synth import SAMPLE_RATE, synthesize, write_wav

    write_wav(synthesize(piece.performance), path, sample_rate=SAMPLE_RATE)


def _write_png(piece: GeneratedPiece, path: Path, tempo_bpm: float) -> None:
    from matplotlib.image import imsave

    from musicgen.files.atomic import atomic_path
    from musicgen.music.grid import unpack
    from musicgen.music.render.piano_roll import roll_image

    with atomic_path(path) as temporary:
        imsave(temporary, roll_image(unpack(piece.packed)), format="png")


def _write_musicxml(piece: GeneratedPiece, path: Path, tempo_bpm: float) -> None:
    from musicgen.music.notation.musicxml import write_musicxml

    write_musicxml(piece.performance, path, tempo_bpm=tempo_bpm)


_WRITERS: dict[str, Callable[[GeneratedPiece, Path, float], None]] = {
    "mid": _write_midi,
    "wav": _write_wav,
    "png": _write_png,
    "musicxml": _write_musicxml,
}
