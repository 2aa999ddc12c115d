"""A whole run, as a user starts it: what it leaves, how it goes on, how it repeats."""

import csv
import json
import math
from pathlib import Path

import mido
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from musicgen.checkpoint import load_autoencoder, load_transformer
from musicgen.files.run_folders import run_label
from musicgen.music.midi import read_midi

FIXED_METRICS = {
    "vq_vae/val/bce",
    "vq_vae/val/perplexity",
    "vq_vae/val/codes_used",
    "vq_vae/val/cell_f1",
    "vq_vae/val/onset_f1",
    "vq_vae/val/note_f1",
    "vq_vae/train/bce",
    "baseline/constant/bce",
    "baseline/pitch/bce",
    "transformer/val/nats_per_code",
    "baseline/unigram/nats_per_code",
    "baseline/bigram/nats_per_code",
    "val/bits_per_quarter",
    "baseline/chain/bits_per_quarter",
}


def board(run: Path) -> EventAccumulator:
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return events


def test_a_run_leaves_what_the_design_says(tiny_run: Path):
    names = {"vq_vae", "vq_vae-last", "transformer", "transformer-last"}
    assert {path.stem for path in tiny_run.glob("checkpoints/*.ckpt")} == names
    assert (tiny_run / ".hydra" / "config.yaml").is_file()
    assert [path.name for path in sorted(tiny_run.glob("generated/*"))] == ["000.mid", "001.mid"]
    assert set(json.loads((tiny_run / "status.json").read_text())["seconds"]) >= {"generate", "evaluate"}
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    assert set(metrics) >= FIXED_METRICS
    assert all(math.isfinite(metrics[name]) for name in FIXED_METRICS)
    assert any(name.startswith("generated/") for name in metrics)


def test_bits_per_quarter_are_the_codes_and_the_cells(tiny_run: Path):
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    codes = 11 * metrics["transformer/val/nats_per_code"] / math.log(2)
    assert metrics["val/bits_per_quarter"] == pytest.approx(codes + metrics["vq_vae/val/decoder_bits"])


def test_the_board_has_curves_by_the_fixed_names_pictures_sound_and_code_use(tiny_run: Path):
    tags = board(tiny_run).Tags()
    curves = {
        "vq_vae/train/bce",
        "vq_vae/step/bce",
        "vq_vae/val/bce",
        "vq_vae/val/note_f1",
        "baseline/pitch/bce",
    }
    assert set(tags["scalars"]) >= curves | {"transformer/val/nats_per_code", "val/bits_per_quarter"}
    assert set(tags["images"]) >= {"vq_vae/val/reconstruction", "generated/000", "generated/001"}
    assert "epoch" not in tags["scalars"]
    assert tags["audio"] == ["generated/000/sound"]
    kinds = [tags[kind] for kind in ("scalars", "images", "audio", "histograms")]
    names = [name for tags_of_kind in kinds for name in tags_of_kind]
    assert len(set(names)) == len(names)  # TensorBoard shows a name of two kinds as neither
    assert tags["histograms"] == ["vq_vae/val/code_use"]


def test_trivial_predictions_are_lines_beside_the_curves(tiny_run: Path):
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    events = board(tiny_run)
    assert not [name for name in events.Tags()["scalars"] if name.startswith("final/")]
    for name, curve in (
        ("baseline/pitch/bce", "vq_vae/val/bce"),
        ("baseline/bigram/nats_per_code", "transformer/val/nats_per_code"),
        ("baseline/chain/bits_per_quarter", "val/bits_per_quarter"),
    ):
        first, last = events.Scalars(name)
        assert first.value == last.value == pytest.approx(metrics[name], rel=1e-5)
        assert first.step == 0
        assert last.step == events.Scalars(curve)[-1].step


def test_the_last_point_of_a_curve_is_the_final_metric(tiny_run: Path):
    metrics = json.loads((tiny_run / "metrics.json").read_text())
    events = board(tiny_run)
    for name in ("vq_vae/val/bce", "vq_vae/train/bce", "transformer/val/nats_per_code"):
        assert events.Scalars(name)[-1].value == pytest.approx(metrics[name], rel=1e-4)


def test_generated_files_say_where_they_come_from_and_not_where_they_lay(tiny_run: Path):
    track = mido.MidiFile(tiny_run / "generated" / "001.mid").tracks[0]
    texts = [event.text for event in track if event.type == "text"]
    assert f"run: {run_label(tiny_run)}" in texts
    assert "seed: 0, piece 1 of 2" in texts
    assert any(text.startswith("settings: temperature=1.0, ") for text in texts)
    assert str(tiny_run.parent) not in "".join(texts)


def test_generated_files_are_whole(tiny_run: Path):
    for path in tiny_run.glob("generated/*.mid"):
        performance = read_midi(path)
        assert performance.counts.unclosed_notes == performance.counts.unmatched_note_offs == 0


def weights(run: Path, stage: str, *, suffix: str = "-last") -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / f"{stage}{suffix}.ckpt", weights_only=True)["state_dict"]


def points_of_table(run: Path, stage: str) -> list[tuple[str, int, float]]:
    """Give name, step and value of all that the table has of a stage, each as often as it is there."""
    with (run / "csv" / "metrics.csv").open() as file:
        cells = [(name, row["step"], cell) for row in csv.DictReader(file) for name, cell in row.items()]
    return sorted((name, int(step), float(cell)) for name, step, cell in cells if stage in name and cell)


def points_of_board(run: Path, stage: str) -> list[tuple[str, int, float]]:
    """Give the same of TensorBoard's files, each by itself: together a later point hides another."""
    found = []
    for path in run.glob("tensorboard/events*"):
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        for name in filter(lambda name: stage in name, events.Tags()["scalars"]):
            found += [(name, point.step, point.value) for point in events.Scalars(name)]
    return sorted(found)


@pytest.mark.gate
@pytest.mark.parametrize("stage", ["vq_vae", "transformer"])
def test_a_resumed_run_reaches_the_weights_of_the_uninterrupted_one(
    musicgen, tiny, tmp_path: Path, stage: str
):
    settings = [*tiny, "epochs=3", "generate.num_pieces=1"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    musicgen("train", *settings, f"hydra.run.dir={whole}")
    cut = f"+callbacks.cut={{_target_: tests.interruption.PowerCut, stage: {stage}, epoch: 1}}"
    assert "power cut" in musicgen("train", *settings, cut, f"hydra.run.dir={broken}", fails=True).stdout
    musicgen("train", *settings, "ckpt_path=last", f"hydra.run.dir={broken}")
    for name in ("vq_vae", "transformer"):
        expected, reached = weights(whole, name), weights(broken, name)
        assert expected.keys() == reached.keys()
        assert all(torch.equal(expected[key], reached[key]) for key in expected)
    assert (whole / "metrics.json").read_bytes() == (broken / "metrics.json").read_bytes()
    for points in (points_of_table, points_of_board):
        assert points(broken, stage) == points(whole, stage)


def test_a_folder_with_trained_stages_is_not_trained_over_in_silence(musicgen, tiny, tiny_run: Path):
    before = {path: path.read_bytes() for path in tiny_run.glob("checkpoints/*")}
    done = musicgen("train", *tiny, f"hydra.run.dir={tiny_run}", fails=True)
    assert "ckpt_path=last" in done.stderr + done.stdout
    assert not (tiny_run / "error.txt").exists()  # refused before anything is written
    assert before == {path: path.read_bytes() for path in tiny_run.glob("checkpoints/*")}


def test_a_transformer_refuses_the_codes_of_another_autoencoder(tiny_run: Path):
    autoencoder = load_autoencoder(tiny_run).module
    assert load_transformer(tiny_run, autoencoder=autoencoder)
    with torch.no_grad():
        autoencoder.decoder.to_patches.bias += 1
    with pytest.raises(ValueError, match="codes of another autoencoder"):
        load_transformer(tiny_run, autoencoder=autoencoder)


def test_a_prior_goes_on_alone_with_the_codes_that_it_knew(musicgen, tiny, tiny_run: Path, tmp_path: Path):
    folder = tmp_path / "alone"
    own = [f"init_from={tiny_run}", "stages=[transformer,generate]", f"hydra.run.dir={folder}"]
    result = musicgen("train", *tiny, *own)
    assert result.returncode == 0, result.stderr
    for stage, stays in {"vq_vae": True, "transformer": False}.items():
        before, after = (weights(run, stage, suffix="") for run in (tiny_run, folder))
        assert all(torch.equal(before[name], after[name]) for name in before) == stays
    assert list(folder.glob("generated/*.mid"))


def test_mistakes_show_before_anything_is_written(musicgen, tiny):
    for override, message in [
        ("transformer.num_heads=3", "not a multiple of num_heads=3"),
        ("vq_vae.num_hiddens=0", "num_hiddens takes a whole number from 1"),
        ("sampling.temperature=-1", "temperature=-1"),
        ("epochs=0", "epochs takes a whole number from 1"),
        ("stages=[vqvae]", "use one or more of vq_vae"),
        ("data.composer=[Xyz]", "nearest known: 'Ada Tester'"),
    ]:
        done = musicgen("train", *tiny, override, fails=True)
        said = done.stdout + done.stderr
        assert message in said
        assert "Traceback" not in said
        assert not list(musicgen.folder.iterdir())
