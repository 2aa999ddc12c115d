"""A folder belongs to what made it; whoever else wants it is refused before the first write."""

import multiprocessing
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.claim import claim
from musicgen.cli.shared.settings.usage import UsageError

SETTINGS = {"epochs": 1, "vq_vae": {"num_hiddens": 16}, "stages": ["vq_vae", "transformer"]}
SETTINGS |= {"ckpt_path": None, "resume": None, "threads": 1, "data": {"root": "/a", "title": None}}


def config(folder: Path, verb: str = "train", **changes) -> DictConfig:
    values = OmegaConf.create(SETTINGS)
    for key, value in changes.items():
        OmegaConf.update(values, key.replace("__", "."), value)
    hydra = {"run": {"dir": str(folder)}, "sweep": {"dir": str(folder)}, "job": {"config_name": verb}}
    values["hydra"] = {**hydra, "overrides": {"task": [f"{key}={value}" for key, value in changes.items()]}}
    return values


def claimed(folder: Path, verb: str = "train", *, named: bool = True, sweep: bool = False, **changes) -> Path:
    goes_on = changes.get("resume") is not None
    return claim(config(folder, verb, **changes), verb=verb, is_sweep=sweep, is_named=named, goes_on=goes_on)


def left(folder: Path, verb: str = "train", *, files: tuple[str, ...] = (), **changes) -> Path:
    """Leave what a verb leaves."""
    (folder / ".hydra").mkdir(parents=True)
    values = config(folder, verb, **changes)
    OmegaConf.save({"hydra": values.pop("hydra")}, folder / ".hydra" / "hydra.yaml")
    OmegaConf.save(values, folder / ".hydra" / "config.yaml")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("{}")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


RUN = ("checkpoints/vq_vae-last.ckpt", "checkpoints/vq_vae.ckpt", "metrics.json")


@pytest.mark.parametrize(
    ("verb", "changes", "message"),
    [
        (
            "train",
            {"epochs": 50, "vq_vae__num_hiddens": 32},
            r"other settings \(epochs=50, vq_vae.num_hiddens=32\)",
        ),
        ("train", {"epochs": 50, "ckpt_path": "last"}, r"other settings \(epochs=50\)"),
        ("train", {}, "already holds trained stages"),
        ("train", {"epochs": 50, "stages": ["evaluate"]}, "other settings"),
        ("generate", {}, "holds a run, to which nothing else is added"),
        ("evaluate", {}, "holds a run"),
        ("prepare", {}, "holds a run"),
        ("compare", {}, "holds a run"),
    ],
)
def test_a_run_keeps_its_folder(tmp_path: Path, verb: str, changes: dict, message: str):
    run = left(tmp_path / "r", files=RUN)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=message):
        claimed(run, verb, **changes)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"ckpt_path": "last"},
        {"ckpt_path": "last", "threads": 2, "data__root": "/moved"},
        {"resume": "r"},
        {"stages": ["generate", "evaluate"]},
    ],
)
def test_a_run_goes_on_in_its_folder(tmp_path: Path, changes: dict):
    run = left(tmp_path / "r", files=RUN)
    assert claimed(run, **changes) == run


def test_a_run_whose_settings_are_not_known_keeps_its_folder(tmp_path: Path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "vq_vae.ckpt").write_bytes(b"precious")
    with pytest.raises(UsageError, match="settings are not known"):
        claimed(tmp_path)


def test_a_run_that_failed_before_it_made_anything_may_be_begun_again_otherwise(tmp_path: Path):
    run = left(tmp_path / "r", files=("error.txt", "status.json"))
    assert claimed(run, epochs=50) == run


@pytest.mark.parametrize("verb", ["train", "generate", "prepare", "compare", "search"])
@pytest.mark.parametrize("sweep", [False, True])
def test_a_folder_of_somebodys_files_stays_theirs(tmp_path: Path, verb: str, sweep: bool):
    (tmp_path / "000.mid").write_bytes(b"mine")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"did not make \(000\.mid\); give a new folder"):
        claimed(tmp_path, verb, sweep=sweep)
    assert contents(tmp_path) == before
    assert claimed(tmp_path / verb, verb, sweep=sweep) == tmp_path / verb


@pytest.mark.parametrize("part", ["generated", "checkpoints", ".hydra"])
def test_the_folders_of_a_run_are_its_own_too(tmp_path: Path, part: str):
    run = left(tmp_path / "r", files=(*RUN, "generated/000.mid"))
    before = contents(run)
    with pytest.raises(UsageError, match="did not make"):
        claimed(run / part, "generate")
    assert contents(run) == before


def test_an_empty_folder_may_be_named(tmp_path: Path):
    (tmp_path / ".gitkeep").touch()
    assert claimed(tmp_path, "generate") == tmp_path


def test_a_search_keeps_to_its_own_folder(tmp_path: Path):
    """A search shares its folder with its other workers, and with nothing else."""
    run = left(tmp_path / "r", files=RUN)
    before = contents(run)
    with pytest.raises(UsageError, match="holds a run"):
        claimed(run, "search", named=False)
    assert contents(run) == before
    study = left(tmp_path / "s", "search", files=("study.db",))
    assert claimed(study, "search", named=False, epochs=2) == study
    assert claimed(study, "search", named=False, sweep=True, epochs=2) == study


@pytest.mark.parametrize(
    ("before", "now", "changes", "is_refused"),
    [
        ("generate", "generate", {}, False),
        ("generate", "generate", {"epochs": 2}, True),
        ("generate", "prepare", {}, True),
        ("prepare", "prepare", {"epochs": 2}, False),
        ("compare", "compare", {"epochs": 2}, False),
    ],
)
def test_other_verbs_keep_theirs(tmp_path: Path, before: str, now: str, changes: dict, is_refused: bool):
    folder = left(tmp_path / "out", before, files=("000.mid",))
    if is_refused:
        with pytest.raises(UsageError, match="holds what"):
            claimed(folder, now, **changes)
    else:
        assert claimed(folder, now, **changes) == folder


def test_a_sweep_keeps_its_folder(tmp_path: Path):
    OmegaConf.save({"hydra": {"overrides": {"task": ["epochs=1"]}}}, tmp_path / "multirun.yaml")
    with pytest.raises(UsageError, match="holds another sweep"):
        claimed(tmp_path, sweep=True, epochs=2)
    with pytest.raises(UsageError, match="type resume="):
        claimed(tmp_path, sweep=True, epochs=1)
    assert claimed(tmp_path, "prepare", sweep=True, epochs=1) == tmp_path
    assert claimed(tmp_path, "compare") == tmp_path
    with pytest.raises(UsageError, match="holds a sweep"):
        claimed(tmp_path, "train")


def test_of_two_that_begin_in_one_second_the_second_gets_another_name(tmp_path: Path):
    folder = tmp_path / "outputs" / "2026-11-28_16-00-00"
    names = [claimed(folder, named=False, sweep=True).name for _ in range(3)]
    assert names == [folder.name, f"{folder.name}_2", f"{folder.name}_3"]


def _claim_elsewhere(folder: Path, answers) -> None:
    try:
        answers.put(str(claimed(folder)))
    except UsageError as error:
        answers.put(str(error))


def test_a_folder_at_which_another_process_works_is_refused(tmp_path: Path):
    assert claimed(tmp_path / "r") == tmp_path / "r"
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    other = context.Process(target=_claim_elsewhere, args=(tmp_path / "r", answers))
    other.start()
    assert "another process is at work" in answers.get(timeout=120)
    other.join()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path):
    (tmp_path / "r").write_text("mine")
    with pytest.raises(UsageError, match="there is a file of this name"):
        claimed(tmp_path / "r")
    with pytest.raises(UsageError, match="cannot be written"):
        claimed(tmp_path / "r" / "below")


@pytest.mark.parametrize("stated", ["", " ", "${oc.env:MUSICGEN_NOT_SET}", "${nowhere}"])
def test_a_folder_that_is_not_stated_is_asked_for(tmp_path: Path, stated: str, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"hydra\.run\.dir") as refusal:
        claimed(stated)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())
