import json
from pathlib import Path

from fine_tuning import rows, sweep_command

from musicgen.reports.runs.runs import Run


def run_of(
    folder: Path, *, start: str | None, bits: float, seconds: float, stages: str = "vq_vae,transformer"
) -> Run:
    (folder / "checkpoints").mkdir(parents=True)
    record = {"stage": "vq_vae", "key": "", "state": "done", "settings": {}, "environment": {}}
    record |= {"trained_in": "", "metrics": {}, "files": {}, "cpu_seconds": seconds}
    (folder / "checkpoints" / "vq_vae.json").write_text(json.dumps(record))
    metrics = {"val/bits_per_quarter": bits}
    config = {"init_from": start, "epochs": 2, "stages": stages.split(",")}
    return Run(folder=folder, status="done", reason="", config=config, metrics=metrics)


def test_arms_are_averaged_over_seeds_beside_the_time_they_took(tmp_path: Path):
    runs = [
        run_of(tmp_path / "0", start="/box", bits=30.0, seconds=10.0),
        run_of(tmp_path / "1", start="/box", bits=32.0, seconds=12.0),
        run_of(tmp_path / "2", start=None, bits=40.0, seconds=11.0),
        run_of(tmp_path / "3", start="/box", bits=25.0, seconds=6.0, stages="transformer"),
    ]
    table = list(rows(runs, swept=["epochs"]))
    assert "| epochs=2 | nothing | 1 | 40.00 | 40.00, 40.00 | 11 |" in table
    assert "| epochs=2 | the model | 2 | 31.00 | 30.00, 32.00 | 11 |" in table
    assert "| epochs=2 | the model, prior alone | 1 | 25.00 | 25.00, 25.00 | 6 |" in table


def test_the_same_command_goes_on_with_the_sweep(tmp_path: Path):
    root = tmp_path / "pieces"
    begun = sweep_command(Path("/box"), root, ["epochs=2"])
    assert "init_from=null,/box" in begun
    assert begun[-1] == "epochs=2"
    assert "stages=[transformer,evaluate]" in sweep_command(Path("/box"), root, [], name="prior")
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "multirun.yaml").touch()
    assert sweep_command(Path("/box"), root, ["epochs=2"]) == ["train", f"resume={tmp_path / 'sweep'}"]
