"""What stages whose networks learn the autoencoder's codes share."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from musicgen.data.batches.codes import CodeBatch
from musicgen.generation.tokenize import encode_pieces
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.pipeline.context import AUTOENCODER, KMEANS
from musicgen.pipeline.network_stage import NetworkStage
from musicgen.pipeline.stage import Stages
from musicgen.pipeline.stages.kmeans import autoencoder_of, coding_autoencoder


@dataclass(kw_only=True)
class CodeStage(NetworkStage):
    """A stage that trains a network on the codes of the trained autoencoder."""

    needs: Sequence[str] = (AUTOENCODER,)

    def vocabulary_of(self, stages: Stages) -> Vocabulary:
        """Return the codes of a slice, and need the stage that makes them."""
        autoencoder = coding_autoencoder(stages)
        assert autoencoder is not None, "a stage that is refused is not built"
        assert autoencoder.vocabulary is not None, "an autoencoder that codes has a vocabulary"
        if autoencoder is not autoencoder_of(stages):
            self.needs = [*self.needs, KMEANS]
        return autoencoder.vocabulary

    def refusal(self, stages: Stages) -> str:
        """Return why there are no codes to learn; empty if there are."""
        if coding_autoencoder(stages) is not None:
            return ""
        bottleneck = type(autoencoder_of(stages).bottleneck).__name__
        others = [name for name, stage in stages.items() if stage.is_asked and name != AUTOENCODER]
        return (
            f"{bottleneck} has no codes to learn; find some with "
            f"stages=[{','.join([AUTOENCODER, KMEANS, *others])}], or use bottleneck=quantizer"
        )

    def modules(self) -> list[str]:
        """Names of the modules whose code affects the result, including the encoding of pieces."""
        return [*super().modules(), encode_pieces.__module__]

    def random_codes(self, vocabulary: Vocabulary, *, quarters: int) -> CodeBatch:
        """Make a batch of windows of random codes."""
        shape = (self.batch_size, quarters * vocabulary.codes_per_slice)
        codes = torch.randint(0, vocabulary.size, shape)
        return CodeBatch(inputs=codes, targets=codes, mask=torch.ones(shape, dtype=torch.bool))
