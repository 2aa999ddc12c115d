"""Train the prior over the autoencoder's codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl

from musicgen.checkpoint import Network, fingerprint, load_transformer
from musicgen.data.batches.codes import CodeBatch
from musicgen.data.batches.datamodule import CodeDataModule
from musicgen.data.batches.gaps import Gaps
from musicgen.data.prepare import Prepared
from musicgen.generation.asking.labelling import labelled, values_of
from musicgen.generation.asking.training_labels import TrainingLabels
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.labels import GAP, LabelConditioner
from musicgen.models.priors.base import Prior
from musicgen.pipeline.context import RunContext
from musicgen.pipeline.stage import Stages
from musicgen.pipeline.stages.code_stage import CodeStage
from musicgen.training.modules.prior_module import PriorModule


@dataclass(kw_only=True)
class PriorStage(CodeStage):
    """Train a prior on windows of the codes of the trained autoencoder.

    Attributes:
        window_quarters: Context window of the prior, in quarters.
        hop_quarters: Distance between the starts of training windows, in quarters.
        gap_share: Share of the training windows that have a gap to be filled, 0 to 1.
    """

    window_quarters: int
    hop_quarters: int
    gap_share: float = 0.0
    title: str = "Transformer"
    monitor: str = "transformer/val/nats_per_code"
    network: Prior = field(init=False, repr=False)

    def build(self, stages: Stages) -> None:
        """Build the prior for the codes of the autoencoder."""
        vocabulary = self.vocabulary_of(stages)
        more = {"vocabulary": vocabulary.config(), **self.parts(stages, vocabulary)}
        network = {**self.settings.get("network", {}), **more}
        if self.gap_share:
            network["conditioner"] = more["conditioner"] = _with_gaps(network)
        prior = self.make_network(**more)
        assert isinstance(prior, Prior)
        self.network = prior
        self.settings = {**self.settings, "network": network}

    def parts(self, stages: Stages, vocabulary: Vocabulary) -> dict[str, Any]:
        """Return the configs of networks of other stages that are parts of the prior, by argument."""
        return {}

    def observe(self, prepared: Prepared) -> None:
        """Let the conditioner know the values of its fields in the training pieces."""
        conditioner = self.network.conditioner
        if isinstance(conditioner, LabelConditioner):
            values = values_of(prepared.splits["train"], conditioner)
            values = self.with_initial_values(values, conditioner.fields)
            conditioner.set_values(values.names, edges=values.edges)
            network = dict(self.settings["network"])
            known = {"names": values.names, "edges": values.edges}
            network["conditioner"] = {**network["conditioner"], **known}
            self.settings = {**self.settings, "network": network}

    def module(self, run: RunContext | None) -> PriorModule:
        """Build the Lightning module around the network."""
        module = PriorModule(
            self.network,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            codes_per_quarter=self.network.vocabulary.codes_per_slice,
            decoder_bits=run.decoder_bits if run else 0.0,
        )
        module.baselines = run.prior_baselines if run else {}
        return module

    def data(self, run: RunContext) -> pl.LightningDataModule:
        """Build batches of windows of codes."""
        codes = {
            name: labelled(codes, run.prepared.splits[name], self.network.conditioner)
            for name, codes in run.codes.items()
        }
        return CodeDataModule(
            codes,
            window_quarters=self.window_quarters,
            hop_quarters=self.hop_quarters,
            start_token=self.network.start_token,
            gaps=self._gaps(seed=run.seed),
            batch_size=self.batch_size,
            seed=run.seed,
            updates_per_epoch=self.updates_per_epoch,
        )

    def _gaps(self, *, seed: int) -> Gaps | None:
        conditioner = self.network.conditioner
        if not self.gap_share:
            return None
        assert isinstance(conditioner, LabelConditioner), "gaps are labelled"
        return Gaps(self.gap_share, column=conditioner.fields.index(GAP), seed=seed)

    def build_batch(self) -> CodeBatch:
        """Make a batch of windows of random codes."""
        return self.random_codes(self.network.vocabulary, quarters=self.window_quarters)

    def count_samples(self, train_quarters: int) -> int:
        """Estimate the windows of an epoch, ignoring piece boundaries."""
        return train_quarters // self.hop_quarters

    def shape(self) -> dict[str, Any]:
        """Collect the settings that affect the time of an update."""
        return {**super().shape(), "window_quarters": self.window_quarters}

    def load(self, run: RunContext) -> Network[Prior]:
        """Read the trained prior; it must belong to the run's autoencoder."""
        return load_transformer(run.folder, autoencoder=run.autoencoder)

    def description(self, run: RunContext) -> dict[str, Any]:
        """Describe the network, the autoencoder of its codes, and the keys and labels of the pieces."""
        keys = {} if run.prepared.keys is None else {"keys": run.prepared.keys}
        return {
            **super().description(run),
            "autoencoder_sha256": fingerprint(run.autoencoder),
            **keys,
            **self._known_labels(run),
        }

    def _known_labels(self, run: RunContext) -> dict[str, Any]:
        """Return the labels of the training pieces, where new pieces take theirs from them."""
        codes = labelled(run.codes["train"], run.prepared.splits["train"], self.network.conditioner)
        known = TrainingLabels.of(codes, self.network.conditioner)
        return {} if known is None else {"labels": known.plain()}


def _with_gaps(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a prior's conditioner with the field that marks gaps.

    Raises:
        ValueError: The prior's config has no conditioner with fields.
    """
    conditioner = dict(network.get("conditioner") or {})
    if "fields" not in conditioner:
        target = f"{LabelConditioner.__module__}.{LabelConditioner.__qualname__}"
        conditioner = {"_target_": target, "fields": [], "width": network["width"]}
    return {**conditioner, "fields": [*conditioner["fields"], GAP]}
