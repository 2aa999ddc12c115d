"""Notes sound at their time, as loud as their velocities, and as long as the pedal holds them."""

import io
import sys
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musicgen.music.notes import Performance
from musicgen.music.render import sound
from musicgen.music.render.sound import Sound, find_soundfont, render, render_opus, write_wav
from musicgen.music.render.synth import SAMPLE_RATE
from musicgen.music.score_map import ScoreMap


@pytest.fixture
def needs_piano(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sound.SOUNDFONT_VARIABLE, raising=False)
    pytest.importorskip("midirenderer", reason='needs pip install "musicgen-lab[sound]"')


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sound.SOUNDFONT_VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "midirenderer", None)
    monkeypatch.setattr(sound.importlib.util, "find_spec", lambda name: None)


def notes(*rows: tuple[float, float, int], score: ScoreMap | None = None) -> Performance:
    """Build notes of onset and length in seconds, and velocity."""
    onset, length, velocity = (np.array(column) for column in zip(*rows, strict=True))
    return Performance.from_arrays(
        np.full(len(rows), 60),
        onset_s=onset,
        offset_s=onset + length,
        onset_quarters=onset * 7,  # no tempo that a file would have
        offset_quarters=(onset + length) * 7,
        velocity=velocity,
        score=score,
    )


def loudness(heard: Sound, begin: float, end: float) -> float:
    return float(np.sqrt(np.mean(heard.mono()[round(begin * heard.rate) : round(end * heard.rate)] ** 2)))


@pytest.mark.usefixtures("needs_piano")
def test_a_sampled_piano_plays_notes_at_their_time_and_velocity() -> None:
    heard = render(notes((0.5, 0.4, 120), (2.0, 0.4, 30)))
    assert heard.rate >= 44_100
    assert np.abs(heard.samples).max() == pytest.approx(0.9, abs=1e-3)
    loud, soft = loudness(heard, 0.5, 0.9), loudness(heard, 2.0, 2.4)
    assert loudness(heard, 0.0, 0.48) < 0.01 * loud
    assert 1e-3 < soft < 0.5 * loud


@pytest.mark.usefixtures("needs_piano")
def test_the_pedal_is_heard() -> None:
    score = ScoreMap.constant(tempo_bpm=420.0)  # seven quarters a second
    moves = np.array([0, round(7 * 480 * 3.0)])
    pedal = replace(score, pedal_tick=moves, pedal=np.array([[64, 127], [64, 0]]))
    dry, wet = (render(notes((0.1, 0.2, 100), score=each)) for each in (score, pedal))
    assert len(dry.samples) < 2 * dry.rate
    assert loudness(wet, 1.0, 1.3) > 10 * loudness(dry, 1.0, 1.3)
    assert loudness(wet, 2.0, 2.9) > 0.01 * loudness(wet, 0.1, 0.3)


@pytest.mark.usefixtures("needs_piano")
def test_the_sound_can_be_cut_and_compressed(tmp_path: Path) -> None:
    piece = notes((0.0, 1.0, 80), (5.0, 1.0, 80))
    heard = render(piece, max_s=0.5)
    assert len(heard.samples) == round(0.5 * heard.rate)
    opus = render_opus(piece, max_s=1.0)
    assert opus is not None
    assert opus[:4] == b"OggS"
    assert len(opus) < len(render(piece).wav()) / 4
    write_wav(heard, tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (heard.rate, heard.samples.shape[1])


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_an_additive_tone_plays() -> None:
    piece = notes((0.5, 0.4, 120))
    heard = render(piece)
    assert (heard.rate, heard.samples.shape[1]) == (SAMPLE_RATE, 1)
    assert loudness(heard, 0.5, 0.9) > 100 * loudness(heard, 0.0, 0.5)
    assert render_opus(piece) is None
    with wave.open(io.BytesIO(heard.wav())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLE_RATE)
        read = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    np.testing.assert_allclose(read, heard.mono(), atol=1e-4)


def test_silence_is_silent() -> None:
    silence = notes((0.0, 1.0, 80)).between_quarters(50.0, 60.0)
    assert len(render(silence).samples) == 0
    if find_soundfont():
        opus = render_opus(silence)
        assert opus is not None
        assert opus.startswith(b"OggS")


def test_what_cannot_be_played_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"max_s=-1\.0"):
        render(notes((0.0, 1.0, 80)), max_s=-1.0)
    with pytest.raises(ValueError, match=r"soundfont=.* is no file"):
        find_soundfont(tmp_path / "none.sf2")
    font = tmp_path / "a.sf2"
    font.write_bytes(b"no soundfont")
    monkeypatch.setenv(sound.SOUNDFONT_VARIABLE, str(font))
    for play in (render, render_opus):
        with pytest.raises(ValueError, match=r"cannot be played \(SoundFont error.+\)|needs the extra"):
            play(notes((0.0, 1.0, 80)))


@pytest.mark.usefixtures("without_extra")
def test_a_soundfont_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.sf2").write_bytes(b"")
    with pytest.raises(ValueError, match=r'soundfont=.*pip install "musicgen-lab\[sound\]"'):
        find_soundfont(tmp_path / "a.sf2")
