"""Write new pieces with the trained networks."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.checkpoint import Network
from musicgen.files.run_folders import from_here
from musicgen.generation.asking.asked import Asked, Completion
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.asking.training_labels import TrainingLabels
from musicgen.generation.foresee import drawing_s
from musicgen.generation.generate import check_request, generate_pieces
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.rendering import Rendering, has_renderer, load_renderer, render_piece
from musicgen.generation.sampling import Sampling
from musicgen.generation.writing import Labels, write_pieces
from musicgen.measure.extent import Extent
from musicgen.pipeline.context import AUTOENCODER, RunContext
from musicgen.pipeline.stage import Stage, Stages
from musicgen.pipeline.stages.kmeans import coding_autoencoder
from musicgen.reports.runs.settings import typed_settings
from musicgen.training.pictures import log_generated, showing_s

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class GenerateStage(Stage):
    """Generate pieces into `generated/`, and show them in TensorBoard.

    Attributes:
        sampling: Sampling settings.
        num_pieces: Number of pieces.
        num_quarters: Their length, in quarters.
        tempo_bpm: Their tempo.
        key: What they are moved to; None leaves them, or moves them as `data.one_key` has moved the others.
        render: Play the pieces with the run's renderer, where it has trained one.
        prior: The stage that trains the prior.
    """

    sampling: Sampling
    num_pieces: int
    num_quarters: int
    tempo_bpm: float
    key: str | None = None
    render: bool = True
    prior: str = "transformer"
    needs: Sequence[str] = (AUTOENCODER, "transformer")

    def build(self, stages: Stages) -> None:
        """Validate the sampling settings before anything is trained."""
        check_request(num_pieces=self.num_pieces, num_quarters=self.num_quarters, tempo_bpm=self.tempo_bpm)
        KeyPlan(key=self.key).tonics()

    def foreseen_s(self, stages: Stages, extent: Extent) -> float:
        """Time a few quarters of drawing with fresh networks, and the pictures of a piece."""
        autoencoder, prior = coding_autoencoder(stages), stages[self.prior].network  # pyright: ignore[reportAttributeAccessIssue]
        assert autoencoder is not None, "without codes there is no prior to draw from"
        return self.num_pieces * showing_s() + drawing_s(
            autoencoder,
            prior,
            num_pieces=self.num_pieces,
            num_quarters=self.num_quarters,
            sampling=self.sampling,
        )

    def run(self, run: RunContext, checkpoint: Path | None) -> None:
        """Draw, decode, write and show the pieces."""
        prior = run.network(self.prior)
        pieces = generate_pieces(
            run.autoencoder,
            prior.module,
            num_pieces=self.num_pieces,
            num_quarters=self.num_quarters,
            seed=run.seed,
            sampling=self.sampling,
            tempo_bpm=self.tempo_bpm,
            keys=KeyPlan(learned=prior.description.get("keys"), key=self.key),
            conditions=self._conditions(prior, seed=run.seed),
            progress=True,
        )
        if self.render and has_renderer(run.folder):
            rendering = Rendering(load_renderer(run.folder).module, seed=run.seed)
            pieces = [render_piece(piece, rendering, number=number) for number, piece in enumerate(pieces)]
        folder = run.folder / "generated"
        settings = typed_settings(self.settings.get("sampling") or {})
        labels = [
            Labels.of_origin(
                run.folder, seed=run.seed, place=f"piece {number} of {len(pieces)}", settings=settings
            )
            for number in range(len(pieces))
        ]
        paths = write_pieces(pieces, folder, labels=labels)
        log.info("Wrote %d pieces of %d quarters to %s", len(paths), self.num_quarters, from_here(folder))
        log_generated(pieces, run.loggers)

    def _conditions(self, prior: Network, *, seed: int) -> Conditions | None:
        """Take the labels of the pieces from training pieces, where the prior has learned with labels."""
        known = prior.description.get("labels")
        if known is None:
            return None
        return Asked().conditions(
            prior.module.conditioner,
            quarters=self.num_quarters,
            completion=Completion(TrainingLabels.from_plain(known), seed, self.num_pieces),
        )
