"""Whose style is it? What the classifier says of pieces, how often it is right, where pieces lie for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from musicgen.measure.distances import Estimate
from musicgen.measure.frechet import frechet_estimate
from musicgen.measure.reference import Reference
from musicgen.measure.statistics import LEVEL
from musicgen.music.grid import to_packed
from musicgen.music.metrics.patterns import count_patterns
from musicgen.music.notes import Performance
from musicgen.style.classifier import StyleClassifier
from musicgen.style.clips import QUARTERS_PER_SEGMENT, PieceCounts

CLIP_SEGMENTS = 8  # 128 quarters: a minute of GiantMIDI's clock


@dataclass(frozen=True)
class Verdict:
    """What the classifier says of one piece, its clips averaged.

    Attributes:
        composer: Probability of each composer.
        era: Probability of each era.
        clip_composer: The same clip by clip, (clips, composers).
        clip_era: (clips, eras).
    """

    composer: Float[np.ndarray, " composers"]
    era: Float[np.ndarray, " eras"]
    clip_composer: Float[np.ndarray, "clips composers"]
    clip_era: Float[np.ndarray, "clips eras"]


@torch.inference_mode()
def judge(classifier: StyleClassifier, clips: Float[np.ndarray, "clips patterns"]) -> Verdict:
    """Ask the classifier about the clips of one piece.

    Args:
        classifier: In evaluation mode.
        clips: Counts of patterns, a row a clip.
    """
    output = classifier(torch.from_numpy(np.asarray(clips, np.float32)))
    composer, era = output.composer_logits.softmax(dim=1).numpy(), output.era_logits.softmax(dim=1).numpy()
    return Verdict(composer.mean(axis=0), era.mean(axis=0), composer, era)


def judge_pieces(
    classifier: StyleClassifier, pieces: Sequence[PieceCounts], *, clip_segments: int = CLIP_SEGMENTS
) -> list[Verdict]:
    """Ask the classifier about whole pieces, cut into clips side by side."""
    return [judge(classifier, piece.clips(clip_segments)) for piece in pieces]


def counts_of(performance: Performance) -> Float[np.ndarray, "1 patterns"]:
    """Count the patterns of a piece as one clip; a generated piece is as long as one."""
    packed = to_packed(performance)
    return count_patterns(packed, quarters_per_segment=max(1, len(packed))).astype(np.float32)


def accuracy(right: Float[np.ndarray, " pieces"], *, seed: int = 0, resamples: int = 2000) -> Estimate:
    """Average what is right (0 to 1 a piece), with the bootstrap interval over pieces."""
    drawn = np.random.default_rng(seed).choice(right, (resamples, len(right))).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(right.mean()), float(low), float(high))


def accuracy_metrics(
    verdicts: Sequence[Verdict], *, composer: Int[np.ndarray, " pieces"], era: Int[np.ndarray, " pieces"]
) -> dict[str, float]:
    """Measure how often composer and era are told rightly, per clip and per piece.

    Args:
        verdicts: One a piece.
        composer: The true indices.
        era: The same.

    Returns:
        `style/val/{piece,clip}_accuracy` and `style/val/era_{piece,clip}_accuracy`, each with the ends of its
        interval over pieces. A clip's accuracy is averaged within its piece first, so that every piece
        weighs alike.
    """
    right = {
        "piece_accuracy": [
            one.composer.argmax() == true for one, true in zip(verdicts, composer, strict=True)
        ],
        "clip_accuracy": [
            (one.clip_composer.argmax(axis=1) == true).mean()
            for one, true in zip(verdicts, composer, strict=True)
        ],
        "era_piece_accuracy": [one.era.argmax() == true for one, true in zip(verdicts, era, strict=True)],
        "era_clip_accuracy": [
            (one.clip_era.argmax(axis=1) == true).mean() for one, true in zip(verdicts, era, strict=True)
        ],
    }
    metrics = {}
    for name, values in right.items():
        estimate = accuracy(np.array(values, np.float64))
        metrics |= {
            f"style/val/{name}": estimate.value,
            f"style/val/{name}/low": estimate.low,
            f"style/val/{name}/high": estimate.high,
        }
    return metrics


def majority_accuracy(train: Sequence[str], held_out: Sequence[str]) -> float:
    """Say of every held-out piece what is most common in training; give how often that is right."""
    most_common = Counter(train).most_common(1)[0][0]
    return float(np.mean([label == most_common for label in held_out]))


def composer_shares(
    classifier: StyleClassifier, pieces: Sequence[Performance], *, composers: Sequence[str]
) -> dict[str, float]:
    """Say how much of generated pieces the classifier gives to each composer and era, and to the right ones.

    Args:
        classifier: In evaluation mode.
        pieces: Generated pieces; silent ones are left out.
        composers: Surnames whose music the run was trained on.

    Returns:
        `generated/composer/NAME` and `generated/era/NAME`, mean probabilities; `generated/own_composer`, the
        share of pieces whose likeliest composer is one of the run's.
    """
    verdicts = [judge(classifier, counts_of(piece)) for piece in pieces if len(piece)]
    if not verdicts:
        return {}
    composer = np.mean([one.composer for one in verdicts], axis=0)
    era = np.mean([one.era for one in verdicts], axis=0)
    own = [classifier.composers[one.composer.argmax()] in composers for one in verdicts]
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
    """Ask whose style generated pieces have, and how far they lie from real ones in the embedding.

    Args:
        classifier: In evaluation mode; it must not have been trained on the reference.
        pieces: Generated pieces; silent ones are left out.
        reference: Real excerpts.
        composers: Surnames whose music the run was trained on.
        seed: Of the halves and of the bootstrap.

    Returns:
        What `style_metrics` says; `generated/frechet` with the ends of its interval, and beside it
        `real/frechet`, one half of the real pieces from the other. Nothing for silence alone.
    """
    heard = [piece for piece in pieces if len(piece)]
    if not heard or not reference.excerpts:
        return {}
    first, second = reference.halves(seed=seed)
    found = style_distance(classifier, heard, reference.excerpts, seed=seed)
    metrics = {
        "generated/frechet": found.value,
        "generated/frechet/low": found.low,
        "generated/frechet/high": found.high,
    }
    if first.excerpts and second.excerpts:
        ceiling = style_distance(classifier, first.excerpts, second.excerpts, seed=seed, resamples=0)
        metrics["real/frechet"] = ceiling.value
    return metrics | composer_shares(classifier, heard, composers=composers)


@torch.inference_mode()
def embed(
    classifier: StyleClassifier, pieces: Sequence[Performance], *, segments_per_clip: int = 2
) -> tuple[Float[np.ndarray, "clips dims"], Int[np.ndarray, " clips"]]:
    """Place short clips of pieces in the classifier's embedding.

    Args:
        classifier: In evaluation mode.
        pieces: Any; silent ones are left out.
        segments_per_clip: Length of a clip in segments of 16 quarters.

    Returns:
        Embeddings, and which piece each is of.
    """
    quarters = segments_per_clip * QUARTERS_PER_SEGMENT
    rows, groups = [], []
    for number, piece in enumerate(pieces):
        counts = count_patterns(to_packed(piece), quarters_per_segment=quarters)
        heard = counts[counts[:, :12].sum(axis=1) > 0]
        rows.append(classifier(torch.from_numpy(heard.astype(np.float32))).embedding.numpy())
        groups.append(np.full(len(heard), number))
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

    The embedding of a network that was trained for another task (Heusel et al. 2017), here on clips of 32
    quarters.

    Args:
        classifier: In evaluation mode.
        pieces: Generated pieces.
        reference: Real excerpts.
        seed: Of the bootstrap.
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
