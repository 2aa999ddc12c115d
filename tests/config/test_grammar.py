"""Command lines as they are shown."""

from pathlib import Path

import pytest

from musicgen.config.grammar import as_typed, quoted


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


def test_a_command_on_a_page_tells_nothing_of_the_folders_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here = tmp_path / "work"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    arguments = [f"run={here}/outputs/a", f"prompt={tmp_path}/a.mid"]
    assert as_typed("musicgen", arguments) == "musicgen run=outputs/a 'prompt=~/a.mid'"
