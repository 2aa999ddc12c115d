"""The metrics of networks: reconstruction, codes, prior, cost, and endings that any network may log."""

import math

from musicgen.measure.metric_spec import MetricSpec

_POSITIVE, _SHARE = (0.0, math.inf), (0.0, 1.0)
_F1 = "Harmonic mean of precision and recall"

MODEL: tuple[MetricSpec, ...] = (
    MetricSpec(
        name="bits_per_quarter",
        title="Bits a quarter",
        unit="bits",
        better="lower",
        bounds=_POSITIVE,
        meaning="Upper bound on what a quarter of held-out music costs with codes and decoder together; "
        "it compares runs of any codebook and any prior.",
        chart="Bits a quarter",
        group="Whole model",
        headline=5,
    ),
    MetricSpec(
        name="prior_bits",
        title="Prior's bits a quarter",
        unit="bits",
        bounds=_POSITIVE,
        meaning="What the prior needs for the codes of a quarter; the decoder's bits come on top.",
        group="Whole model",
    ),
    MetricSpec(
        name="codes/saved_bits",
        title="Bits saved by codes",
        unit="bits a quarter",
        meaning="How much more the decoder would need for a quarter without its codes; codes pay while "
        "this is more than the prior's bits a quarter.",
        group="Whole model",
    ),
    MetricSpec(
        name="bce",
        title="BCE",
        unit="nats a cell",
        better="lower",
        bounds=_POSITIVE,
        meaning="Binary cross-entropy of the reconstructed piano roll, averaged over its cells.",
        chart="BCE",
        group="Reconstruction",
        headline=1,
    ),
    MetricSpec(
        name="decoder_bits",
        title="Decoder's bits a quarter",
        unit="bits",
        better="lower",
        bounds=_POSITIVE,
        meaning="What the decoder needs for the cells of a quarter once its codes are known.",
        group="Reconstruction",
    ),
    MetricSpec(
        name="onset_bits",
        title="Decoder's bits for onsets",
        unit="bits",
        bounds=_POSITIVE,
        meaning="The part of the decoder's bits a quarter that goes to cells after silence.",
        group="Reconstruction",
    ),
    MetricSpec(
        name="release_bits",
        title="Decoder's bits for releases",
        unit="bits",
        bounds=_POSITIVE,
        meaning="The part of the decoder's bits a quarter that goes to cells after sound.",
        group="Reconstruction",
    ),
    MetricSpec(
        name="onset_bce",
        title="BCE of onsets",
        unit="nats a cell",
        better="lower",
        bounds=_POSITIVE,
        meaning="Binary cross-entropy of where notes begin, averaged over all cells.",
        group="Training",
    ),
    MetricSpec(
        name="nats",
        title="Nats a cell",
        unit="nats a cell",
        better="lower",
        bounds=_POSITIVE,
        meaning="Exact negative log likelihood of the cells given the ticks before, averaged over all cells.",
        group="Training",
    ),
    MetricSpec(
        name="cell_f1",
        title="Cell F1",
        better="higher",
        bounds=_SHARE,
        meaning=f"{_F1} of the sounding cells at a threshold of 0.5.",
        chart="F1 of cells, onsets and notes",
        group="Reconstruction",
    ),
    MetricSpec(
        name="onset_f1",
        title="Onset F1",
        better="higher",
        bounds=_SHARE,
        meaning=f"{_F1} of notes whose pitch agrees and whose onset lies within 50 ms.",
        chart="F1 of cells, onsets and notes",
        group="Reconstruction",
        headline=3,
    ),
    MetricSpec(
        name="note_f1",
        title="Note F1",
        better="higher",
        bounds=_SHARE,
        meaning=f"{_F1} of notes whose pitch, onset and offset agree.",
        chart="F1 of cells, onsets and notes",
        group="Reconstruction",
    ),
    MetricSpec(
        name="vq_vae/perplexity",
        title="Code perplexity",
        unit="codes",
        better="higher",
        bounds=(1.0, math.inf),
        meaning="Exponential of the entropy of code use: how many equally frequent codes would be as varied.",
        chart="Perplexity",
        group="Codes",
        headline=2,
    ),
    MetricSpec(
        name="codes_used",
        title="Codes used",
        unit="codes",
        better="higher",
        bounds=_POSITIVE,
        meaning="How many codes of the codebook occur at all.",
        chart="Codes used",
        group="Codes",
    ),
    MetricSpec(
        name="saved_bits",
        title="Decoder's bits saved",
        unit="bits a quarter",
        meaning="How much more the decoder would need for a quarter without its codes.",
        group="Reconstruction",
    ),
    MetricSpec(
        name="nats_per_code",
        title="Nats a code",
        unit="nats",
        better="lower",
        bounds=_POSITIVE,
        meaning="Cross-entropy of the prior on codes; it depends on the codebook, so compare equal ones.",
        chart="Nats a code",
        group="Prior",
        headline=4,
    ),
    MetricSpec(
        name="bars/nats_per_code",
        title="Nats a code given its bar's",
        unit="nats",
        better="lower",
        bounds=_POSITIVE,
        meaning="Cross-entropy of codes, each guessed by itself from the coarse codes of its bar.",
        group="Codes",
    ),
    MetricSpec(
        name="codes_per_quarter",
        title="Codes a quarter",
        unit="codes",
        better="lower",
        bounds=_POSITIVE,
        meaning="How many codes stand for a quarter.",
        group="Cost",
    ),
    MetricSpec(
        name="parameters",
        title="Parameters",
        better="lower",
        bounds=_POSITIVE,
        meaning="Weights of all networks together.",
        group="Cost",
    ),
    MetricSpec(
        name="time/",
        title="Time",
        unit="s",
        better="lower",
        bounds=_POSITIVE,
        meaning="Seconds of processor time.",
        group="Cost",
    ),
    MetricSpec(
        name="lr",
        title="Learning rate",
        bounds=_POSITIVE,
        meaning="Step size of the optimizer.",
        group="Training",
    ),
)
"""In reading order."""

# Endings by which a metric that nobody described still gets a direction: `vq_vae/val/commitment_loss`.
ENDINGS: tuple[MetricSpec, ...] = tuple(
    MetricSpec(name=name, title=name, better="lower" if bounds is _POSITIVE else "higher", bounds=bounds)
    for names, bounds in (
        (("loss", "bce", "commitment", "codebook", "kl", "kld", "l1", "error", "distance"), _POSITIVE),
        (("perplexity", "nats_per_code", "bits_per_quarter"), _POSITIVE),
        (("f1", "accuracy", "precision", "recall", "auc"), _SHARE),
    )
    for name in names
)
