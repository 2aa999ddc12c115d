"""Attributes of stretches, worked out by hand."""

import numpy as np
import pytest

from musicgen.music.metrics.attributes import ATTRIBUTES, attribute, attributes_of
from tests.conftest import notes


def column(measured: np.ndarray, name: str) -> list[float]:
    return measured[:, list(ATTRIBUTES).index(name)].tolist()


def test_each_stretch_counts_what_begins_and_what_sounds_in_it() -> None:
    piece = notes([(60, 0.0, 1.0), (64, 0.0, 6.0), (72, 4.0, 5.0), (72, 9.0, 9.5)])
    measured = attributes_of(piece, quarters=10, stretch_quarters=4)
    assert column(measured, "density") == [0.5, 0.25, 0.5]
    assert column(measured, "register") == [62.0, 72.0, 72.0]
    assert column(measured, "polyphony") == [1.25, 0.75, 0.25]
    assert column(measured, "note_length") == [3.5, 1.0, 0.5]


def test_valence_is_above_0_in_major_and_below_in_minor() -> None:
    major = [(60 + step, float(n), n + 1.0) for n, step in enumerate((0, 4, 7, 12))]
    minor = [(57 + step, 4.0 + n, n + 5.0) for n, step in enumerate((0, 3, 7, 12))]
    valence = column(attributes_of(notes(major + minor), quarters=8, stretch_quarters=4), "valence")
    assert valence[0] > 0.1
    assert valence[1] < -0.1


def test_harmony_changes_where_pitch_classes_do() -> None:
    octave = [(60, 0.0, 1.0), (72, 1.0, 2.0)]
    shared = [(60, 2.0, 3.0), (64, 2.0, 3.0), (67, 3.0, 4.0), (64, 3.0, 4.0)]
    measured = attributes_of(notes([*octave, *shared]), quarters=6, stretch_quarters=2)
    assert column(measured, "harmonic_change")[:2] == pytest.approx([0, (1 - np.sqrt(0.5) + 0.5) / 2])
    parted = notes([(60, 0.0, 1.0), (61, 1.0, 2.0), (60, 2.0, 3.0), (61, 3.0, 4.0)])
    assert attribute(parted, "harmonic_change") == pytest.approx(1)


def test_what_cannot_be_measured_is_nan() -> None:
    measured = attributes_of(notes([(60, 0.0, 6.0)]), quarters=8, stretch_quarters=4)
    assert np.isfinite(measured[0]).all()
    assert np.isnan(measured[1]).all()
    alone = attributes_of(notes([(60, 0.0, 1.0), (60, 2.0, 3.0)]), quarters=3, stretch_quarters=3)
    assert np.isnan(column(alone, "harmonic_change")[0])


def test_a_whole_piece_is_one_stretch() -> None:
    piece = notes([(60, 0.0, 1.0), (64, 1.0, 2.0), (67, 2.0, 4.0)])
    assert attribute(piece, "density") == pytest.approx(0.75)
    assert attribute(piece, "note_length") == pytest.approx(4 / 3)
    assert np.isnan(attribute(piece.where(np.zeros(3, bool)), "density"))
