"""Let a performance sound: a sampled piano where one is installed, an additive tone elsewhere."""

import importlib.util
import io
import os
import subprocess
import sys
import wave
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from musicgen.files.atomic import atomic_path
from musicgen.music.midi.writing import midi_bytes
from musicgen.music.notes import Performance
from musicgen.music.render.synth import SAMPLE_RATE, scaled, synthesize
from musicgen.music.score_map import ScoreMap

SOUNDFONT_VARIABLE = "MUSICGEN_SOUNDFONT"
INSTALL_SOUND = 'pip install "musicgen-lab[sound]"'
_PACKAGE, _ITS_SOUNDFONT = "pretty_midi", "TimGM6mb.sf2"  # its wheel brings a soundfont
_TICKS_PER_SECOND = 9600
_RING_S = 2.0  # how long strings may ring behind the last note
_PEAK = 0.9
_SILENT = 1e-4
_RENDER_OPUS = """
import pathlib, sys, midirenderer
font, notes = pathlib.Path(sys.argv[1]).read_bytes(), sys.stdin.buffer.read()
sys.stdout.buffer.write(bytes(midirenderer.render_opus_from(font, notes, True)))
"""


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples and their rate.

    Attributes:
        samples: -1 to 1, one or two channels; the loudest sample is at 0.9, so nothing clips, unless a gain
            was asked for.
        rate: samples a second.
    """

    samples: Float32[np.ndarray, "samples channels"]
    rate: int

    def mono(self) -> Float32[np.ndarray, " samples"]:
        """Return the mean of the channels."""
        return self.samples.mean(axis=1, dtype=np.float32)

    def wav(self) -> bytes:
        """Return the content of a WAV file of 16 bits."""
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(self.samples.shape[1])
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(np.rint(self.samples * 32767).astype("<i2").tobytes())
        return buffer.getvalue()


def render(
    performance: Performance,
    *,
    max_s: float | None = None,
    soundfont: str | Path | None = None,
    gain: float | None = None,
) -> Sound:
    """Render notes, velocities and pedals to samples.

    With the extra `sound` it is a sampled piano in stereo at 48 kHz, else an additive tone at 16 kHz, which
    hears no pedal.

    Args:
        performance: the notes; their times in seconds count.
        max_s: where to stop, in seconds; the end of the last note by default.
        soundfont: an SF2 file; by default the one that the environment variable MUSICGEN_SOUNDFONT names,
            else the one that comes with pretty_midi.
        gain: factor on the synthesiser's samples, which are then cut off at 1, so that passages of one piece
            are equally loud; None brings the loudest sample to 0.9.

    Raises:
        ValueError: for a negative `max_s`, and for a soundfont that cannot be used.
    """
    if max_s is not None and not max_s >= 0:
        raise ValueError(f"max_s={max_s} is no length; use 0 or more seconds, or None")
    font = find_soundfont(soundfont)
    if font is None or len(performance) == 0:
        samples = synthesize(performance, max_s=max_s, gain=gain)
        return Sound(samples=samples[:, None], rate=SAMPLE_RATE)
    return _scaled(_render_wav(_in_seconds(performance, max_s), font), max_s=max_s, gain=gain)


def render_opus(
    performance: Performance,
    *,
    max_s: float | None = None,
    soundfont: str | Path | None = None,
) -> bytes | None:
    """Render to a stereo Opus file, 32 kB a second (WAV: 192); None where no sampled piano is installed.

    Args:
        performance: the notes.
        max_s: notes that begin later are left out.
        soundfont: as in `render`.

    Raises:
        ValueError: for a soundfont that cannot be used.
    """
    return start_opus(performance, max_s=max_s, soundfont=soundfont).result()


def start_opus(
    performance: Performance,
    *,
    max_s: float | None = None,
    soundfont: str | Path | None = None,
) -> "Future[bytes | None]":
    """Begin what `render_opus` does, in a process of its own: the synthesiser lets no other thread run.

    Args:
        performance: the notes.
        max_s: notes that begin later are left out.
        soundfont: as in `render`.

    Returns:
        Its `result()` waits for the file, and raises ValueError for a soundfont that cannot be used.

    Raises:
        ValueError: for a soundfont that is not there.
    """
    font = find_soundfont(soundfont)
    if font is None:
        opus: Future[bytes | None] = Future()
        opus.set_result(None)
        return opus
    thread = ThreadPoolExecutor(max_workers=1)
    opus = thread.submit(_opus_of, midi_bytes(_in_seconds(performance, max_s)), font)
    thread.shutdown(wait=False)
    return opus


def _opus_of(notes: bytes, font: Path) -> bytes:
    command = [sys.executable, "-c", _RENDER_OPUS, str(font)]
    done = subprocess.run(command, input=notes, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise _bad_soundfont(font, said.partition(": ")[2] or f"its process ended with {done.returncode}")
    return done.stdout


def find_soundfont(soundfont: str | Path | None = None) -> Path | None:
    """Find the soundfont to play with; None where the extra `sound` is not installed.

    Args:
        soundfont: the file asked for, before the environment variable and the default.

    Raises:
        ValueError: one was asked for that is not there, or without the extra `sound`.
    """
    named = soundfont or os.environ.get(SOUNDFONT_VARIABLE)
    is_installed = importlib.util.find_spec("midirenderer") is not None
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ValueError(f"soundfont={path} is no file; name an SF2 file, or none for the default")
        if not is_installed:
            raise ValueError(f"soundfont={path} needs the extra `sound`; {INSTALL_SOUND}")
        return path
    package = importlib.util.find_spec(_PACKAGE)
    if not is_installed or package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / _ITS_SOUNDFONT
    return path if path.is_file() else None


def write_wav(sound: Sound, path: str | Path) -> None:
    """Write a WAV file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(sound.wav())


def _in_seconds(performance: Performance, max_s: float | None) -> Performance:
    """Return the performance with a quarter per second, so that no tempo is between notes and samples."""
    begin, end, score = performance.onset_s, performance.offset_s, performance.score
    keep = np.ones(len(begin), bool) if max_s is None else begin < max_s
    last_s = float(end[keep].max(initial=0.0)) + _RING_S
    clock = ScoreMap.constant(tempo_bpm=60.0, ticks_per_quarter=_TICKS_PER_SECOND)
    if score is not None:
        moves_s = score.seconds(score.pedal_tick)
        ticks = np.rint(moves_s * _TICKS_PER_SECOND).astype(np.int64)
        clock = replace(clock, pedal_tick=ticks, pedal=score.pedal).between(0.0, last_s)
    clock = clock.with_marker("end", quarter=last_s)
    return Performance.from_arrays(
        performance.pitch[keep],
        onset_s=begin[keep],
        offset_s=end[keep],
        onset_quarters=begin[keep],
        offset_quarters=end[keep],
        velocity=performance.velocity[keep],
        score=clock,
    )


def _render_wav(performance: Performance, font: Path) -> bytes:
    import midirenderer

    try:
        return bytes(midirenderer.render_wave_from(_font_bytes(font), midi_bytes(performance)))
    except (RuntimeError, ValueError) as error:
        raise _bad_soundfont(font, str(error)) from error


def _scaled(wav: bytes, *, max_s: float | None, gain: float | None) -> Sound:
    """Read a WAV file, cut the silence behind it, and bring its loudest sample to 0.9 or apply the gain."""
    with wave.open(io.BytesIO(wav)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    samples = frames.reshape(-1, channels).astype(np.float32) / 32768
    if max_s is not None:
        samples = samples[: round(max_s * rate)]
    heard = np.flatnonzero(np.abs(samples).max(axis=1) > _SILENT)
    samples = samples[: heard[-1] + 1] if len(heard) else samples[:0]
    return Sound(samples=scaled(samples, peak=_PEAK, gain=gain), rate=rate)


@lru_cache(maxsize=1)
def _font_bytes(path: Path) -> bytes:
    return path.read_bytes()


def _bad_soundfont(font: Path, reason: str) -> ValueError:
    return ValueError(f"soundfont={font} cannot be played ({reason}); name another SF2 file")
