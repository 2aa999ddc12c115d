"""The table of metrics: what it says of names, and which way they are better."""

import math

import pytest

from musicgen.measure.spec import METRICS, MetricSpec, all_metrics, best_of, headline_of, metric, register


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("vq_vae/val/bce", "lower"),
        ("vq_vae/val/perplexity", "higher"),
        ("vq_vae/val/codes_used", "higher"),
        ("vq_vae/val/onset_f1", "higher"),
        ("transformer/val/nats_per_code", "lower"),
        ("transformer/val/perplexity", "lower"),
        ("val/bits_per_quarter", "lower"),
        ("baseline/pitch/bce", "none"),
        ("real/polyphony", "none"),
        ("generated/polyphony", "closer"),
        ("generated/h1", "none"),
        ("generated/pieces", "none"),
        ("generated/silent_pieces", "lower"),
        ("generated/oa/pitch", "higher"),
        ("generated/kld/polyphony", "lower"),
        ("vq_vae/val/commitment", "lower"),
        ("my_stage/val/sparsity_loss", "lower"),
        ("style/val/era_clip_accuracy", "higher"),
        ("val/bits_per_quarter/low", "none"),
        ("generated/fingering_s", "none"),
    ],
)
def test_every_metric_has_its_direction(name, better):
    assert metric(name, {"real/polyphony", "real/pieces", "real/silent_pieces"}).better == better


def test_a_direction_can_be_given():
    assert metric("mine", better={"mine": "higher"}).better == "higher"
    with pytest.raises(ValueError, match="'up' is none of lower, higher, closer, none"):
        metric("mine", better={"mine": "up"})


def test_the_best_is_found_and_ties_are_shared():
    bce, f1, polyphony = (metric(name, {"real/polyphony"}) for name in ("bce", "x_f1", "generated/polyphony"))
    nan = math.nan
    assert best_of(bce, [3.0, 1.0, nan, 1.0]) == {1, 3}
    assert best_of(f1, [0.3, 0.9, 0.5]) == {1}
    assert best_of(polyphony, [2.0, 6.0, 4.5], [5.0, 5.0, 5.0]) == {2}
    assert (
        best_of(bce, [1.0, 1.0])
        == best_of(bce, [1.0, nan])
        == best_of(metric("generated/x"), [1.0, 2.0])
        == frozenset()
    )


def test_metrics_stand_in_reading_order():
    names = [
        "baseline/pitch/bce",
        "real/h1",
        "vq_vae/train/bce",
        "vq_vae/val/note_f1",
        "vq_vae/val/bce",
        "val/bits_per_quarter",
    ]
    assert [one.name for one in all_metrics(names)] == [
        *reversed(names[3:]),
        "real/h1",
        "vq_vae/train/bce",
        "baseline/pitch/bce",
    ]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("vq_vae/val/bce", "BCE"),
        ("vq_vae/train/bce", "BCE, training"),
        ("baseline/pitch/bce", "BCE of the per-pitch average"),
        ("vq_vae/val/perplexity", "Code perplexity"),
        ("transformer/val/perplexity", "Perplexity"),
        ("vq_vae/val/commitment", "Commitment"),
        ("generated/polyphony", "Polyphony"),
        ("real/polyphony", "Polyphony, held-out real"),
        ("generated/oa/pitch_range", "Overlap: pitch range"),
        ("generated/oa/mean/low", "Overlap: mean, low end"),
        ("generated/composer/Chopin", "Composer: Chopin"),
        ("their_stage/val/latent_norm", "Latent norm"),
    ],
)
def test_every_name_has_a_title(name, title):
    assert metric(name).title == title


def test_six_metrics_are_shown_first():
    names = ["vq_vae/train/bce", "real/scale_consistency", "vq_vae/val/note_f1", "baseline/pitch/bce"]
    leading = [
        "vq_vae/val/bce",
        "vq_vae/val/perplexity",
        "vq_vae/val/onset_f1",
        "transformer/val/nats_per_code",
        "val/bits_per_quarter",
        "generated/scale_consistency",
    ]
    assert [one.name for one in headline_of(all_metrics([*reversed(leading), *names]))] == leading


def test_every_metric_of_the_table_is_explained():
    for spec in METRICS.values():
        assert spec.title, spec.name
        assert spec.meaning.endswith("."), spec.name
        assert spec.bounds[0] < spec.bounds[1], spec.name


def test_a_registered_metric_is_described_wherever_its_name_occurs():
    spec = MetricSpec(name="leap_rate", title="Leaps", unit="share", better="lower", bounds=(0.0, 1.0))
    try:
        register(spec)
        assert metric("generated/leap_rate").spec == metric("their_stage/val/leap_rate").spec == spec
        assert spec.range_text == "share, 0 to 1"
    finally:
        del METRICS["leap_rate"]
    assert metric("generated/leap_rate").spec.title == "Leap rate"
    with pytest.raises(ValueError, match="'up' is none of lower, higher"):
        MetricSpec(name="x", title="X", better="up")
