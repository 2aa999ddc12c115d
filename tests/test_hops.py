"""Through how many files a MIDI file goes; `python -m pytest -n 0 -s tests/test_hops.py` lists them."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

import musicgen
from musicgen.generation.loaded_run import LoadedRun
from musicgen.music.grid import from_slices
from musicgen.music.midi import write_midi
from tests.conftest import etude

PACKAGE = Path(musicgen.__file__).parent


def files_run(work: Callable[[], object]) -> list[str]:
    """List the files of the package of which a function is called; to be imported is not enough."""
    found: set[str] = set()

    def watch(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # bodies of classes and modules are none
        if event == "call" and is_function and code.co_filename.startswith(f"{PACKAGE}/"):
            found.add(str(Path(code.co_filename).relative_to(PACKAGE)))

    work()  # imports whatever is imported late
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return sorted(found)


def continued(run: str, path: Path) -> None:
    """Do what `docs/python.md` does: open a run, continue a file, write what comes out."""
    [longer] = musicgen.load(run).continue_(path, num_quarters=4)
    write_midi(longer.performance, path.with_name("longer.mid"))


def written(run: LoadedRun, path: Path) -> None:
    """Write a new piece."""
    [new] = run.generate(num_quarters=4)
    write_midi(new.performance, path.with_name("new.mid"))


def reconstructed(run: LoadedRun, path: Path) -> None:
    """Encode a file, decode its codes and write them."""
    write_midi(from_slices(run.decode(run.encode(path))), path.with_name("reconstruction.mid"))


@pytest.mark.parametrize(
    ("work", "most"),
    [("load, continue_, write", 30), ("generate, write", 24), ("encode, decode, write", 17), ("encode", 13)],
)
def test_few_files_stand_between_one_midi_file_and_another(work: str, most: int, tmp_path: Path):
    path = tmp_path / "piece.mid"
    write_midi(etude(0), path)
    run = musicgen.load("chorales-small")
    done = {
        "load, continue_, write": lambda: continued("chorales-small", path),
        "generate, write": lambda: written(run, path),
        "encode, decode, write": lambda: reconstructed(run, path),
        "encode": lambda: run.encode(path),
    }
    files = files_run(done[work])
    print(f"\n{work}: {len(files)} files", *files, sep="\n  ")
    assert len(files) <= most
