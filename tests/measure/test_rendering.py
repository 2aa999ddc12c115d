"""Distances of renderings: real ones as played are at the ceiling, flat ones far away."""

import numpy as np
import pytest

from musicgen.measure.rendering import Rendered, jensen_shannon, rendering_metrics
from musicgen.measure.spec import metric
from musicgen.music.expression.attributes import played_on_grid
from musicgen.music.metrics.touch import pedal_histogram, pedal_share, velocity_histogram
from tests.conftest import etude
from tests.music.expression.test_attributes import played


@pytest.fixture
def pieces() -> Rendered:
    """Pieces whose rendering is the real one, mirrored about velocity 64 in the second copy."""
    each = [played_on_grid(played(seed)) for seed in range(6)]
    real = [piece.performance for piece in each]
    copies = [np.stack([piece.velocity, 128.0 - piece.velocity]) for piece in real]
    names = [str(number) for number in range(6)]
    flat = [piece.flat for piece in each]
    return Rendered(flat=flat, rendered=real, real=real, velocities=copies, names=names)


def test_histograms_hand_worked():
    assert jensen_shannon(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0.0
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1.0)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(0.3113, abs=1e-4)
    flat = etude(0)
    assert velocity_histogram(flat)[20] == 1.0
    assert pedal_share(flat) == 0.0
    assert pedal_histogram(flat)[-1] == 1.0
    piece = played_on_grid(played()).performance  # three quarters of each of 16 beats of .6 s
    assert pedal_share(piece) == pytest.approx(16 * 0.45 / piece.duration_s, rel=1e-3)
    assert pedal_histogram(piece).max() == 1.0


def test_real_ones_are_as_near_as_can_be_and_flat_ones_are_far(pieces: Rendered):
    metrics = rendering_metrics(pieces)
    for name in ("velocity", "gap", "duration", "pedal"):
        assert metrics[f"rendered/{name}_divergence"] == metrics[f"real/{name}_divergence"]
        assert metrics[f"rendered/{name}_divergence/low"] <= metrics[f"rendered/{name}_divergence"]
    assert metrics["baseline/flat/velocity_divergence"] > 0.8
    assert metrics["baseline/flat/pedal_divergence"] == pytest.approx(1.0)
    assert metrics["rendered/velocity_mae"] == 0.0
    assert metrics["rendered/velocity_spread"] == pytest.approx(1.0)
    assert metrics["rendered/mean_velocity_spread"] == pytest.approx(0.0)  # mirrored, so the mean is 64
    assert metrics["baseline/flat/velocity_spread"] == 0.0
    assert np.isnan(metrics["baseline/flat/velocity_correlation"])
    expected = np.mean([np.abs(80.0 - piece.velocity).mean() for piece in pieces.real])
    assert metrics["baseline/flat/velocity_mae"] == pytest.approx(expected)
    assert metrics["rendered/pedal_share"] == metrics["real/pedal_share"] > 0.5


def test_one_piece_is_compared_with_nothing(pieces: Rendered):
    one = Rendered(pieces.flat[:1], pieces.rendered[:1], pieces.real[:1], pieces.velocities[:1], ["0"])
    assert rendering_metrics(one) == {}


def test_every_metric_is_described(pieces: Rendered):
    for name in rendering_metrics(pieces):
        described = metric(name)
        assert described.spec.meaning, name
        assert described.spec.group == "Rendering", name
    assert metric("baseline/flat/velocity_mae").title == "Velocity error of the flat rendering"
    assert metric("rendered/gap_divergence").better == "lower"
