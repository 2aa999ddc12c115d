"""Store of trained stages in the cache, by the key of their inputs."""

import contextlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from musicgen.files.atomic import write_atomically
from musicgen.files.hashing import hash_file
from musicgen.files.locks import is_held, lock
from musicgen.pipeline.reuse.record import (
    StageRecord,
    last_checkpoint,
    read_record,
    record_path,
    stage_files,
)

log = logging.getLogger(__name__)


class StageStore:
    """Finished stages of all runs, and claims on stages in training.

    An entry has the layout of a run folder. Its files are hard links if the file system
    supports them, so they need no extra space; damaged entries are detected by checksum and not used.

    Args:
        folder: Folder of all entries.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entry(self, key: str) -> Path:
        """Locate the entry of a key."""
        return self.folder / key

    @contextlib.contextmanager
    def lock(self, key: str, *, on_wait: Callable[[], None]) -> Iterator[None]:
        """Lock a key so that one process trains it; others wait and then reuse the result."""
        with lock(self._lock(key), on_wait=on_wait):
            yield

    def holds(self, key: str) -> bool:
        """Check whether a stage is stored, or being trained by a living process."""
        return self.entry(key).is_dir() or is_held(self._lock(key))

    def find(self, key: str, stage: str) -> StageRecord | None:
        """Read the record of a finished stage; None if missing or damaged.

        Args:
            key: Key of its inputs.
            stage: Name of the stage.
        """
        entry = self.entry(key)
        record = read_record(entry, stage)
        if record is None or record.key != key:
            return None
        damaged = [name for name, digest in record.files.items() if _digest(entry / name) != digest]
        if damaged or not record.is_finished(entry):
            log.warning("%s is damaged (%s); the stage is trained again", entry, ", ".join(damaged))
            shutil.rmtree(entry, ignore_errors=True)
            return None
        return record

    def link(self, record: StageRecord, run: Path) -> None:
        """Link the files of a finished stage into a run folder, except its record."""
        _link(record.files, self.entry(record.key), run)

    def publish(self, record: StageRecord, run: Path) -> None:
        """Publish a finished stage to the store atomically; log and continue if it cannot be written."""
        entry = self.entry(record.key)
        partial = self.folder / f".{record.key}-{os.getpid()}-{secrets.token_hex(4)}.partial"
        try:
            _link([*record.files, str(record_path(run, record.stage).relative_to(run))], run, partial)
            if entry.exists():
                shutil.rmtree(entry)
            partial.rename(entry)
        except OSError as error:
            log.warning("%s of %s cannot be published for other runs: %s", record.stage, run, error)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._claims(record.key).unlink(missing_ok=True)

    def claim(self, record: StageRecord, run: Path) -> None:
        """Record which run is training a stage, so that another can resume it if interrupted."""
        write_atomically(self._claims(record.key), json.dumps({"run": str(run.resolve())}).encode())

    def continue_from(self, key: str, stage: str, run: Path) -> bool:
        """Copy the interrupted stage of another run into a run folder, to resume from its last checkpoint.

        Call with the key locked, so that no process is training it.

        Returns:
            Whether an interrupted stage was found.
        """
        try:
            other = Path(json.loads(self._claims(key).read_bytes())["run"])
        except (OSError, ValueError, KeyError):
            return False
        record = read_record(other, stage)
        if record is None or record.key != key or other == run.resolve():
            return False
        if not last_checkpoint(other, stage).is_file():
            return False
        _link(stage_files(other, stage), other, run, copies=True)  # they will be overwritten
        log.info("%s resumes from the interrupted run %s", stage, other)
        return True

    def _lock(self, key: str) -> Path:
        return self.folder / "locks" / f"{key}.lock"

    def _claims(self, key: str) -> Path:
        return self.folder / "begun" / f"{key}.json"


def _digest(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError:
        return ""


def _link(names: Iterable[str], source: Path, target: Path, *, copies: bool = False) -> None:
    """Place files in another folder as hard links, or as copies if links are not possible."""
    for name in names:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name[:40]}-{secrets.token_hex(4)}.partial")
        if copies or not _linked(source / name, temporary):
            shutil.copy2(source / name, temporary)
        os.replace(temporary, path)
        temporary.unlink(missing_ok=True)  # os.replace keeps it if both link the same file


def _linked(path: Path, link: Path) -> bool:
    """Try to make a hard link; return whether it worked."""
    try:
        os.link(path, link)
    except OSError:
        return False
    return True
