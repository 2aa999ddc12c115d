"""Build the objects that the config of a run or checkpoint names."""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

PLUGINS = "MUSICGEN_PLUGINS"  # modules of the user's own, separated by commas
_PACKAGE = "musicgen"

# Names of classes in configs and checkpoints of earlier versions.
_BOTTLENECKS = "musicgen.models.bottlenecks"
_QUANTIZERS = {
    "BachsformerVectorQuantizer": f"{_BOTTLENECKS}.bachsformer.BachsformerVectorQuantizer",
    "ColdVectorQuantizer": f"{_BOTTLENECKS}.bachsformer.BachsformerVectorQuantizer",
    "GradientVectorQuantizer": f"{_BOTTLENECKS}.gradient.GradientVectorQuantizer",
    "VectorQuantizer": f"{_BOTTLENECKS}.codebook.VectorQuantizer",
}
_RENAMED = {
    **{f"musicgen.models.vq.{name}": present for name, present in _QUANTIZERS.items()},
    **{f"{_BOTTLENECKS}.vq.{name}": present for name, present in _QUANTIZERS.items()},
    "musicgen.data.corpus.Corpus": "musicgen.data.sources.corpus.Corpus",
    "musicgen.data.folder.Folder": "musicgen.data.sources.folder.Folder",
    "musicgen.data.giantmidi.GiantMidi": "musicgen.data.sources.giantmidi.GiantMidi",
    "musicgen.generation.generate.Sampling": "musicgen.generation.sampling.Sampling",
    "musicgen.generation.recall.Recall": "musicgen.generation.drawing.choosing.Recall",
    "musicgen.generation.seamed.SeamedSampling": "musicgen.generation.block_sampling.BlockSampling",
    "musicgen.models.autoencoder.Autoencoder": "musicgen.models.convolutional.ConvolutionalAutoencoder",
    "musicgen.models.lstm.Lstm": "musicgen.models.priors.lstm.Lstm",
    "musicgen.models.priors.transformer.Transformer": "musicgen.models.priors.flat.Transformer",
    "musicgen.style.classifier.StyleClassifier": "musicgen.models.style.StyleClassifier",
    f"{_BOTTLENECKS}.ema.VectorQuantizer": f"{_BOTTLENECKS}.codebook.VectorQuantizer",
    "musicgen.models.transformer.Transformer": "musicgen.models.priors.flat.Transformer",
    "musicgen.music.layout.SliceLayout": "musicgen.music.packing.SliceLayout",
}


class Buildable:
    """Base of classes that may be built from the config of a run or checkpoint.

    Run folders may be untrusted, and their configs name classes, so only subclasses of this may be built:
    networks, bottlenecks, cell models, priors, grids, sources of pieces. A class outside this package is
    allowed, too, once its user has imported its module or named it in MUSICGEN_PLUGINS.
    """


def build(config: Mapping[str, Any]) -> Any:
    """Build the object that the config of a run or checkpoint describes.

    Args:
        config: `_target_` and arguments, each possibly a config of its own; may be a stranger's. Names of
            earlier versions are understood.

    Returns:
        The object; a network has fresh weights.

    Raises:
        ValueError: The config names something else than a `Buildable` class, or arguments that the class
            does not take.
    """
    arguments = {str(name): _built(value) for name, value in config.items()}
    name = str(arguments.pop("_target_", None))
    target = _RENAMED.get(name, name)
    kind = _class_of(target)
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ValueError(f"a config that came with a run does not fit {target}: {error}") from error


def _built(value: Any) -> Any:
    if isinstance(value, Mapping):
        return build(value)
    return [_built(item) for item in value] if isinstance(value, list) else value


def _class_of(target: str) -> type[Buildable]:
    """Find the class of a dotted name without importing untrusted modules."""
    module_name, _, class_name = target.rpartition(".")
    found = getattr(_module_of(module_name, target), class_name, None)
    if not isinstance(found, type) or found.__module__ != module_name or not issubclass(found, Buildable):
        raise ValueError(
            f"a config that came with a run names {target!r}, which is not a class that may be built from a "
            f"file: those of {_PACKAGE} and of your own modules that subclass {__name__}.Buildable are"
        )
    return found


def _module_of(module_name: str, target: str) -> Any:
    parts = module_name.split(".")
    plugins = [name.strip() for name in os.environ.get(PLUGINS, "").split(",") if name.strip()]
    ours = parts[0] == _PACKAGE and all(part.isidentifier() for part in parts)
    if ours or module_name in plugins:
        try:
            return importlib.import_module(module_name)
        except ImportError as error:
            raise ValueError(f"a config that came with a run names {target!r}: {error}") from error
    if module_name in sys.modules:
        return sys.modules[module_name]
    raise ValueError(
        f"a config that came with a run names {target!r}, which is neither of {_PACKAGE} nor of a module "
        f"that is imported already; if you trust it, import it first, or name it in {PLUGINS}"
    )
