"""A run from Python: what goes in as a file comes out as codes, cells and pieces."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import musicgen
from musicgen.generation.loaded_run import LoadedRun
from musicgen.models.bottlenecks.base import Bottleneck
from musicgen.music.grid import from_slices, to_slices
from musicgen.music.midi import MidiError, read_midi, write_midi


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> LoadedRun:
    return musicgen.load(tiny_run)


@pytest.fixture(scope="module")
def etude_file(midi_folder: Path) -> Path:
    return sorted(midi_folder.glob("*.mid"))[0]


def test_a_file_its_cells_and_its_codes_are_the_same_piece(run: LoadedRun, etude_file: Path) -> None:
    slices, codes = run.read(etude_file), run.encode(etude_file)
    assert slices.shape == (16, 88, 32)
    np.testing.assert_array_equal(slices, to_slices(read_midi(etude_file)))
    assert codes.shape == (16, run.autoencoder.num_codes)
    np.testing.assert_array_equal(codes, run.encode(slices))
    np.testing.assert_array_equal(codes, run.encode(str(etude_file)))


def test_decoded_codes_can_be_written_and_read_again(
    run: LoadedRun, etude_file: Path, tmp_path: Path
) -> None:
    decoded = run.decode(run.encode(etude_file))
    assert decoded.shape == (16, 88, 32)
    assert decoded.dtype == bool
    write_midi(from_slices(decoded), tmp_path / "again.mid")
    again, begin = run.read(tmp_path / "again.mid"), int(decoded.any(axis=(1, 2)).argmax())
    np.testing.assert_array_equal(again, decoded[begin : begin + len(again)])
    assert not decoded[begin + len(again) :].any()
    assert run.decode(np.empty((0, run.autoencoder.num_codes), np.int64)).shape == (0, 88, 32)


def test_a_walk_begins_with_the_passage_as_it_is_reconstructed(run: LoadedRun, etude_file: Path) -> None:
    piece = run.read(etude_file)
    steps = run.walk(piece[:4], piece[8:12], steps=3)
    assert [step.shape for step in steps] == [(4, 88, 32)] * 3
    np.testing.assert_array_equal(steps[0], run.decode(run.encode(piece[:4])))
    np.testing.assert_array_equal(steps[-1], run.decode(run.encode(piece[8:12])))


def test_new_pieces_follow_their_seed(run: LoadedRun) -> None:
    first, again, other = (run.generate(2, num_quarters=4, seed=seed) for seed in (1, 1, 2))
    assert [piece.codes.shape for piece in first] == [(4, run.autoencoder.num_codes)] * 2
    assert [piece.codes.tolist() for piece in first] == [piece.codes.tolist() for piece in again]
    assert first[0].codes.tolist() != other[0].codes.tolist()


def test_a_continuation_keeps_the_piece_and_goes_on(run: LoadedRun, etude_file: Path) -> None:
    [piece] = run.continue_(etude_file, num_quarters=4, bars="1-2")
    source = read_midi(etude_file)
    assert piece.prompt_quarters == 8
    assert len(piece.codes) == 12
    kept = piece.performance.between_quarters(0, 8)
    assert kept.pitch.tolist() == source.between_quarters(0, 8).pitch.tolist()
    [new] = run.continue_(etude_file, num_quarters=4, bars="1-2", keep_prompt=False)
    assert len(new.codes) == 4


def test_metrics_are_those_of_the_file(run: LoadedRun, tiny_run: Path) -> None:
    written = json.loads((tiny_run / "metrics.json").read_text())
    assert run.metrics.keys() == written.keys()
    assert run.metrics["vq_vae/val/bce"] == written["vq_vae/val/bce"]
    assert LoadedRun(tiny_run / "checkpoints", run.network).metrics == {}


def test_what_cannot_be_done_is_said(run: LoadedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        musicgen.load(tmp_path)
    (tmp_path / "no.mid").write_bytes(b"no music")
    with pytest.raises(MidiError):
        run.encode(tmp_path / "no.mid")
    monkeypatch.setattr(type(run.autoencoder), "vocabulary", None)
    assert isinstance(run.autoencoder.bottleneck, Bottleneck)
    with pytest.raises(ValueError, match="has no codes; use a run of bottleneck=quantizer"):
        run.encode(np.zeros((1, 88, 32), bool))


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, musicgen; assert callable(musicgen.load); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"'torch'", "'numpy'", "'hydra'"} & set(loaded.strip("[]\n").split(", "))
