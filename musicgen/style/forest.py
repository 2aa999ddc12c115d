"""Extra-trees baseline for the composer classifier."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from musicgen.data.batches.clips import PieceCounts
from musicgen.music.metrics.patterns import FAMILIES

HISTOGRAMS = ("pitch_class", "pitch", "interval_1", "inter_onset", "duration")


def check_forest() -> None:
    """Check that scikit-learn is installed, before anything is trained.

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
    """Classify composers by extremely randomised trees on histograms (Geurts et al. 2006).

    The histograms count pitch classes, pitches, intervals, inter-onset times and durations of a whole
    piece.

    Args:
        train: Training pieces.
        held_out: Pieces to classify.
        seed: Random state of the trees.
        trees: Number of trees.

    Returns:
        1 where a held-out piece's composer is predicted correctly, else 0.

    Raises:
        ValueError: scikit-learn is not installed.
    """
    check_forest()
    from sklearn.ensemble import ExtraTreesClassifier  # pyright: ignore[reportMissingImports]

    forest = ExtraTreesClassifier(trees, class_weight="balanced_subsample", random_state=seed)
    forest.fit(_histograms(train), [piece.piece.surname for piece in train])
    predicted = forest.predict(_histograms(held_out))
    return (predicted == np.array([piece.piece.surname for piece in held_out])).astype(np.float64)


def _histograms(pieces: Sequence[PieceCounts]) -> Float[np.ndarray, "pieces bins"]:
    edges = dict(zip(FAMILIES, np.cumsum([0, *FAMILIES.values()]), strict=False))
    whole = np.array([piece.clip(0, piece.num_segments) for piece in pieces])
    notes = np.maximum(whole[:, :12].sum(axis=1, keepdims=True), 1)
    return np.concatenate(
        [whole[:, edges[name] : edges[name] + FAMILIES[name]] / notes for name in HISTOGRAMS], axis=1
    )
