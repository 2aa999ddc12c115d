"""One `key=value` by itself; the table of what becomes of whole lines is in `test_command_line.py`."""

from pathlib import Path

import pytest

from musicgen.cli.shared.settings.setting import read_setting


@pytest.mark.parametrize("typed", ["optimizer.vq_vae.lr=0.1", "quantizer.decay=1e-3", "epochs=5"])
def test_a_folder_named_as_a_number_changes_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
):
    (tmp_path / typed.partition("=")[2]).mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_setting(typed, verb="train", is_sweep=False) == typed


def test_what_lightning_adds_for_the_ranks_that_it_starts_is_let_through(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    typed = "hydra.output_subdir=null"
    assert read_setting(typed, verb="train", is_sweep=False) == typed
