"""A studio that the tests of this room share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio.running import Person, RunningStudio


@pytest.fixture(scope="session")
def shared_studio(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    studio = RunningStudio(tiny_run, tmp_path_factory.mktemp("studio") / "pieces")
    yield studio
    studio.stop()


@pytest.fixture
def person(shared_studio: RunningStudio) -> Person:
    return Person(shared_studio)
