"""The floor of the classifier: trees over a piece's whole histograms, in seconds."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from musicgen.music.metrics.patterns import FAMILIES
from musicgen.style.clips import PieceCounts

HISTOGRAMS = ("pitch_class", "pitch", "interval_1", "inter_onset", "duration")


def check_forest() -> None:
    """Make sure that trees can be grown, before anything is trained.

    Raises:
        ValueError: scikit-learn is not installed.
    """
    try:
        import sklearn  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(
            'the forest needs scikit-learn: python -m pip install "musicgen-lab[baselines]", or forest=false'
        ) from error


def forest_accuracy(
    train: Sequence[PieceCounts], held_out: Sequence[PieceCounts], *, seed: int = 0, trees: int = 500
) -> Float[np.ndarray, " pieces"]:
    """Tell composers by extremely randomised trees on hand-made histograms (Geurts et al. 2006).

    The histograms are those of pitch classes, pitches, intervals, inter-onset times and durations of a
    whole piece.

    Args:
        train: Pieces to learn from.
        held_out: Pieces to tell.
        seed: Of the trees.
        trees: How many.

    Returns:
        1 where a held-out piece's composer is told rightly, 0 elsewhere.

    Raises:
        ValueError: scikit-learn is not installed.
    """
    check_forest()
    from sklearn.ensemble import ExtraTreesClassifier  # pyright: ignore[reportMissingImports]

    forest = ExtraTreesClassifier(trees, class_weight="balanced_subsample", random_state=seed)
    forest.fit(_histograms(train), [one.piece.surname for one in train])
    told = forest.predict(_histograms(held_out))
    return (told == np.array([one.piece.surname for one in held_out])).astype(np.float64)


def _histograms(pieces: Sequence[PieceCounts]) -> Float[np.ndarray, "pieces bins"]:
    edges = dict(zip(FAMILIES, np.cumsum([0, *FAMILIES.values()]), strict=False))
    whole = np.array([one.clip(0, one.num_segments) for one in pieces])
    notes = np.maximum(whole[:, :12].sum(axis=1, keepdims=True), 1)
    return np.concatenate(
        [whole[:, edges[name] : edges[name] + FAMILIES[name]] / notes for name in HISTOGRAMS], axis=1
    )
