"""The verb generate: prompts as they were, the best of many, and what files say of their origin."""

import re
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest

from musicgen.files.run_folders import run_label
from musicgen.music.midi import read_midi
from tests.command import Musicgen

SHORT = ["num_quarters=4", "threads=1"]


@pytest.fixture(scope="module")
def waltz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 8 bars of 3/4 at 54, then at 90 quarters a minute, with a pedal and two velocities."""
    path = tmp_path_factory.mktemp("prompt") / "waltz.mid"
    file = mido.MidiFile(type=0, ticks_per_beat=100)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("time_signature", numerator=3, denominator=4))
    for bar in range(8):
        track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(54 if bar < 4 else 90)))
        track.append(mido.Message("control_change", control=64, value=127))
        track.append(mido.Message("note_on", note=48, velocity=100))
        track.append(mido.Message("note_on", note=64, velocity=30, time=100))
        track.append(mido.Message("note_off", note=64, time=100))
        track.append(mido.Message("note_off", note=48, time=100))
        track.append(mido.Message("control_change", control=64, value=0))
    file.tracks.append(track)
    file.save(path)
    return path


def test_a_continuation_keeps_the_prompt_and_says_what_it_is(
    tiny_run: Path, waltz: Path, tmp_path: Path, musicgen: Musicgen
) -> None:
    out = tmp_path / "out"
    formats = "formats=[mid,wav,opus,png,svg,musicxml]"
    asked = [f"prompt={waltz}", "num_pieces=1", formats, f"hydra.run.dir={out}"]
    said = musicgen("generate", f"run={tiny_run}", *asked, *SHORT).stdout
    assert {"000.mid", "000.wav", "000.png", "000.musicxml"} <= {path.name for path in out.iterdir()}
    assert (out / "000.opus").read_bytes().startswith(b"OggS")
    score = (out / "000.svg").read_text(encoding="utf-8")
    assert score.count('class="measure') > 6
    assert "background:white" in score
    source, read = read_midi(waltz), read_midi(out / "000.mid")
    for name in ("pitch", "onset_s", "offset_s", "onset_quarters", "offset_quarters", "velocity"):
        kept = getattr(read, name)[read.onset_quarters < 24]
        np.testing.assert_allclose(kept, getattr(source, name), atol=1e-9, err_msg=name)
    assert read.score is not None
    assert source.score is not None
    scale = read.score.ticks_per_quarter / 100
    assert read.score.pedal_tick.tolist() == (source.score.pedal_tick * scale).tolist()
    assert read.score.tempo_bpm_at(26.0) == pytest.approx(90, abs=1e-3)
    assert read.score.time_signature_at(26.0) == (3, 4)
    assert [marker.text for marker in read.score.markers] == ["continuation"]
    texts = [message.text for message in mido.MidiFile(out / "000.mid").tracks[0] if message.type == "text"]
    assert f"run: {run_label(tiny_run)}" in texts
    assert "seed: 0, piece 0 of 1" in texts
    assert any("temperature=" in text for text in texts)
    assert "24 quarters; kept: 16 notes with their velocities, 2 tempos, 3/4" in said
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "<dt>new from</dt><dd>0:21.3 (quarter 24)</dd>" in page  # 4 bars at 54, then 4 at 90
    assert "<dt>metrics</dt><dd>of what is new</dd>" in page
    assert "waltz.mid" in page
    assert 'download="000.mid"' in page
    assert {"data:audio/midi", "data:image/svg+xml", "data:image/png"} <= set(
        re.findall(r"data:[\w/+]+", page)
    )
    assert re.search("data:audio/(wav|ogg);base64,", page)
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert str(out / "index.html") in said


def test_the_best_of_many_are_kept_and_named(
    tiny_run: Path, waltz: Path, tmp_path: Path, musicgen: Musicgen
) -> None:
    out = tmp_path / "out"
    asked = [
        f"prompt={waltz}",
        "prompt_bars=2-5",
        "keep_prompt=false",
        "num_pieces=3",
        "keep=1",
        "formats=mid",
        "page.max_pieces=0",
    ]
    said = musicgen("generate", f"run={tiny_run}", *asked, f"hydra.run.dir={out}", *SHORT).stdout
    assert [path.name for path in sorted(out.glob("*.mid"))] == ["000.mid"]
    assert not (out / "index.html").exists()
    assert "rank" in said
    assert len(re.findall(r"kept +│", said)) == 1
    file = mido.MidiFile(out / "000.mid")
    [seed] = [message.text for message in file.tracks[0] if getattr(message, "text", "").startswith("seed")]
    assert seed in {f"seed: 0, piece {number} of 3" for number in range(3)}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["keep=5"], "keep=5 of num_pieces=4"),
        (["keep_prompt=false"], "without a prompt"),
        (["prompt_bars=1-2"], "prompt=FILE"),
        (["formats=[mid,mp3]"], "mp3"),
        (["formats=wav", "soundfont=none.sf2"], "none.sf2"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    tiny_run: Path, tmp_path: Path, settings: list[str], reason: str, musicgen: Musicgen
) -> None:
    done = musicgen("generate", f"run={tiny_run}", *settings, f"hydra.run.dir={tmp_path / 'out'}", fails=True)
    assert reason in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_writing_waits_for_no_framework_of_training(tiny_run: Path, tmp_path: Path) -> None:
    """Lightning takes a third of the time to the first piece, and trains nothing here."""
    arguments = ["generate", f"run={tiny_run}", *SHORT, "num_pieces=1", f"hydra.run.dir={tmp_path / 'out'}"]
    code = f"import sys; sys.argv = ['musicgen', *{arguments}]; from musicgen.__main__ import main; main();"
    code += "print([name for name in ('pytorch_lightning', 'torchmetrics') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "out" / "000.mid").is_file()
