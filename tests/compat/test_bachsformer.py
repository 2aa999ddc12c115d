import tracemalloc
from pathlib import Path

import mido
import numpy as np
import pytest
import torch

from musicgen.compat.bachsformer import BachsformerGrid, load_weights, read_slices
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.bottlenecks.gradient import GradientVectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.flat import Transformer
from musicgen.music.midi import MidiError
from musicgen.music.packing import unpack
from tests.compat.published import published


def write_track(path: Path, *messages: mido.Message) -> Path:
    file = mido.MidiFile(ticks_per_beat=384)
    file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return path


def on(pitch: int, time: int, velocity: int = 64) -> mido.Message:
    return mido.Message("note_on", note=pitch, velocity=velocity, time=time)


def off(pitch: int, time: int) -> mido.Message:
    return on(pitch, time, velocity=0)


def drawn(slices: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """Give the ticks drawn, by slice and pitch."""
    found: dict[tuple[int, int], list[int]] = {}
    for quarter, row, tick in np.argwhere(slices):
        found.setdefault((int(quarter), int(row) + 21), []).append(int(tick))
    return found


def test_the_clock_stands_still_for_other_messages(tmp_path: Path) -> None:
    pedal = mido.Message("control_change", control=64, value=127, time=4800)

    slices = read_slices(write_track(tmp_path / "a.mid", pedal, on(60, 15), off(60, 30)))

    assert drawn(slices) == {(0, 60): [1, 2]}


def test_a_whole_slices_tail_draws_nothing_and_delays_the_next(tmp_path: Path) -> None:
    path = write_track(
        tmp_path / "a.mid",
        on(60, 0),
        on(62, 0),
        off(60, 480 * 2 + 240),
        off(62, 0),
        on(64, 480 * 3),
        off(64, 15),
    )

    slices = read_slices(path)

    assert drawn(slices) == {
        (0, 60): list(range(32)),
        (0, 62): list(range(32)),
        (2, 60): list(range(16)),  # in its place: its whole slice came first and drew nothing
        (4, 62): list(range(16)),  # two slices late
        (5, 64): [16],
    }


def test_a_repeated_note_shows_by_a_gap_even_across_slices(tmp_path: Path) -> None:
    path = write_track(tmp_path / "a.mid", on(60, 0), off(60, 480), on(60, 0), off(60, 30))

    assert drawn(read_slices(path)) == {(0, 60): list(range(31)), (1, 60): [0, 1]}


def test_notes_are_paired_first_in_first_out_and_oddities_counted(tmp_path: Path) -> None:
    path = write_track(
        tmp_path / "a.mid",
        off(60, 0),
        on(60, 0),
        on(60, 150),
        off(60, 15),
        off(60, 15),
        on(61, 0),
        on(20, 0),
        off(20, 15),
    )

    piece = BachsformerGrid().read(path)

    assert piece.num_notes == 3
    assert piece.counts.unmatched_note_offs == 1
    assert piece.counts.unclosed_notes == 1
    assert drawn(unpack(piece.packed)) == {(0, 60): [*range(9), 10, 11], (0, 108): [12]}  # 20 wraps around


def test_files_that_it_cannot_draw_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mid").write_text("no music")
    high = write_track(tmp_path / "high.mid", on(109, 0), off(109, 15))
    late = write_track(tmp_path / "late.mid", on(60, 200_000_000), off(60, 15))

    for path, said in (
        (tmp_path / "text.mid", "cannot be read"),
        (high, "above C8"),
        (late, "quarters long"),
    ):
        with pytest.raises(MidiError, match=said):
            read_slices(path)
    with pytest.raises(MidiError, match="cannot be read"):
        read_slices(tmp_path / "missing.mid")


def test_an_endless_note_asks_for_little(tmp_path: Path) -> None:
    path = write_track(
        tmp_path / "a.mid", *(on(60, 0) for _ in range(500)), *(off(60, 1 << 27) for _ in range(500))
    )

    assert drawn(read_slices(path)) == {(0, 60): list(range(32))}


@pytest.fixture
def small_pair() -> tuple[ConvolutionalAutoencoder, Transformer]:
    quantizer = VectorQuantizer(num_embeddings=8, embedding_dim=8)
    autoencoder = ConvolutionalAutoencoder(
        quantizer, num_hiddens=8, num_residual_layers=3, num_residual_hiddens=4
    )
    autoencoder((torch.rand(4, 1, 88, 32) < 0.1).float())
    transformer = Transformer(
        vocabulary=Vocabulary(16, 1, 8),
        num_layers=2,
        num_heads=4,
        width=16,
        max_positions=31,
        start_token=False,
    )
    return autoencoder.eval(), transformer.eval()


def assert_same(
    loaded: tuple[ConvolutionalAutoencoder, Transformer], pair: tuple[ConvolutionalAutoencoder, Transformer]
) -> None:
    slices, codes = torch.rand(3, 88, 32) < 0.1, torch.randint(8, (2, 20))
    assert torch.equal(loaded[0].encode(slices), pair[0].encode(slices))
    assert torch.equal(loaded[0].decode(codes[:, :16]), pair[0].decode(codes[:, :16]))
    assert torch.equal(loaded[1](codes), pair[1](codes))
    assert not loaded[0].training
    assert not loaded[1].training


def test_a_checkout_is_read_whatever_its_files_are_called(small_pair, tmp_path: Path) -> None:
    states = tmp_path / "vq_vae" / "ludovico-mini" / "state_dict"
    states.mkdir(parents=True)
    wrapped = {"state_dict": {f"module.{name}": value for name, value in published(small_pair[0]).items()}}
    torch.save(wrapped, states / "last")
    torch.save({name: value + 1 for name, value in published(small_pair[0]).items()}, states / "best")
    mask = {f"transformer.h.{layer}.attn.bias": torch.ones(1, 1, 31, 31).tril() for layer in range(2)}
    torch.save(
        published(small_pair[1]) | mask, tmp_path / "bachsformer", _use_new_zipfile_serialization=False
    )
    torch.save({"other": torch.ones(2)}, tmp_path / "something.pt")
    (tmp_path / "README.md").write_text("PK? no")

    assert_same(load_weights(tmp_path, num_heads=4), small_pair)


def test_named_files_go_before_others(small_pair, tmp_path: Path) -> None:
    torch.save(published(small_pair[0]), tmp_path / "vq_vae.pt")
    torch.save(published(small_pair[1]), tmp_path / "transformer.pt")
    torch.save(published(small_pair[1]), tmp_path / "last.pt")

    assert_same(load_weights(tmp_path, num_heads=4), small_pair)


def test_weights_saved_on_a_device_that_is_not_here_load(small_pair, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("torch.serialization.location_tag", lambda storage: "mps")
    torch.save(published(small_pair[0]), tmp_path / "vq_vae.pt")
    torch.save(published(small_pair[1]), tmp_path / "transformer.pt")

    assert_same(load_weights(tmp_path, num_heads=4), small_pair)


def test_a_codebook_without_running_means_is_trained_by_gradient(small_pair, tmp_path: Path) -> None:
    state = {name: value for name, value in published(small_pair[0]).items() if "_ema" not in name}
    torch.save(state, tmp_path / "vq_vae.pt")
    torch.save(published(small_pair[1]), tmp_path / "transformer.pt")

    autoencoder, _ = load_weights(tmp_path, num_heads=4)

    assert isinstance(autoencoder.bottleneck, GradientVectorQuantizer)
    assert autoencoder.bottleneck.started


def test_what_cannot_be_chosen_or_read_is_said(small_pair, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a folder"):
        load_weights(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no vq_vae of Bachsformer"):
        load_weights(tmp_path)

    torch.save(small_pair[0], tmp_path / "pickled.pt")  # a whole module: code, not only tensors
    with pytest.raises(FileNotFoundError, match=r"pickled.pt holds more than tensors"):
        load_weights(tmp_path)

    for name in ("first.pt", "second.pt"):
        torch.save(published(small_pair[0]), tmp_path / name)
    with pytest.raises(
        ValueError, match=r"several files .* first.pt, second.pt; copy the right one to vq_vae.pt"
    ):
        load_weights(tmp_path)

    torch.save(published(small_pair[0]), tmp_path / "vq_vae.pt")
    torch.save(published(small_pair[1]), tmp_path / "transformer.pt")
    with pytest.raises(ValueError, match="width 16 and does not tell its heads"):
        load_weights(tmp_path)

    broken = published(small_pair[0])
    del broken["_pre_vq_conv.bias"]
    torch.save(broken, tmp_path / "vq_vae.pt")
    with pytest.raises(ValueError, match=r"(?s)vq_vae.pt does not fit .*encoder.to_latent.bias"):
        load_weights(tmp_path, num_heads=4)


def test_a_pair_of_two_codebooks_is_refused(small_pair, tmp_path: Path) -> None:
    other = Transformer(
        vocabulary=Vocabulary(16, 1, 9), num_layers=1, num_heads=4, width=16, start_token=False
    )
    torch.save(published(small_pair[0]), tmp_path / "vq_vae.pt")
    torch.save(published(other), tmp_path / "transformer.pt")

    with pytest.raises(ValueError, match="8 codes and the transformer 9"):
        load_weights(tmp_path, num_heads=4)


def test_a_chunk_that_says_it_has_gigabytes_is_not_believed(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"MThd" + b"\x7f\xff\xff\xff" + bytes(20))
    tracemalloc.start()
    assert BachsformerGrid().read(path).num_notes == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6
