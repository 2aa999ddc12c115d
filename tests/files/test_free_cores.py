import multiprocessing
import time
from pathlib import Path

import pytest

from musicgen.files import free_cores as module
from musicgen.files.free_cores import free_cores
from musicgen.files.workers import available_cores


@pytest.mark.parametrize(("busy", "expected"), [(0, 4), (0.2, 4), (1, 3), (2.6, 1), (4, 1)])
def test_busy_cores_are_not_free(busy: float, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = iter([(1000, 8000), (1000 + round(100 * busy), 8400)])
    monkeypatch.setattr(module, "_busy_and_total", lambda: next(clocks))
    monkeypatch.setattr(module, "available_cores", lambda: 4)
    assert free_cores(sample_s=0) == expected


def test_cores_of_other_people_on_a_large_machine_do_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stat = tmp_path / "stat"
    monkeypatch.setattr(module, "_STAT", stat)
    monkeypatch.setattr(module, "available_cores", lambda: 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {1, 3}, raising=False)

    def after(ticks: int) -> None:
        busy, idle = f"{ticks} 0 0 0 0 0 0 0 0 0", f"0 0 0 {ticks} 0 0 0 0 0 0"
        stat.write_text(f"cpu {busy}\ncpu0 {busy}\ncpu1 {idle}\ncpu2 {busy}\ncpu3 {idle}\nintr 1\n")

    after(100)
    monkeypatch.setattr("time.sleep", lambda _: after(200))
    assert free_cores() == 2


def test_without_a_clock_of_the_system_the_load_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STAT", Path("/nowhere"))
    monkeypatch.setattr(module, "available_cores", lambda: 8)
    monkeypatch.setattr("os.getloadavg", lambda: (2.9, 0.0, 0.0))
    assert free_cores() == 5


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the system does not tell which cores are busy")
def test_processes_on_all_cores_leave_one_free() -> None:
    neighbours = [multiprocessing.Process(target=_spin, args=(5.0,)) for _ in range(available_cores())]
    for neighbour in neighbours:
        neighbour.start()
    try:
        time.sleep(0.5)
        assert free_cores(sample_s=0.5) == 1
    finally:
        for neighbour in neighbours:
            neighbour.terminate()
            neighbour.join()
