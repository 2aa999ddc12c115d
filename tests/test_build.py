"""What configs and checkpoints of this and earlier versions name is built."""

import pytest

from musicgen.config.build import build
from musicgen.generation.sampling import Sampling
from musicgen.models.bottlenecks.bachsformer import BachsformerVectorQuantizer
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.priors.flat import Transformer
from musicgen.music.grid import ClockGrid

VOCABULARY = {
    "_target_": "musicgen.models.bottlenecks.base.Vocabulary",
    "positions": 16,
    "codebooks": 1,
    "size": 4,
}


@pytest.mark.parametrize(
    ("target", "arguments", "kind"),
    [
        ("musicgen.models.vq.VectorQuantizer", {"embedding_dim": 2}, VectorQuantizer),
        ("musicgen.models.vq.ColdVectorQuantizer", {"embedding_dim": 2}, BachsformerVectorQuantizer),
        ("musicgen.models.bottlenecks.vq.VectorQuantizer", {"embedding_dim": 2}, VectorQuantizer),
        ("musicgen.models.transformer.Transformer", {"vocabulary": VOCABULARY, "width": 8}, Transformer),
        ("musicgen.music.grid.ClockGrid", {}, ClockGrid),
        ("musicgen.generation.generate.Sampling", {"top_k": 3}, Sampling),
    ],
)
def test_names_of_earlier_versions_are_understood(target: str, arguments: dict, kind: type):
    assert type(build({"_target_": target, **arguments})) is kind
