"""Attributes of stretches of a piece that a prior can be asked for: texture, and mood as it is measured."""

import numpy as np
from jaxtyping import Float, Int

from musicgen.music.metrics.selfsimilarity import sounded_until
from musicgen.music.notes import Performance
from musicgen.music.theory.keys import profile_correlations

ATTRIBUTES = {
    "density": "notes that begin per quarter",
    "register": "mean MIDI number of the notes that begin",
    "polyphony": "mean number of notes that sound",
    "note_length": "mean length of the notes that begin, in quarters",
    "harmonic_change": "how little alike the pitch classes of a quarter and of the one before it are, 0 to 1",
    "valence": "how much better the best major key fits than the best minor one, -2 to 2",
}
"""Names and meanings. Valence and arousal, which is density, are mood as Neves et al. 2022 measure it:
mode and certainty of key, and activity. They are measured from notes, not felt by anybody."""


def attributes_of(
    performance: Performance, *, quarters: int, stretch_quarters: int
) -> Float[np.ndarray, "stretches attributes"]:
    """Measure each stretch of a piece, in the order of `ATTRIBUTES`.

    Args:
        performance: The notes.
        quarters: Length of the piece from quarter 0 on; notes that begin later are left out.
        stretch_quarters: Length of a stretch, 1 or more; the last one may be shorter.

    Returns:
        One row per stretch; NaN where no note begins, for polyphony where none sounds, and for the change of
        harmony where no two quarters in a row sound.
    """
    edges = np.append(np.arange(0, quarters, stretch_quarters), quarters).astype(np.float64)
    stretches, lengths = len(edges) - 1, np.diff(edges)
    within = performance.onset_quarters < quarters
    pitch = performance.pitch[within].astype(np.int64)
    onset, offset = performance.onset_quarters[within], performance.offset_quarters[within]
    at = (onset // stretch_quarters).astype(np.int64)
    begun = np.bincount(at, minlength=stretches).astype(np.float64)
    sums = (np.bincount(at, weights=values, minlength=stretches) for values in (pitch, offset - onset))
    with np.errstate(invalid="ignore", divide="ignore"):
        register, note_length = (total / begun for total in sums)
        polyphony = _sounding(edges, onset, offset) / lengths
    polyphony[polyphony == 0] = np.nan
    classes = np.stack([_sounding(edges, onset[voice], offset[voice]) for voice in _voices(pitch)], axis=1)
    fits = profile_correlations(classes)
    valence = fits[:, :12].max(axis=1) - fits[:, 12:].max(axis=1)
    change = _harmonic_change(pitch, onset, offset, quarters=quarters, stretch_quarters=stretch_quarters)
    measured = np.stack([begun / lengths, register, polyphony, note_length, change, valence], axis=1)
    measured[begun == 0] = np.nan
    return measured


def attribute(performance: Performance, name: str) -> float:
    """Measure one attribute over a whole piece; NaN for silence.

    Raises:
        KeyError: The name is none of `ATTRIBUTES`.
    """
    if len(performance) == 0:
        return float("nan")
    quarters = int(np.ceil(performance.duration_quarters - 1e-6))
    column = list(ATTRIBUTES).index(name)
    return float(attributes_of(performance, quarters=quarters, stretch_quarters=quarters)[0, column])


def _voices(pitch: Int[np.ndarray, " notes"]) -> list[np.ndarray]:
    return [pitch % 12 == pitch_class for pitch_class in range(12)]


def _harmonic_change(
    pitch: Int[np.ndarray, " notes"],
    onset: Float[np.ndarray, " notes"],
    offset: Float[np.ndarray, " notes"],
    *,
    quarters: int,
    stretch_quarters: int,
) -> Float[np.ndarray, " stretches"]:
    """Average, over the quarters of a stretch, 1 less the cosine between pitch classes and those before.

    The distance of neighbours in time is the idea of Harte et al. 2006 (Detecting harmonic change in musical
    audio, equation 4), here of how long pitch classes sound and not of tonal centroids.
    """
    edges = np.arange(quarters + 1.0)
    classes = np.stack([_sounding(edges, onset[voice], offset[voice]) for voice in _voices(pitch)], axis=1)
    with np.errstate(invalid="ignore"):
        unit = classes / np.linalg.norm(classes, axis=1, keepdims=True)
    change = 1 - np.einsum("qc,qc->q", unit[1:], unit[:-1])
    known = np.isfinite(change)
    stretch = np.arange(1, quarters)[known] // stretch_quarters
    stretches = -(-quarters // stretch_quarters)
    sums = np.bincount(stretch, weights=change[known].clip(0, 1), minlength=stretches)
    with np.errstate(invalid="ignore"):
        return sums / np.bincount(stretch, minlength=stretches)


def _sounding(
    edges: Float[np.ndarray, " edges"],
    onset: Float[np.ndarray, " notes"],
    offset: Float[np.ndarray, " notes"],
) -> Float[np.ndarray, " stretches"]:
    """Add up how long notes sound in each stretch, in quarters; notes at once count each."""
    return np.diff(sounded_until(edges, onset, offset)) if len(onset) else np.zeros(len(edges) - 1)
