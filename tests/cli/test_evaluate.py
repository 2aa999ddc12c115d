"""evaluate measures a run as the run measured itself, and any folder of MIDI; its page is whole in itself."""

import base64
import csv
import importlib.util
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.command import Musicgen


@pytest.fixture(scope="module")
def measured(tiny_run: Path, midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what evaluate leaves of a folder: a training piece under a new name, another, and no MIDI."""
    folder = tmp_path_factory.mktemp("measured")
    pieces = folder / "pieces"
    pieces.mkdir()
    real = sorted(midi_folder.glob("*.mid"))
    shutil.copy(real[0], pieces / "a <new> piece.mid")
    shutil.copy(tiny_run / "generated" / "000.mid", pieces / "generated.mid")
    (pieces / "broken.mid").write_bytes(b"no music")
    settings = [f"data.root={pieces}", f"against={midi_folder}", f"data.cache_dir={folder / 'cache'}"]
    Musicgen(folder)("evaluate", "data=folder", *settings, "hydra.run.dir=out", "page.audio_s=2")
    return folder / "out"


def test_a_run_is_measured_as_it_measured_itself_wherever_its_data_are_now(
    tiny_run: Path, midi_folder: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(midi_folder, moved)
    settings = [f"run={tiny_run}", f"data.root={moved}", "page.max_pieces=0", "distances=true"]
    done = Musicgen(tmp_path)("evaluate", *settings, "hydra.run.dir=again")
    again, metrics = (
        json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path / "again", tiny_run)
    )
    assert {name: again[name] for name in metrics} == metrics
    more = again.keys() - metrics.keys()
    assert {"generated/oa/mean", "generated/kld/h1", "real/oa/mean"} <= more
    assert 0 <= again["generated/oa/mean/low"] <= again["generated/oa/mean"] <= 1
    assert {"real/chord_rate", "generated/copy_notes", "real/copy_notes"} <= set(metrics)
    assert "held-out real" in done.stdout


def test_a_folder_is_measured_and_its_copy_found_out(measured: Path) -> None:
    metrics = json.loads((measured / "metrics.json").read_text())
    assert metrics["generated/pieces"] == 2
    copied, own = csv.DictReader((measured / "pieces.csv").read_text().splitlines())
    assert int(copied["copy_notes"]) > 0.9 * int(copied["notes"])
    assert "Etude No." in copied["copy_source"]
    assert own["piece"] == "generated.mid"


def test_the_page_is_whole_in_itself(measured: Path) -> None:
    page = (measured / "evaluation.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "<script" not in page
    assert "a &lt;new&gt; piece.mid" in page
    assert "a <new> piece" not in page
    assert "broken.mid" in page
    scores = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page)
    assert len(scores) == 2
    for score in scores:
        names = [
            element.get("class", "").split() for element in Xml.fromstring(base64.b64decode(score)).iter()
        ]
        assert sum("staff" in name for name in names) >= 2
    assert page.count("data:image/png;base64,") == 4
    assert len(re.findall("data:audio/(?:wav|ogg);base64,", page)) == 2
    assert re.search(r'class="copied[^"]*".*?Etude No\.', page)


def test_the_board_has_the_same_metrics_and_pictures(measured: Path) -> None:
    events = EventAccumulator(str(measured / "tensorboard"))
    events.Reload()
    metrics = json.loads((measured / "metrics.json").read_text())
    tags = events.Tags()
    assert tags["scalars"] == []  # each would be a chart of one dot
    [text] = events.Tensors("metrics/text_summary")
    rows = text.tensor_proto.string_val[0].decode()
    for name in ("generated/polyphony", "real/polyphony"):
        assert f" {metrics[name]:.3f} |" in rows
    assert {"generated/000", "generated/000/form", "generated/001", "generated/001/form"} <= set(
        tags["images"]
    )
    if importlib.util.find_spec("resvg_py"):
        assert "generated/000/score" in tags["images"]
    assert "generated/000/sound" in tags["audio"]  # the other may begin behind what is played


def test_nothing_to_measure_is_said(tmp_path: Path) -> None:
    done = Musicgen(tmp_path)("evaluate", fails=True)
    assert "run=DIR" in done.stderr + done.stdout
