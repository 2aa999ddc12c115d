"""Detect musical form such as ABA."""

import itertools
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from musicgen.music.metrics.bars import times_from_first_quarter
from musicgen.music.metrics.selfsimilarity import pitch_class_lengths
from musicgen.music.notes import Performance

FRAMES = 32
"""Number of equal frames of a piece, so that tempo and length do not matter."""

SAME_AT_LEAST = 0.45  # mean correlation of sections of one letter
APART_AT_LEAST = 0.35  # how much greater that is than the correlation of sections of different letters
_PARTS = 8  # into which a section is cut to be compared
_SHORTEST = 4  # frames of a section: an eighth of the piece
MAX_SECTIONS = 5


def form_frames(performance: Performance) -> Float[np.ndarray, "32 12"] | None:
    """Compute pitch-class durations in 32 equal frames of a piece, less the piece's average.

    None for silence and for pieces shorter than 32 half bars, whose frames would be too short.
    """
    if len(performance) == 0:
        return None
    _, offset = times_from_first_quarter(performance)
    end = float(offset.max())
    if end < 2 * FRAMES:
        return None
    lengths = pitch_class_lengths(performance, hop_quarters=end / FRAMES)[:FRAMES]
    return lengths - lengths.mean(axis=0)


def has_form(frames: Float[np.ndarray, "32 12"], form: str) -> bool:
    """Check whether a piece has a form.

    The best segmentation into as many sections as the form has letters is used, each at least an eighth
    of the piece. Sections of any length are compared by the correlation of their pitch classes over eight
    parts. The form holds where the sections of one letter correlate by 0.45 or more on average, and by
    0.35 more than those of different letters.

    Args:
        frames: The piece (see `form_frames`).
        form: Letters such as `ABA`; see `check_form`.

    Raises:
        ValueError: The form is invalid.
    """
    same, different = _pairs(check_form(form))
    likeness = _section_likeness(frames)
    cuts = _cuts(len(form))
    between = {(i, j): likeness[cuts[:, i], cuts[:, j]] for i, j in [*same, *different]}
    alike = np.mean([between[pair] for pair in same], axis=0)
    apart = alike - np.mean([between[pair] for pair in different], axis=0)
    return bool(np.any((alike >= SAME_AT_LEAST) & (apart >= APART_AT_LEAST)))


def check_form(form: str) -> str:
    """Validate a form and return it in capitals.

    Raises:
        ValueError: It does not have 3 to 5 letters from A on, of which one returns and one differs.
    """
    letters = form.upper()
    firsts = list(dict.fromkeys(letters))
    in_order = firsts == [chr(ord("A") + number) for number in range(len(firsts))]
    if not (3 <= len(letters) <= MAX_SECTIONS and in_order and 2 <= len(firsts) < len(letters)):
        raise ValueError(
            f"form={form!r} cannot be looked for; give 3 to {MAX_SECTIONS} letters from A on of which one "
            "returns, such as ABA, AAB, ABAB or ABACA"
        )
    return letters


def _pairs(form: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    pairs = list(itertools.combinations(range(len(form)), 2))
    same = [(i, j) for i, j in pairs if form[i] == form[j]]
    return same, [pair for pair in pairs if pair not in same]


@lru_cache(maxsize=1)
def _sections() -> Int[np.ndarray, "sections 2"]:
    """List all sections by their first frame and their end."""
    return np.array([(start, end) for start in range(FRAMES) for end in range(start + _SHORTEST, FRAMES + 1)])


@lru_cache(maxsize=MAX_SECTIONS)
def _cuts(count: int) -> Int[np.ndarray, "cuts count"]:
    """List all segmentations of a piece into `count` sections, as section indices."""
    number = {tuple(section): index for index, section in enumerate(_sections().tolist())}
    cuts = []
    for inner in itertools.combinations(range(_SHORTEST, FRAMES - _SHORTEST + 1), count - 1):
        edges = (0, *inner, FRAMES)
        if all(b - a >= _SHORTEST for a, b in itertools.pairwise(edges)):
            cuts.append([number[edge] for edge in itertools.pairwise(edges)])
    return np.array(cuts)


def _section_likeness(frames: Float[np.ndarray, "32 12"]) -> Float[np.ndarray, "sections sections"]:
    """Correlate all pairs of sections, each divided into eight parts."""
    total = np.concatenate([np.zeros((1, 12)), np.cumsum(frames, axis=0)])
    start, end = _sections().T
    lines = start[:, None] + np.outer(end - start, np.arange(_PARTS + 1)) / _PARTS
    whole = np.floor(lines).astype(np.int64)
    following = np.minimum(whole + 1, FRAMES)
    until = total[whole] + (lines - whole)[..., None] * (total[following] - total[whole])
    parts = np.diff(until, axis=1).reshape(len(start), -1)
    norm = np.linalg.norm(parts, axis=1, keepdims=True)
    parts = parts / np.maximum(norm, 1e-9)
    return parts @ parts.T
