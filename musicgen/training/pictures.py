"""Show pieces in TensorBoard: piano rolls and self-similarity to look at, sound to hear."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.generation.generate import GeneratedPiece
from musicgen.music.grid import to_slices
from musicgen.music.notes import Performance
from musicgen.music.render.form_diagram import form_image
from musicgen.music.render.piano_roll import roll_image
from musicgen.music.render.sound import render

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


def log_generated(
    pieces: Sequence[GeneratedPiece], loggers: Sequence[Logger], *, max_audio_s: float = 60.0
) -> None:
    """Add the pictures of every piece, and the sound of the first.

    Args:
        pieces: What was generated.
        loggers: Those of TensorBoard among them take it.
        max_audio_s: How much of the first piece is sounded, in seconds.
    """
    for logger in loggers:
        if not isinstance(logger, TensorBoardLogger):
            continue
        for number, piece in enumerate(pieces):
            name = f"generated/{number:03d}"
            show_piece(logger.experiment, name, piece.performance, audio_s=0.0 if number else max_audio_s)
        logger.experiment.flush()


def show_piece(board: "SummaryWriter", name: str, performance: Performance, *, audio_s: float) -> None:
    """Add a piece's roll under its name, its self-similarity under NAME/form, and its sound.

    Args:
        board: TensorBoard's writer.
        name: Tag of the piece.
        performance: The notes.
        audio_s: How much is sounded, in seconds; 0 and silence give no sound.
    """
    board.add_image(name, roll_image(to_slices(performance)), dataformats="HWC")
    board.add_image(f"{name}/form", form_image(performance), dataformats="HWC")
    if audio_s > 0 and len(performance):
        sound = render(performance, max_s=audio_s)
        board.add_audio(name, sound.mono()[None], sample_rate=sound.rate)
