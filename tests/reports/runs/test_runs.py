"""Run folders and their curves, read whole or broken."""

import json

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from musicgen.reports.runs.curves import read_curves
from musicgen.reports.runs.runs import find_runs, load_runs, natural, read_run
from tests.reports.run_folders import make_run


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    for epochs in (2, 10, 3):
        make_run(folder / f"epochs={epochs}", overrides={"epochs": epochs}, pieces=2, num_quarters=8)
    make_run(
        folder / "epochs=20", overrides={"epochs": 20}, error="Traceback\n  line\nRuntimeError: too hot\n\n"
    )
    make_run(folder / "epochs=30", overrides={"epochs": 30}, metrics=False, curves=False)
    return folder


def test_a_sweep_is_expanded_in_natural_order(sweep):
    assert [path.name for path in find_runs(sweep)] == [f"epochs={n}" for n in (2, 3, 10, 20, 30)]


def test_a_folder_reached_twice_counts_once_and_the_order_given_is_kept(sweep):
    found = find_runs([sweep / "epochs=10", sweep, sweep / "epochs=2" / ".." / "epochs=2"])
    assert [path.name for path in found] == [f"epochs={n}" for n in (10, 2, 3, 20, 30)]


def test_a_run_is_read_whole(sweep):
    run = read_run(sweep / "epochs=3")
    assert (run.status, run.reason) == ("done", "")
    assert run.config["epochs"] == 3
    assert run.overrides == ("epochs=3",)
    assert run.choices["quantizer"] == "ema"
    assert run.metrics["baseline/pitch/bce"] == 0.1774
    assert [path.name for path in run.pieces] == ["000.mid", "001.mid"]


def test_interpolations_stay_as_written(sweep):
    assert read_run(sweep / "epochs=3").config["max_epochs"]["vq_vae"] == "${epochs}"


def test_failed_and_unfinished_runs_are_kept_and_say_why(sweep):
    by_name = {run.folder.name: run for run in load_runs(sweep)}
    assert (by_name["epochs=20"].status, by_name["epochs=20"].reason) == ("failed", "RuntimeError: too hot")
    assert by_name["epochs=30"].status == "incomplete"
    assert "metrics.json" in by_name["epochs=30"].reason


def test_an_error_cannot_steer_the_terminal(tmp_path):
    make_run(tmp_path / "a", error="ValueError: \x1b[2J\x07 gone", curves=False)
    assert (
        read_run(tmp_path / "a").reason
        == "ValueError: \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER} gone"
    )


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("metrics.json", "{", "metrics.json cannot be read"),
        ("metrics.json", "[1]", "not a table"),
        (".hydra/config.yaml", "a: [", "config.yaml cannot be read"),
        (".hydra/config.yaml", "a: !!python/object:os.system x", "config.yaml cannot be read"),
        (".hydra/config.yaml", "a: &a [1]\nb: [*a, *a]", r"the alias *a"),
        (".hydra/config.yaml", "a: " + "[" * 60 + "]" * 60, "nested more than 50 times"),
        (".hydra/config.yaml", "a: " + "x" * 10**6, "a config has at most 1,000,000"),
    ],
)
def test_broken_files_mark_the_run_as_failed(tmp_path, file, content, reason):
    make_run(tmp_path / "a", curves=False)
    (tmp_path / "a" / file).write_text(content)
    run = read_run(tmp_path / "a")
    assert run.status == "failed"
    assert reason in run.reason


def test_what_is_no_number_in_the_metrics_is_left_out(tmp_path):
    make_run(tmp_path / "a", curves=False)
    (tmp_path / "a" / "metrics.json").write_text(json.dumps({"a": 1, "b": None, "c": "x", "d": float("nan")}))
    metrics = read_run(tmp_path / "a").metrics
    assert set(metrics) == {"a", "d"}
    assert np.isnan(metrics["d"])


def test_folders_of_other_verbs_are_no_runs(tmp_path):
    make_run(tmp_path / "train" / "a", curves=False)
    for verb in ("compare", "generate", "evaluate", "prepare"):
        folder = make_run(tmp_path / verb / "b", curves=False, metrics=verb == "evaluate")
        (folder / ".hydra" / "hydra.yaml").write_text(f"hydra: {{job: {{config_name: {verb}}}}}")
    assert [path.parent.name for path in find_runs(tmp_path)] == ["train"]


@pytest.mark.parametrize("inside", [[], ["notes.txt"]])
def test_no_run_is_a_clear_error(tmp_path, inside):
    for name in inside:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="is not a run and has none below it") as error:
        load_runs(tmp_path)
    assert str(tmp_path) in str(error.value)
    with pytest.raises(ValueError, match="is not a folder"):
        load_runs([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match="no folder was given"):
        load_runs([])


def test_natural_order():
    names = ["lr=1e-3", "lr=0.0003", "epochs=10", "epochs=5", "epochs", "10", "9", "none"]
    assert sorted(names, key=natural) == [
        "9",
        "10",
        "epochs",
        "epochs=5",
        "epochs=10",
        "lr=0.0003",
        "lr=1e-3",
        "none",
    ]


def test_curves_come_from_the_event_files_with_their_epochs(sweep):
    curves = read_run(sweep / "epochs=3").curves
    assert not {"epoch", "hp_metric"} & set(curves)
    bce, nats = curves["vq_vae/val/bce"], curves["transformer/val/nats_per_code"]
    assert bce.step.tolist() == [40, 80, 120]
    assert nats.step.tolist() == [25, 50, 75]
    assert bce.epoch.tolist() == nats.epoch.tolist() == [0, 1, 2]
    final = read_run(sweep / "epochs=3").metrics["vq_vae/val/bce"]
    assert bce.value[-1] == pytest.approx(final, rel=1e-5)


def test_two_stages_in_one_event_file_keep_their_own_epochs(tmp_path):
    writer = SummaryWriter(str(tmp_path / "tensorboard"))
    for time, (name, step, epoch) in enumerate([("a", 10, 0), ("a", 20, 1), ("b", 20, 0), ("b", 40, 1)]):
        writer.add_scalar("epoch", epoch, step, walltime=100 * time)
        writer.add_scalar(name, 0.5, step, walltime=100 * time + 1)
    writer.close()
    curves = read_curves(tmp_path)
    assert curves["a"].epoch.tolist() == [0, 1]
    assert curves["b"].epoch.tolist() == [0, 1]


def test_a_resumed_run_logs_a_step_twice_and_the_later_counts(tmp_path):
    for start, value in ((0, 1.0), (2, 2.0)):
        writer = SummaryWriter(str(tmp_path / "tensorboard"), filename_suffix=f".{start}")
        for step in range(start, start + 4):
            writer.add_scalar("loss", value, step, walltime=1000 * value + step)
        writer.close()
    curve = read_curves(tmp_path)["loss"]
    assert curve.step.tolist() == [0, 1, 2, 3, 4, 5]
    assert curve.value.tolist() == [1, 1, 2, 2, 2, 2]


def test_final_metrics_written_at_step_0_for_the_hyperparameters_are_no_point(tmp_path):
    writer = SummaryWriter(str(tmp_path / "tensorboard"))
    for step in (10, 20):
        writer.add_scalar("vq_vae/val/bce", 1 / step, step)
    writer.add_scalar("vq_vae/val/bce", 0.05, 0)
    writer.close()
    assert read_curves(tmp_path)["vq_vae/val/bce"].step.tolist() == [10, 20]


def test_a_cut_off_event_file_gives_what_it_has(sweep, tmp_path):
    (path,) = (sweep / "epochs=10" / "tensorboard").glob("*.40")
    (tmp_path / path.name).write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    whole, half = read_curves(sweep / "epochs=10"), read_curves(tmp_path)
    steps = half["vq_vae/val/bce"].step
    assert 0 < len(steps) < 10
    assert steps.tolist() == whole["vq_vae/val/bce"].step[: len(steps)].tolist()


def test_curves_come_from_metrics_csv_where_there_are_no_event_files(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,a,b\n0,9,0.5,\n0,9,,0.7\n1,19,0.25,\n")
    curves = read_curves(tmp_path)
    assert curves["a"].step.tolist() == [9, 19]
    assert curves["a"].value.tolist() == [0.5, 0.25]
    assert curves["b"].epoch.tolist() == [0]


def test_a_run_without_curves_has_none(sweep):
    assert read_run(sweep / "epochs=30").curves == {}


def test_a_pruned_run_says_so(tmp_path):
    run = make_run(tmp_path / "a", metrics=False, curves=False)
    (run / "pruned.txt").write_text("val/bits_per_quarter was 240 after epoch 2 of vq_vae\n")
    assert read_run(run).status == "pruned"
    assert read_run(run).reason == "val/bits_per_quarter was 240 after epoch 2 of vq_vae"


def test_a_run_that_was_not_to_be_evaluated_is_done_when_it_did_what_it_was_asked_for(tmp_path):
    asked = {"stages": ["vq_vae", "transformer"]}
    run = make_run(tmp_path / "stages=[vq_vae,transformer]", overrides=asked, metrics=False)
    assert read_run(run).status == "incomplete"
    metrics = {"vq_vae/val/bce": 0.25}
    for state, status in (("running", "incomplete"), ("done", "done")):
        (run / "status.json").write_text(json.dumps({"state": state, "metrics": metrics}))
        assert read_run(run).status == status
    assert read_run(run).metrics == metrics
    assert read_run(run).reason == "not evaluated: metrics of the last epoch"
    whole = make_run(tmp_path / "all", metrics=False)
    (whole / "status.json").write_text(json.dumps({"state": "done"}))
    assert read_run(whole).status == "incomplete"  # its metrics were lost
