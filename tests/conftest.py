"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def giantmidi_root() -> Path:
    """Give the folder of GiantMIDI-Piano that GIANTMIDI_ROOT names, or skip with the reason."""
    root = os.environ.get("GIANTMIDI_ROOT")
    if not root:
        pytest.skip("GIANTMIDI_ROOT is not set: tests on real GiantMIDI files need a folder of them")
    folder = Path(root)
    if not folder.is_dir():
        pytest.fail(f"GIANTMIDI_ROOT={root} is not a folder")
    return folder.resolve()
