"""A table on disk: shared by processes, whole after kills, and never believed when it is damaged."""

import errno
import multiprocessing
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from musicgen.files import table as module
from musicgen.files.table import Table


def table_at(path: Path | None) -> Table:
    return Table(path, name="numbers", key={"name": "TEXT"}, values={"number": "INTEGER", "note": "BLOB"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "a table & more?.sqlite"


def test_rows_come_back_by_key_also_in_another_process_and_the_last_one_counts(path: Path):
    table = table_at(path)
    assert table.get("one") is None
    assert not path.exists()
    table.put([("one", 1, b"a"), ("two", 2**40, b"\xff")])
    table.put([("one", 11, b"b")])
    assert table.get("one") == (11, b"b")
    assert pickle.loads(pickle.dumps(table)).get("two") == (2**40, b"\xff")  # noqa: S301 (our own bytes)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(table.get, ["two"]) == (2**40, b"\xff")


def test_without_a_path_nothing_is_remembered():
    table = table_at(None)
    table.put([("one", 1, b"a")])
    assert table.get("one") is None


def test_a_writer_writes_what_it_took_also_when_its_block_fails(path: Path):
    def fail() -> None:
        with table_at(path).writer() as remember:
            remember("one", 1, b"a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert table_at(path).get("one") == (1, b"a")


def test_no_damage_is_believed(path: Path):
    rows = [(f"name {number}", number, os.urandom(20)) for number in range(200)]
    table_at(path).put(rows)
    whole = path.read_bytes()
    choose = random.Random(0)
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(20):
            position = choose.randrange(len(data))
            data[position] ^= 1 << choose.randrange(8)
        path.write_bytes(data)
        table = table_at(path)
        for _ in range(3):  # what is damaged may show only while it is written
            found = [table.get(name) for name, _, _ in rows]
            assert all(one in (None, row[1:]) for one, row in zip(found, rows, strict=True))
            table.put(rows)
        assert None not in found
        table.close()


@pytest.mark.parametrize("length", [0, 1, 100, 4096, 5000])
def test_a_truncated_file_only_forgets(path: Path, length: int):
    rows = [(f"name {number}", number, b"x" * 100) for number in range(200)]
    table_at(path).put(rows)
    path.write_bytes(path.read_bytes()[:length])
    table = table_at(path)
    assert all(table.get(name) in (None, (number, note)) for name, number, note in rows)
    table.put(rows)
    assert all(table.get(name) == (number, note) for name, number, note in rows)


def write_many(path: Path, start: int) -> None:
    table = table_at(path)
    for number in range(start, start + 40):
        table.put([(f"name {number}", number, b"x"), ("shared", number, b"x")])


def test_many_processes_lose_nothing(path: Path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=write_many, args=(path, 40 * part)) for part in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    table = table_at(path)
    assert [table.get(f"name {number}") for number in range(160)] == [(n, b"x") for n in range(160)]


WRITER = """
import itertools, sys
from pathlib import Path
from tests.files.test_table import table_at
for number in itertools.count():
    rows = [(f"{part}", number, bytes([number % 256]) * 500) for part in range(100)]
    table_at(Path(sys.argv[1])).put(rows)
    print(number, flush=True)
"""


@pytest.mark.faults
@pytest.mark.slow
def test_a_killed_writer_leaves_all_rows_of_a_transaction_or_none(path: Path):
    for delay_s in (0.0, 0.004, 0.008, 0.02):
        process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()  # which closes its pipe, too
        rows = {table_at(path).get(f"{part}") for part in range(100)}
        assert len(rows) == 1
        assert None not in rows


def test_a_table_that_another_process_holds_is_done_without(path: Path, monkeypatch, caplog):
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.05)
    table_at(path).put([("one", 1, b"a")])
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    table = table_at(path)
    table.put([("two", 2, b"b")])
    assert table.get("one") is None
    assert "cannot be used (database is locked); going on without it" in caplog.text
    holder.execute("ROLLBACK")
    assert table.get("one") == (1, b"a")


def test_a_full_disk_is_an_error_that_says_what_to_do(path: Path):
    table = table_at(path)
    table.put([("one", 1, b"a")])
    assert table._connection is not None
    table._connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(OSError, match=r"No space left on device; make room or give another folder") as error:
        table.put([("two", 2, b"x" * 100_000)])
    assert error.value.errno == errno.ENOSPC
    assert table.get("one") == (1, b"a")
