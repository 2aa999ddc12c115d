"""Command lines as pages show them."""

from pathlib import Path

import pytest

from musicgen.config.grammar import quoted
from musicgen.reports.pages.shown_command import as_typed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run='outputs/a=1'", "seed=3"], "musicgen run=outputs/a=1 seed=3"),
        (["prompt=" + quoted("my song.mid")], "musicgen 'prompt=my song.mid'"),
        (["data.composer=[Chopin,'Dvořák']"], """musicgen 'data.composer=[Chopin,'"'"'Dvořák'"'"']'"""),
        (["name=" + quoted("it's")], r"""musicgen 'name='"'"'it\'"'"'s'"'"''"""),
        (["-m", "epochs=5,10"], "musicgen -m epochs=5,10"),
    ],
)
def test_a_command_is_shown_without_the_quotes_that_hydra_needs(arguments, text):
    assert as_typed("musicgen", arguments) == text


def test_paths_below_the_working_folder_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert as_typed("musicgen", [f"run={tmp_path}/outputs/a"]) == "musicgen run=outputs/a"


def test_a_model_is_shown_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(
        "musicgen.files.run_folders.installed_models", lambda: {"small": tmp_path / "x/small"}
    )
    typed = [f"run='{tmp_path}/x/small'", f"prompt={tmp_path}/x/other"]
    assert as_typed("musicgen", typed) == f"musicgen run=small prompt={tmp_path}/x/other"
