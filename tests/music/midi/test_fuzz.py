"""Broken files give notes or a MidiError, soon and in little memory, whatever reads them."""

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import mido
import numpy as np
import pytest

from musicgen.compat.bachsformer import BachsformerGrid
from musicgen.compat.repaired import AllTailsGrid, TrueTimeGrid
from musicgen.music.grid import ClockGrid, Grid, to_packed
from musicgen.music.midi import MidiError, read_midi

MAX_SECONDS = 5.0  # of a slow and busy processor
MAX_BYTES = 500 * 10**6
pytestmark = pytest.mark.faults


@dataclass(frozen=True)
class Fuzzed:
    """What came of many broken files: how many were read, how many refused, the slowest in CPU seconds."""

    read: int
    refused: int
    slowest_s: float


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """Change, cut, double or swap bytes of a file, most often after its header."""
    octets = bytearray(data)
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(0 if random.random() < 0.2 else 14, len(octets)))
        length = int(random.integers(1, 9))
        match random.integers(5):
            case 0:
                octets[at] = random.integers(128 if random.random() < 0.8 else 256)
            case 1:
                octets[at] ^= 1 << random.integers(8)
            case 2:
                del octets[at : at + length]
            case 3:
                octets[at:at] = octets[at : at + length]
            case _:
                octets[at : at + length] = random.bytes(length)
        octets = octets or bytearray(1)
    last = octets.rfind(b"MTrk")
    if last >= 0 and random.random() < 0.8:  # most often its length still fits
        octets[last + 4 : last + 8] = max(len(octets) - last - 8, 0).to_bytes(4, "big")
    return bytes(octets[: random.integers(len(octets))] if random.random() < 0.1 else octets)


def broken(files: list[bytes], number: int, *, seed: int) -> Iterator[bytes]:
    random = np.random.default_rng(seed)
    for index in range(number):
        yield mutated(files[index % len(files)], random)


def check_by_reading(data: bytes, *, sustain: bool) -> None:
    performance = read_midi(data, sustain=sustain)
    to_packed(performance)
    assert (performance.offset_s > performance.onset_s).all()
    assert (performance.offset_quarters > performance.onset_quarters).all()
    assert (np.diff(performance.onset_quarters) >= 0).all()


def fuzz(read: Callable[[bytes, int], None], files: list[bytes], number: int, *, seed: int = 0) -> Fuzzed:
    """Read broken files in a process that may take no more memory, with an alarm against endless loops."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_fuzz, args=(read, files, number, seed, theirs))
    process.start()
    theirs.close()
    try:
        result = ours.recv()
    except EOFError:
        pytest.fail("the process died: it took too long or too much memory")
    finally:
        process.join()
    assert isinstance(result, Fuzzed), result
    return result


def _fuzz(
    read: Callable[[bytes, int], None], files: list[bytes], number: int, seed: int, answer: Connection
) -> None:
    _forbid_more_memory(MAX_BYTES)
    count, slowest = 0, 0.0
    for index, data in enumerate(broken(files, number, seed=seed)):
        signal.alarm(60)  # kills what never ends; what is too slow shows in its CPU time
        begin = time.process_time()
        try:
            read(data, index)
            count += 1
        except MidiError:
            pass
        except BaseException as error:
            answer.send(f"file {index} of seed {seed}: {type(error).__name__}: {error}")
            raise
        slowest = max(slowest, time.process_time() - begin)
    answer.send(Fuzzed(read=count, refused=number - count, slowest_s=slowest))


def _forbid_more_memory(num_bytes: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + num_bytes,) * 2)


@pytest.fixture(scope="module")
def written_files(mido_bytes: Callable[..., bytes]) -> list[bytes]:
    """Give small files of our own with notes, pedal, tempo and system exclusive messages."""
    random = np.random.default_rng(0)
    tracks = []
    for _ in range(3):
        track = [mido.MetaMessage("set_tempo", tempo=400_000), mido.Message("sysex", data=[1, 2, 3])]
        for _ in range(40):
            pitch = int(random.integers(30, 90))
            track += [mido.Message("note_on", note=pitch, time=int(random.integers(200)))]
            track += [mido.Message("control_change", control=64, value=int(random.integers(128)), time=100)]
            track += [mido.Message("note_off", note=pitch, time=int(random.integers(1, 300)))]
        tracks.append(track)
    return [mido_bytes(*tracks), mido_bytes(tracks[0])]


def test_broken_files_give_notes_or_a_midi_error(written_files: list[bytes], long_form: bool) -> None:
    done = fuzz(_read_notes, written_files, 40_000 if long_form else 1500)
    assert min(done.read, done.refused) > 100
    assert done.slowest_s < MAX_SECONDS


def _read_notes(data: bytes, index: int) -> None:
    check_by_reading(data, sustain=bool(index % 2))


def test_broken_real_files_give_notes_or_a_midi_error(giantmidi_root: Path, long_form: bool) -> None:
    by_size = sorted(giantmidi_root.glob("**/*.mid"), key=lambda path: path.stat().st_size)
    chosen = by_size[::20] if long_form else by_size[:12]
    done = fuzz(_read_notes, [path.read_bytes() for path in chosen], 20_000 if long_form else 600, seed=1)
    assert min(done.read, done.refused) > 50
    assert done.slowest_s < MAX_SECONDS


@pytest.mark.parametrize("grid", [ClockGrid(), BachsformerGrid(), TrueTimeGrid(), AllTailsGrid()])
def test_every_grid_draws_broken_files_or_refuses_them(
    written_files: list[bytes], tmp_path: Path, grid: Grid, long_form: bool
) -> None:
    path = tmp_path / "a.mid"

    def read(data: bytes, index: int) -> None:
        path.write_bytes(data)
        assert grid.read(path).packed.shape[1] == 88

    done = fuzz(read, written_files, 5000 if long_form else 150, seed=2)
    assert min(done.read, done.refused) > 20
    assert done.slowest_s < MAX_SECONDS


def test_the_largest_allowed_files_are_read_in_time(midi_bytes: Callable[..., bytes]) -> None:
    million = b"\x00\x90\x3c\x40\x01\x3c\x00" + b"\x01\x3c\x40\x01\x3c\x00" * 999_999
    running = b"\x00\xc0\x05" + b"\x01\x05" * 2_999_000  # the plain tokeniser decides on these

    def read(data: bytes, index: int) -> None:
        check_by_reading([midi_bytes(million), midi_bytes(running)][index], sustain=True)

    done = fuzz(read, [b"unused, as long as a header"], 2)
    assert (done.read, done.refused) == (1, 1)
    assert done.slowest_s < MAX_SECONDS
