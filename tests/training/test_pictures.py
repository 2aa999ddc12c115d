"""What TensorBoard shows of generated pieces."""

from pathlib import Path

import numpy as np
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from musicgen.generation.generate import GeneratedPiece
from musicgen.music.grid import from_slices
from musicgen.music.packing import pack
from musicgen.training.pictures import log_generated


def piece(*, sounds: bool) -> GeneratedPiece:
    cells = np.zeros((2, 88, 32), bool)
    cells[0, 40, :8] = sounds
    return GeneratedPiece(torch.zeros(2, 11, dtype=torch.int64), pack(cells), from_slices(cells), 0)


def test_silence_has_no_pictures_and_the_first_piece_that_sounds_is_heard(tmp_path: Path):
    logger = TensorBoardLogger(tmp_path, name="", version="")
    log_generated([piece(sounds=False), piece(sounds=True), piece(sounds=True)], [logger])
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    tags = events.Tags()
    assert {name.split("/")[1] for name in tags["images"]} == {"001", "002"}
    assert tags["audio"] == ["generated/001/sound"]
