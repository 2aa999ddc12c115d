"""The notebooks run from the first cell to the last, on a small run or a small sweep."""

import os
import shlex
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.gate
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(
    path: Path, tiny_run: Path, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MUSICGEN_RUNS", str(tiny_run))
    turned = ("transformer.width", "max_epochs.vq_vae")
    settings = [one for one in tiny if not one.startswith(turned)]
    settings += ["max_epochs.vq_vae=1", "generate.num_pieces=1"]
    monkeypatch.setenv("MUSICGEN_SWEEP", shlex.join(settings))
    monkeypatch.setenv("MUSICGEN_SWEEP_DIR", str(tmp_path / "sweep"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": os.getcwd()}}).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path):
    cells = nbformat.read(path, as_version=4).cells
    assert all(
        not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code"
    )
