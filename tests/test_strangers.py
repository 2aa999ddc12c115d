"""What strangers made: a file or a config of theirs gives music, numbers or an error, and runs nothing."""

import ast
import json
import os
import pickle
import random
import resource
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from musicgen.checkpoint import load_autoencoder, load_transformer, read_checkpoint
from musicgen.config.build import build
from musicgen.config.tree import read_run_config
from musicgen.tensors import DamagedFileError, read_tensors, write_tensors

PACKAGE = Path(__file__).resolve().parent.parent / "musicgen"


class Trap:
    """Leave a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.mark),)


def dangerous_calls(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name, options = ast.unparse(node.func), {option.arg: option.value for option in node.keywords}
            literal = {key: getattr(value, "value", None) for key, value in options.items()}
            unsafe = (
                name in ("eval", "exec", "pickle.load", "pickle.loads", "marshal.loads", "shelve.open")
                or name.endswith(("Unpickler", "joblib.load", "yaml.load", "yaml.unsafe_load", "read_pickle"))
                or (name == "torch.load" and literal.get("weights_only") is not True)
                or literal.get("allow_pickle")
                or literal.get("weights_only") is False
                or literal.get("shell")
            )
            found += [f"{path.name}:{node.lineno} {name}"] if unsafe else []
    return found


def test_nothing_in_the_package_loads_what_could_run_code(tmp_path: Path):
    assert [call for path in PACKAGE.rglob("*.py") for call in dangerous_calls(path)] == []
    (tmp_path / "bad.py").write_text("torch.load(f)\npickle.load(f)\nnp.load(f, allow_pickle=True)")
    assert len(dangerous_calls(tmp_path / "bad.py")) == 3


@pytest.mark.parametrize("name", ["vq_vae.ckpt", "vq_vae-last.ckpt"])
def test_a_checkpoint_with_code_in_it_is_refused_and_runs_nothing(tmp_path: Path, name: str):
    trap, path = tmp_path / "sprung", tmp_path / "checkpoints" / name
    path.parent.mkdir()
    torch.save({"state_dict": {}, "musicgen": {"format": 1}, "more": Trap(trap)}, path)
    with pytest.raises(ValueError, match="holds more than tensors"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(ValueError, match=name):
        read_checkpoint(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    "target", ["os.system", "builtins.exec", "subprocess.Popen", "torch.load", "x", None]
)
def test_a_config_that_came_with_a_run_builds_known_classes_only(target: str | None):
    with pytest.raises(ValueError, match="a config that came with a run names"):
        build({"_target_": target, "command": "touch /tmp/x"})
    with pytest.raises(ValueError, match="a config that came with a run names"):
        build({"_target_": "musicgen.data.sources.folder.Folder", "root": {"_target_": target}})


@pytest.mark.parametrize("name", ["pieces_below", "Listing", "Path", "content_hashes", "_piece", "Buildable"])
def test_functions_and_what_an_allowed_module_imported_are_not_built(name: str):
    with pytest.raises(ValueError, match="not a class that may be built"):
        build({"_target_": f"musicgen.data.sources.folder.{name}"})


def test_arguments_that_a_class_does_not_take_are_told():
    with pytest.raises(ValueError, match=r"does not fit musicgen\.music\.grid\.ClockGrid"):
        build({"_target_": "musicgen.music.grid.ClockGrid", "_partial_": True})


def test_a_config_never_imports_what_its_user_did_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A module beside the run is not imported for a stranger, but is for the user who names it."""
    mark = tmp_path / "mark"
    (tmp_path / "strange_plugin.py").write_text(
        "from pathlib import Path\nfrom musicgen.config.build import Buildable\n"
        f"Path({str(mark)!r}).touch()\n\nclass Mine(Buildable):\n    pass\n\nclass Other:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strange_plugin", raising=False)
    for target in ("strange_plugin.Mine", "musicgen.strange_plugin.Mine", "musicgen...strange_plugin.Mine"):
        with pytest.raises(ValueError, match="a config that came with a run names"):
            build({"_target_": target})
    assert not mark.exists()
    monkeypatch.setenv("MUSICGEN_PLUGINS", "os, strange_plugin")
    assert type(build({"_target_": "strange_plugin.Mine"})).__name__ == "Mine"
    for target in ("strange_plugin.Other", "strange_plugin.Path", "os.system"):
        with pytest.raises(ValueError, match="not a class that may be built"):
            build({"_target_": target})
    monkeypatch.delenv("MUSICGEN_PLUGINS")
    assert type(build({"_target_": "strange_plugin.Mine"})).__name__ == "Mine"  # imported by its user


@pytest.fixture
def strange_run(tiny_run: Path, tmp_path: Path) -> Path:
    """Give a copy of a finished run that a stranger may have changed."""
    return shutil.copytree(tiny_run, tmp_path / "run")


@pytest.mark.parametrize("place", ["data.source", "grid", "data.source.cache_dir"])
def test_a_run_from_a_stranger_is_not_evaluated_by_its_own_code(
    strange_run: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
):
    from musicgen.cli.shared.measured import run_metrics

    path, mark = strange_run / ".hydra" / "config.yaml", tmp_path / "mark"
    config = OmegaConf.load(path)
    OmegaConf.update(config, place, {"_target_": "os.mkdir", "_args_": [str(mark)]}, merge=False)
    with pytest.raises(ValueError, match=r"names 'os\.mkdir'"):
        run_metrics(strange_run, config)
    assert not mark.exists()


def test_a_config_that_unfolds_to_gigabytes_is_refused(tmp_path: Path):
    path = tmp_path / "config.yaml"
    levels = [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    path.write_text("\n".join(["a0: &a0 {x: 1}", *levels]))
    with pytest.raises(ValueError, match=r"config\.yaml has the alias \*a0"):
        read_run_config(path)
    path.write_text("a: {b: 1, c: '*a'}\nd: ${a.b}")
    assert read_run_config(path).d == 1


def small_file(path: Path) -> Path:
    write_tensors({"weight": torch.arange(500.0), "table": torch.ones(3, 5), "name": "a", "epoch": 3}, path)
    return path


def same(a: dict, b: dict) -> bool:
    return (
        a.keys() == b.keys()
        and all(torch.equal(a[k], b[k]) for k in ("weight", "table"))
        and a["name"] == "a"
    )


def test_every_flipped_bit_of_a_checkpoint_is_found_or_harmless(tmp_path: Path):
    path, choose = small_file(tmp_path / "a.ckpt"), random.Random(0)
    whole, expected, found = path.read_bytes(), read_tensors(path), 0
    for position in choose.sample(range(len(whole)), 300):
        data = bytearray(whole)
        data[position] ^= 1 << choose.randrange(8)
        path.write_bytes(data)
        try:
            assert same(read_tensors(path), expected), f"byte {position} changed the content"
        except DamagedFileError:
            found += 1
    assert found > 200


def test_every_truncation_of_a_checkpoint_is_found(tmp_path: Path):
    path = small_file(tmp_path / "a.ckpt")
    whole = path.read_bytes()
    for length in [0, 1, 4, 100, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError):
            read_tensors(path)


def test_a_small_file_cannot_ask_for_gigabytes(tmp_path: Path):
    path = small_file(tmp_path / "a.ckpt")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name, data in members.items():
            bomb.writestr(name, bytes(10**8) if name.endswith("data/0") else data)
    assert path.stat().st_size < 1e6
    with pytest.raises(DamagedFileError, match="unpack to"):
        read_tensors(path)
    torch.save({"weight": torch.zeros(1).expand(10**6, 10**6)}, path)
    with pytest.raises(DamagedFileError, match="asks for 4,000,000,000,000"):
        read_tensors(path)


@pytest.mark.parametrize(
    ("stage", "setting", "value"),
    [
        ("vq_vae", "num_hiddens", 10**6),
        ("vq_vae", "num_residual_layers", 10**9),
        ("vq_vae", "num_residual_hiddens", 10**9),
        ("vq_vae", "bottleneck.embedding_dim", 10**9),
        ("transformer", "width", 10**6),
        ("transformer", "context_quarters", 10**9),
        ("transformer", "num_layers", 10**9),
        ("transformer", "vocabulary.positions", 10**9),
    ],
)
def test_a_config_asks_for_no_more_than_its_tensors_are(
    strange_run: Path, stage: str, setting: str, value: int
):
    path = strange_run / "checkpoints" / f"{stage}.ckpt"
    content = read_checkpoint(path)
    config = OmegaConf.create(content["musicgen"]["config"])
    assert OmegaConf.select(config, setting) is not None
    OmegaConf.update(config, setting, value)
    content["musicgen"]["config"] = OmegaConf.to_container(config)
    write_tensors(content, path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        ValueError, match=rf"{stage}\.ckpt asks for a network that is larger than the tensors"
    ):
        load_transformer(strange_run, autoencoder=load_autoencoder(strange_run).module)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


def test_a_damaged_checkpoint_says_what_to_do(strange_run: Path):
    path = strange_run / "checkpoints" / "vq_vae.ckpt"
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(ValueError, match=r"vq_vae\.ckpt is damaged.*put vq_vae-last\.ckpt in its place"):
        load_autoencoder(strange_run)
    shutil.copy(path.with_name("vq_vae-last.ckpt"), path)
    assert load_autoencoder(strange_run)


def test_a_run_says_what_it_was_made_of(tiny_run: Path):
    record = json.loads((tiny_run / "environment.json").read_text(encoding="utf-8"))
    checkpoint = read_checkpoint(tiny_run / "checkpoints" / "vq_vae.ckpt")["musicgen"]
    assert record["seed"] == 0
    assert record["packages"]["torch"] == torch.__version__
    assert record["git_commit"] == checkpoint["git_commit"]
    assert record["data"] == checkpoint["data"]
    assert len(record["data"]["contents_sha256"]) == 64
    assert record["config"]["vq_vae"] == checkpoint["config"]
    assert record["threads"] == 1
