"""Measure a run on held-out pieces and write `metrics.json`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.config.build import build
from musicgen.files.run_folders import from_here
from musicgen.generation.rendering import has_renderer, load_renderer
from musicgen.measure.evaluate import METRICS_FILE, evaluate_run, write_metrics
from musicgen.measure.extent import Extent, measuring_s
from musicgen.measure.rendering import held_out_renderings, rendering_metrics
from musicgen.music.grid import PlayedGrid
from musicgen.pipeline.context import AUTOENCODER, RunContext
from musicgen.pipeline.stage import Stage, Stages

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class EvaluateStage(Stage):
    """Compute all metrics of the run.

    Attributes:
        window_quarters: Context window of the prior, in quarters.
        prior: The stage that trains the prior.
    """

    window_quarters: int
    prior: str = "transformer"
    needs: Sequence[str] = (AUTOENCODER, "transformer")

    def foreseen_s(self, stages: Stages, extent: Extent) -> float:
        """Time the measuring of music, most of the work."""
        return measuring_s(extent.measured_quarters)

    def run(self, run: RunContext, checkpoint: Path | None) -> None:
        """Measure the networks and the generated pieces."""
        run.metrics |= evaluate_run(
            run.autoencoder_network,
            run.network(self.prior),
            run.prepared,
            folder=run.folder,
            codes=run.codes,
            window_quarters=self.window_quarters,
            reconstruction=run.reconstruction,
        )
        if has_renderer(run.folder):
            grid = build(run.grid_config)
            assert isinstance(grid, PlayedGrid), "other grids train no renderer"
            renderer = load_renderer(run.folder).module
            run.metrics |= rendering_metrics(held_out_renderings(renderer, run.prepared, grid, seed=run.seed))
        write_metrics(run.metrics, run.folder / METRICS_FILE)
        log.info("Metrics: %s", from_here(run.folder / METRICS_FILE))
