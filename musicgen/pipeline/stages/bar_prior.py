"""Train the prior over coarse codes of bars and fine codes of quarters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.priors.bars import BarTransformer
from musicgen.pipeline.context import AUTOENCODER, RunContext
from musicgen.pipeline.stage import Stages
from musicgen.pipeline.stages.prior import PriorStage

_BARS = "bars"


@dataclass(kw_only=True)
class BarPriorStage(PriorStage):
    """Train a prior whose coarse codes are those of the trained autoencoder of bars."""

    can_be_sharded: ClassVar[bool] = False  # it encodes bars outside the network's forward pass
    needs: Sequence[str] = (AUTOENCODER, _BARS)

    def parts(self, stages: Stages, vocabulary: Vocabulary) -> dict[str, Any]:
        """Return the config of the autoencoder of bars."""
        return {"bars": {**stages[_BARS].settings["network"], "vocabulary": vocabulary.config()}}

    def initialise(self, run: RunContext) -> None:
        """Load the weights of a run, if given, and in any case those of this run's autoencoder of bars."""
        super().initialise(run)
        network = self.network
        assert isinstance(network, BarTransformer)
        network.bars.load_state_dict(run.network(_BARS).module.state_dict())
