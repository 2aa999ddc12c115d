"""Show generated pieces in TensorBoard: piano rolls to look at, sound to hear."""

from collections.abc import Sequence

from pytorch_lightning.loggers import Logger, TensorBoardLogger

from musicgen.generation.generate import GeneratedPiece
from musicgen.music.draw import roll_image
from musicgen.music.grid import unpack
from musicgen.music.synth import SAMPLE_RATE, synthesize


def log_generated(
    pieces: Sequence[GeneratedPiece], loggers: Sequence[Logger], *, max_audio_s: float = 60.0
) -> None:
    """Add a piano roll of every piece, and the sound of the first.

    Args:
        pieces: What was generated.
        loggers: Those of TensorBoard among them take it.
        max_audio_s: How much of the first piece is sounded, in seconds.
    """
    for logger in loggers:
        if not isinstance(logger, TensorBoardLogger):
            continue
        board = logger.experiment
        for number, piece in enumerate(pieces):
            board.add_image(f"generated/{number:03d}", roll_image(unpack(piece.words)), dataformats="HWC")
        if pieces and len(pieces[0].performance):
            samples = synthesize(pieces[0].performance, max_s=max_audio_s)
            board.add_audio("generated/000", samples[None], sample_rate=SAMPLE_RATE)
        board.flush()
