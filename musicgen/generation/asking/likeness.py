"""How much pieces sound like the composers, or of the era, that are asked for: a classifier's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from musicgen.checkpoint import load_network
from musicgen.data.sources.composers import normalise
from musicgen.generation.asking.asked import Asked, nearest_name
from musicgen.models.style import StyleClassifier

STAGE = "style"
"""The name of the classifier's checkpoint."""

CANDIDATES = 4
"""How many are drawn of each stretch where a run has a classifier and nobody says how many."""

HEARD_QUARTERS = 128
"""How much of a piece is judged, its end: clips of about this length are what the classifier has learned."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """Scores pieces by how much they sound like what is asked for.

    Attributes:
        classifier: Of composers and eras, in evaluation mode.
        composers: The share asked of each of its composers; None where no composer is asked for.
        eras: The same of its eras.
    """

    classifier: StyleClassifier
    composers: Float[torch.Tensor, " composers"] | None
    eras: Float[torch.Tensor, " eras"] | None

    @classmethod
    def of(cls, classifier: StyleClassifier, asked: Asked) -> "Likeness":
        """Look up in a classifier's names what is asked for.

        Raises:
            ValueError: Neither a composer nor an era is asked for, or the classifier does not know it.
        """
        composers = {} if asked.composer is None else {asked.composer: 1.0}
        eras = {} if asked.era is None else {asked.era: 1.0}
        for name, share in asked.blend.items():
            (eras if normalise(name) in classifier.eras else composers)[name] = share
        if not composers and not eras:
            raise ValueError(
                "best_of chooses by likeness to a composer or an era, and none is asked for; add "
                "composer=NAME, era=NAME or a blend, or leave best_of=1"
            )
        return cls(
            classifier,
            composers=_shares("composer", composers, classifier.composers),
            eras=_shares("era", eras, classifier.eras),
        )

    @torch.inference_mode()
    def scores(self, counts: Float[np.ndarray, "pieces patterns"]) -> Float[torch.Tensor, " pieces"]:
        """Sum share times log-probability over what is asked for.

        It is highest where the probabilities are the shares, so of a blend no part is forgotten.

        Args:
            counts: Of patterns, see `count_patterns`.
        """
        output = self.classifier(torch.from_numpy(np.asarray(counts, np.float32)))
        scores = torch.zeros(len(counts))
        for shares, logits in ((self.composers, output.composer_logits), (self.eras, output.era_logits)):
            if shares is not None:
                scores += logits.log_softmax(dim=1) @ shares
        return scores


def has_critic(folder: str | Path) -> bool:
    """Whether a run, a model or an output folder of `musicgen classify` has a classifier."""
    return _checkpoint(folder).is_file()


def load_likeness(folder: str | Path, asked: Asked) -> Likeness:
    """Read the classifier of a run, a model or an output folder of `musicgen classify`.

    Args:
        folder: Where it lies.
        asked: What is asked of the pieces.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged, or does not know what is asked for.
    """
    if not has_critic(folder):
        raise FileNotFoundError(
            f"{folder} has no classifier of composers, which best_of chooses by; train the run with style "
            "among its stages, or name the folder that `musicgen classify` left: critic=DIR"
        )
    return Likeness.of(load_network(Path(folder), STAGE, StyleClassifier).module, asked)


def _checkpoint(folder: str | Path) -> Path:
    return Path(folder) / "checkpoints" / f"{STAGE}.ckpt"


def _shares(
    field: str, asked: Mapping[str, float], known: Sequence[str]
) -> Float[torch.Tensor, " names"] | None:
    """Spread shares over the names of a classifier, which are surnames; None without any."""
    if not asked:
        return None
    shares = torch.zeros(len(known))
    for name, share in asked.items():
        words = set(normalise(name).split())
        meant = [surname for surname in known if set(normalise(surname).split()) <= words]
        shares[known.index(meant[0] if meant else nearest_name(field, name, known))] += share
    return shares / shares.sum()
