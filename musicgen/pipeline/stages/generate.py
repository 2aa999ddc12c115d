"""Write new pieces with the trained networks."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.generation.generate import Sampling, check_request, generate_pieces
from musicgen.generation.writing import Labels, write_pieces
from musicgen.pipeline.context import AUTOENCODER, RunContext
from musicgen.pipeline.stage import Stage, Stages
from musicgen.training.pictures import log_generated

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class GenerateStage(Stage):
    """Write pieces into `generated/`, and show them in TensorBoard.

    Attributes:
        sampling: How codes are drawn.
        num_pieces: How many pieces.
        num_quarters: Their length, in quarters.
        tempo_bpm: Their tempo.
        prior: The stage that trains the prior.
    """

    sampling: Sampling
    num_pieces: int
    num_quarters: int
    tempo_bpm: float
    prior: str = "transformer"
    needs: Sequence[str] = (AUTOENCODER, "transformer")

    def build(self, stages: Stages) -> None:
        """Refuse a request that cannot be met before anything is trained."""
        check_request(num_pieces=self.num_pieces, num_quarters=self.num_quarters, tempo_bpm=self.tempo_bpm)

    def run(self, run: RunContext, checkpoint: Path | None) -> None:
        """Draw, decode, write and show the pieces."""
        pieces = generate_pieces(
            run.autoencoder,
            run.network(self.prior).module,
            num_pieces=self.num_pieces,
            num_quarters=self.num_quarters,
            seed=run.seed,
            sampling=self.sampling,
            tempo_bpm=self.tempo_bpm,
        )
        folder = run.folder / "generated"
        labels = [
            Labels(texts=(f"seed: {run.seed}, piece {number} of {len(pieces)}",))
            for number in range(len(pieces))
        ]
        paths = write_pieces(pieces, folder, labels=labels)
        log.info("Wrote %d pieces of %d quarters to %s", len(paths), self.num_quarters, folder)
        log_generated(pieces, run.loggers)
