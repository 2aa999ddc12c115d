"""Predictions of the classifier, their accuracy, and distances in its embedding."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from musicgen.data.batches.clips import QUARTERS_PER_SEGMENT, PieceCounts
from musicgen.measure.distances import Estimate
from musicgen.measure.frechet import frechet_estimate
from musicgen.measure.reference import Reference
from musicgen.measure.statistics import LEVEL
from musicgen.models.style import StyleClassifier
from musicgen.music.grid import to_packed
from musicgen.music.metrics.patterns import count_patterns
from musicgen.music.notes import Performance

CLIP_SEGMENTS = 8  # 128 quarters: a minute of GiantMIDI's clock


@dataclass(frozen=True)
class Prediction:
    """Predicted composer and era of a piece, averaged over its clips.

    Attributes:
        composer: Probability of each composer.
        era: Probability of each era.
        clip_composer: Probabilities of each clip, (clips, composers).
        clip_era: Probabilities of each clip, (clips, eras).
    """

    composer: Float[np.ndarray, " composers"]
    era: Float[np.ndarray, " eras"]
    clip_composer: Float[np.ndarray, "clips composers"]
    clip_era: Float[np.ndarray, "clips eras"]


@torch.inference_mode()
def predict(classifier: StyleClassifier, clips: Float[np.ndarray, "clips patterns"]) -> Prediction:
    """Predict composer and era of a piece from its clips.

    Args:
        classifier: In evaluation mode.
        clips: Counts of patterns, one row per clip.
    """
    output = classifier(torch.from_numpy(np.asarray(clips, np.float32)))
    composer, era = output.composer_logits.softmax(dim=1).numpy(), output.era_logits.softmax(dim=1).numpy()
    return Prediction(composer.mean(axis=0), era.mean(axis=0), composer, era)


def predict_pieces(
    classifier: StyleClassifier, pieces: Sequence[PieceCounts], *, clip_segments: int = CLIP_SEGMENTS
) -> list[Prediction]:
    """Predict composer and era of whole pieces, cut into adjacent clips."""
    return [predict(classifier, piece.clips(clip_segments)) for piece in pieces]


def counts_of(performance: Performance) -> Float[np.ndarray, "1 patterns"]:
    """Count the patterns of a piece as one clip."""
    packed = to_packed(performance)
    return count_patterns(packed, quarters_per_segment=max(1, len(packed))).astype(np.float32)


def accuracy(right: Float[np.ndarray, " pieces"], *, seed: int = 0, resamples: int = 2000) -> Estimate:
    """Compute the mean accuracy (0 to 1 per piece) with a bootstrap interval over pieces."""
    drawn = np.random.default_rng(seed).choice(right, (resamples, len(right))).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(right.mean()), float(low), float(high))


def accuracy_metrics(
    predictions: Sequence[Prediction],
    *,
    composer: Int[np.ndarray, " pieces"],
    era: Int[np.ndarray, " pieces"],
) -> dict[str, float]:
    """Measure the accuracy of composer and era, per clip and per piece.

    Args:
        predictions: One per piece.
        composer: The true indices.
        era: The true indices.

    Returns:
        `style/val/{piece,clip}_accuracy` and `style/val/era_{piece,clip}_accuracy`, each with the bounds of
        its interval over pieces. Clips are averaged within their piece first, so that all pieces have the
        same weight.
    """
    right = {
        "piece_accuracy": [
            prediction.composer.argmax() == true
            for prediction, true in zip(predictions, composer, strict=True)
        ],
        "clip_accuracy": [
            (prediction.clip_composer.argmax(axis=1) == true).mean()
            for prediction, true in zip(predictions, composer, strict=True)
        ],
        "era_piece_accuracy": [
            prediction.era.argmax() == true for prediction, true in zip(predictions, era, strict=True)
        ],
        "era_clip_accuracy": [
            (prediction.clip_era.argmax(axis=1) == true).mean()
            for prediction, true in zip(predictions, era, strict=True)
        ],
    }
    metrics = {}
    for name, values in right.items():
        metrics |= with_interval(f"style/val/{name}", accuracy(np.array(values, np.float64)))
    return metrics


def with_interval(name: str, estimate: Estimate) -> dict[str, float]:
    """Name a metric and the bounds of its interval."""
    return {name: estimate.value, f"{name}/low": estimate.low, f"{name}/high": estimate.high}


def majority_accuracy(train: Sequence[str], held_out: Sequence[str]) -> float:
    """Compute the accuracy of predicting the most common training label for every held-out piece."""
    most_common = Counter(train).most_common(1)[0][0]
    return float(np.mean([label == most_common for label in held_out]))


def composer_shares(
    classifier: StyleClassifier, pieces: Sequence[Performance], *, composers: Sequence[str]
) -> dict[str, float]:
    """Average the predicted probability of each composer and era over generated pieces.

    Args:
        classifier: In evaluation mode.
        pieces: Generated pieces; silent ones are left out.
        composers: Surnames whose music the run was trained on.

    Returns:
        `generated/composer/NAME` and `generated/era/NAME`, mean probabilities; `generated/own_composer`, the
        share of pieces whose likeliest composer is one of the run's.
    """
    predictions = [predict(classifier, counts_of(piece)) for piece in pieces if len(piece)]
    if not predictions:
        return {}
    composer = np.mean([prediction.composer for prediction in predictions], axis=0)
    era = np.mean([prediction.era for prediction in predictions], axis=0)
    own = [classifier.composers[prediction.composer.argmax()] in composers for prediction in predictions]
    return {
        **{f"generated/composer/{n}": float(p) for n, p in zip(classifier.composers, composer, strict=True)},
        **{f"generated/era/{n}": float(p) for n, p in zip(classifier.eras, era, strict=True)},
        "generated/own_composer": float(np.mean(own)),
    }


def style_metrics(
    classifier: StyleClassifier,
    pieces: Sequence[Performance],
    reference: Reference,
    *,
    composers: Sequence[str],
    seed: int = 0,
) -> dict[str, float]:
    """Predict the style of generated pieces, and measure their distance from real ones in the embedding.

    Args:
        classifier: In evaluation mode; it must not have been trained on the reference.
        pieces: Generated pieces; silent ones are left out.
        reference: Real excerpts.
        composers: Surnames whose music the run was trained on.
        seed: Seed of the halves and of the bootstrap.

    Returns:
        The metrics of `composer_shares`; `generated/frechet` with the bounds of its interval; `real/frechet`,
        the distance between two halves of the real pieces. Empty if all pieces are silent.
    """
    sounding = [piece for piece in pieces if len(piece)]
    if not sounding or not reference.excerpts:
        return {}
    first, second = reference.halves(seed=seed)
    found = style_distance(classifier, sounding, reference.excerpts, seed=seed)
    metrics = {
        "generated/frechet": found.value,
        "generated/frechet/low": found.low,
        "generated/frechet/high": found.high,
    }
    if first.excerpts and second.excerpts:
        ceiling = style_distance(classifier, first.excerpts, second.excerpts, seed=seed, resamples=0)
        metrics["real/frechet"] = ceiling.value
    return metrics | composer_shares(classifier, sounding, composers=composers)


@torch.inference_mode()
def embed(
    classifier: StyleClassifier, pieces: Sequence[Performance], *, segments_per_clip: int = 2
) -> tuple[Float[np.ndarray, "clips dims"], Int[np.ndarray, " clips"]]:
    """Embed short clips of pieces with the classifier.

    Args:
        classifier: In evaluation mode.
        pieces: Any; silent ones are left out.
        segments_per_clip: Length of a clip in segments of 16 quarters.

    Returns:
        Embeddings, and the index of the piece of each.
    """
    quarters = segments_per_clip * QUARTERS_PER_SEGMENT
    rows, groups = [], []
    for number, piece in enumerate(pieces):
        counts = count_patterns(to_packed(piece), quarters_per_segment=quarters)
        sounding = counts[counts[:, :12].sum(axis=1) > 0]
        rows.append(classifier(torch.from_numpy(sounding.astype(np.float32))).embedding.numpy())
        groups.append(np.full(len(sounding), number))
    return np.concatenate(rows), np.concatenate(groups)


def style_distance(
    classifier: StyleClassifier,
    pieces: Sequence[Performance],
    reference: Sequence[Performance],
    *,
    seed: int = 0,
    resamples: int = 200,
) -> Estimate:
    """Measure the Fréchet distance of pieces from real ones in the classifier's embedding.

    As the FID (Heusel et al. 2017), on clips of 32 quarters.

    Args:
        classifier: In evaluation mode.
        pieces: Generated pieces.
        reference: Real excerpts.
        seed: Seed of the bootstrap.
        resamples: Bootstrap draws.

    Returns:
        The distance with its interval over pieces; NaN for fewer than two clips.
    """
    (first, first_groups), (second, second_groups) = embed(classifier, pieces), embed(classifier, reference)
    return frechet_estimate(
        first,
        second,
        first_groups=first_groups,
        second_groups=second_groups,
        generator=np.random.default_rng(seed),
        resamples=resamples,
    )
