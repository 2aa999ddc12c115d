"""Names of classes in configs and checkpoints of earlier versions."""

_BOTTLENECKS = "musicgen.models.bottlenecks"
_QUANTIZERS = {
    "BachsformerVectorQuantizer": f"{_BOTTLENECKS}.bachsformer.BachsformerVectorQuantizer",
    "ColdVectorQuantizer": f"{_BOTTLENECKS}.bachsformer.BachsformerVectorQuantizer",
    "GradientVectorQuantizer": f"{_BOTTLENECKS}.gradient.GradientVectorQuantizer",
    "VectorQuantizer": f"{_BOTTLENECKS}.ema.VectorQuantizer",
}
_CLASSES = {
    **{f"musicgen.models.vq.{name}": present for name, present in _QUANTIZERS.items()},
    **{f"{_BOTTLENECKS}.vq.{name}": present for name, present in _QUANTIZERS.items()},
    "musicgen.data.corpus.Corpus": "musicgen.data.sources.corpus.Corpus",
    "musicgen.data.folder.Folder": "musicgen.data.sources.folder.Folder",
    "musicgen.data.giantmidi.GiantMidi": "musicgen.data.sources.giantmidi.GiantMidi",
    "musicgen.generation.generate.Sampling": "musicgen.generation.sampling.Sampling",
    "musicgen.generation.seamed.SeamedSampling": "musicgen.generation.block_sampling.BlockSampling",
    "musicgen.models.autoencoder.Autoencoder": "musicgen.models.convolutional.ConvolutionalAutoencoder",
    "musicgen.models.lstm.Lstm": "musicgen.models.priors.lstm.Lstm",
    "musicgen.models.priors.transformer.Transformer": "musicgen.models.priors.flat.Transformer",
    "musicgen.models.style.StyleClassifier": "musicgen.style.classifier.StyleClassifier",
    "musicgen.models.transformer.Transformer": "musicgen.models.priors.flat.Transformer",
}


def present_name(name: str) -> str:
    """Return the present dotted name of a class, given its name in this or an earlier version."""
    return _CLASSES.get(name, name)
