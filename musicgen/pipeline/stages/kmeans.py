"""Give an autoencoder without codes the k-means centres of its latents as a codebook."""

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musicgen.checkpoint import Network, fingerprint, load_network, save_network
from musicgen.data.batches.slices import SliceBatch
from musicgen.data.store.packed import PackedPieces
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.bottlenecks.clusters import ClusteredLatents
from musicgen.pipeline.context import AUTOENCODER, KMEANS, RunContext
from musicgen.pipeline.stage import Stage, Stages

log = logging.getLogger(__name__)
_BATCH = 256  # quarters that are encoded at once; bounds memory


@dataclass(kw_only=True)
class KMeansStage(Stage):
    """Find codes for a trained autoencoder that has none, so that a prior can learn them.

    What follows decodes the centres and not the latents, so its bits are those of the codes.

    Attributes:
        num_embeddings: Number of centres, 2 to 65536.
        max_quarters: As many training quarters are looked at, drawn at random, or all that there are.
        network: The autoencoder with codes, untrained; set by `build`.
    """

    num_embeddings: int
    max_quarters: int = 20_000
    title: str = "K-means"
    needs: Sequence[str] = (AUTOENCODER,)
    network: Autoencoder = field(init=False, repr=False)

    def build(self, stages: Stages) -> None:
        """Build the autoencoder with codes, so that a prior can be built for them."""
        self.network = self._with_codes(autoencoder_of(stages), seed=0)

    def refusal(self, stages: Stages) -> str:
        """Return why there is nothing to do; empty if the autoencoder has no codes."""
        autoencoder = autoencoder_of(stages)
        if autoencoder.vocabulary is not None:
            return f"{type(autoencoder.bottleneck).__name__} has codes already"
        return ""

    def inputs(self, run: RunContext) -> dict[str, Any]:
        """Collect the settings, pieces, seed and the weights of the autoencoder."""
        return {
            **self.settings,
            "max_quarters": self.max_quarters,
            "data": run.data_inputs,
            "seed": run.seed,
            f"{AUTOENCODER}_sha256": fingerprint(run.network(AUTOENCODER).module),
        }

    def load(self, run: RunContext) -> Network[Autoencoder]:
        """Read the autoencoder with codes."""
        return load_network(run.folder, self.name, Autoencoder)

    def run(self, run: RunContext, checkpoint: Path | None) -> None:
        """Find the centres, and write the autoencoder with them; it is done again if it was interrupted."""
        trained = run.network(AUTOENCODER)
        autoencoder = self._with_codes(trained.module, seed=run.seed).eval()
        bottleneck = autoencoder.bottleneck
        assert isinstance(bottleneck, ClusteredLatents), "built a line above"
        device = run.device_trainer.strategy.root_device
        latents = self._latents(trained.module.to(device), run.prepared.splits["train"], seed=run.seed)
        trained.module.cpu()
        kept = bottleneck.to(device).fit(latents)
        settings: Mapping[str, Any] = trained.description["config"]
        target = f"{ClusteredLatents.__module__}.{ClusteredLatents.__qualname__}"
        codes = {"_target_": target, "of": settings["bottleneck"], "num_embeddings": self.num_embeddings}
        description = {
            **trained.description,
            "stage": self.name,
            "state_prefix": "autoencoder.",
            "config": {**settings, "bottleneck": codes},
        }
        save_network(autoencoder.cpu(), run.folder, description=description)
        log.info(
            "%s: %d centres keep %.1f %% of the variance of %d latents",
            self.title, self.num_embeddings, 100 * kept, latents[:, 0].numel(),
        )  # fmt: skip

    def _with_codes(self, autoencoder: Autoencoder, *, seed: int) -> Autoencoder:
        """Copy an autoencoder, its bottleneck followed by centres that are still to be found."""
        copy = deepcopy(autoencoder)
        copy.bottleneck = ClusteredLatents(of=copy.bottleneck, num_embeddings=self.num_embeddings, seed=seed)
        return copy

    def _latents(
        self, autoencoder: Autoencoder, pieces: PackedPieces, *, seed: int
    ) -> Float[Tensor, "quarters dim h w"]:
        """Compute the latents of training quarters, as many as are looked at."""
        device = next(autoencoder.parameters()).device
        chosen = np.random.default_rng(seed).permutation(len(pieces))[: self.max_quarters]
        chosen.sort()
        layout, latents = autoencoder.layout, []
        for start in range(0, len(chosen), _BATCH):
            index = chosen[start : start + _BATCH]
            batch = SliceBatch.of(pieces, index, channels=autoencoder.channels, layout=layout)
            latents.append(autoencoder.latents(batch.slices.to(device)))
        return torch.cat(latents)


def autoencoder_of(stages: Stages) -> Autoencoder:
    """Return the network of the stage that trains the autoencoder."""
    autoencoder = stages[AUTOENCODER].network  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(autoencoder, Autoencoder)
    return autoencoder


def coding_autoencoder(stages: Stages) -> Autoencoder | None:
    """Return the autoencoder whose codes a prior learns; None where the run makes no codes."""
    autoencoder, kmeans = autoencoder_of(stages), stages.get(KMEANS)
    if autoencoder.vocabulary is not None:
        return autoencoder
    return kmeans.network if isinstance(kmeans, KMeansStage) and kmeans.is_asked else None
