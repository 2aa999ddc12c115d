"""Show pieces in TensorBoard: piano rolls, self-similarity and audio."""

import tempfile
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.generation.generate import GeneratedPiece
from musicgen.measure.extent import stand_in
from musicgen.music.grid import to_slices
from musicgen.music.notes import Performance
from musicgen.music.render.form_diagram import form_image
from musicgen.music.render.piano_roll import roll_image
from musicgen.music.render.sound import render
from musicgen.training.tensorboard_logger import CARD_WIDTH_IN

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


ROLL_QUARTERS = 48


def log_generated(
    pieces: Sequence[GeneratedPiece], loggers: Sequence[Logger], *, max_audio_s: float = 60.0
) -> None:
    """Add images of every piece that is not silent, and audio of the first of them.

    Args:
        pieces: Generated pieces.
        loggers: Loggers of the run; only TensorBoard's are used.
        max_audio_s: Length of the audio in seconds.
    """
    for logger in loggers:
        if not isinstance(logger, TensorBoardLogger):
            continue
        heard = [(number, piece) for number, piece in enumerate(pieces) if len(piece.performance)]
        for place, (number, piece) in enumerate(heard):
            audio_s = 0.0 if place else max_audio_s
            show_piece(logger.experiment, f"generated/{number:03d}", piece.performance, audio_s=audio_s)
        logger.experiment.flush()


def show_piece(board: "SummaryWriter", name: str, performance: Performance, *, audio_s: float) -> None:
    """Add a piece's piano roll as NAME, its self-similarity as NAME/form and its audio as NAME/sound.

    TensorBoard keeps one kind of data per name: under the roll's it would show neither roll nor sound.

    Args:
        board: TensorBoard writer.
        name: Tag of the piece.
        performance: The notes.
        audio_s: Length of the audio in seconds; none for 0 or a silent piece.
    """
    roll = roll_image(
        to_slices(performance), max_quarters=ROLL_QUARTERS, quarters_per_system=16, width_in=CARD_WIDTH_IN
    )
    board.add_image(name, roll, dataformats="HWC")
    board.add_image(f"{name}/form", form_image(performance, width_in=CARD_WIDTH_IN), dataformats="HWC")
    if audio_s > 0 and len(performance):
        sound = render(performance, max_s=audio_s)
        samples = sound.mono()[None]
        if samples.size:  # a piece may begin behind what is played
            board.add_audio(f"{name}/sound", samples, sample_rate=sound.rate)


def showing_s() -> float:
    """Estimate the seconds that `show_piece` takes for a piece without audio, by timing one."""
    from torch.utils.tensorboard.writer import SummaryWriter

    piece = stand_in(ROLL_QUARTERS)
    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as board:
        show_piece(board, "warm", piece, audio_s=0)
        began = time.perf_counter()
        show_piece(board, "timed", piece, audio_s=0)
        return time.perf_counter() - began
