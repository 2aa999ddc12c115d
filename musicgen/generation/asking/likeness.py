"""How much music is like what is asked for: composers and eras by a classifier, the rest by measuring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt32

from musicgen.checkpoint import load_network
from musicgen.data.sources.composers import normalise
from musicgen.generation.asking.asked import MOODS, Asked, nearest_name
from musicgen.generation.asking.key_target import KeyTarget
from musicgen.models.style import StyleClassifier
from musicgen.music.grid import from_packed
from musicgen.music.metrics.attributes import ATTRIBUTES, attributes_of
from musicgen.music.metrics.patterns import count_patterns

STAGE = "style"
"""The name of the classifier's checkpoint."""

CANDIDATES = 4
"""How many are drawn of each stretch where there is something to choose by and nobody says how many."""

_NATS_OF_LEAD = 5.0  # of an asked key over the next best: from -5 nats to 1.5
_NATS_OF_RANGE = 20.0  # what a miss by the whole range of an attribute costs, squared: .3 of it 1.8 nats

HEARD_QUARTERS = 128
"""How much of a piece is judged, its end: clips of about this length are what the classifier has learned."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """A candidate for a stretch of new music, and what comes before it.

    Attributes:
        before: Packed slices of what is new before it, (quarters, 88).
        packed: Its own.
        total: How many quarters of new music there will be.
    """

    before: UInt32[np.ndarray, "before pitches"]
    packed: UInt32[np.ndarray, "quarters pitches"]
    total: int


@dataclass(frozen=True)
class Target:
    """A measured attribute that is asked for.

    Attributes:
        name: One of `ATTRIBUTES`.
        values: One value, or several along what is new.
        width: Of its usual range in the training music.
    """

    name: str
    values: Sequence[float]
    width: float

    def miss(self, stretch: Stretch) -> float:
        """Measure how far music is from what is asked for: 0 to 1, a whole range or silence.

        The root mean square of two misses: of the stretch, and of all since its value began to be asked for,
        which mends what earlier stretches missed.
        """
        new = np.concatenate([stretch.before, stretch.packed])
        number = np.arange(len(new)) * len(self.values) // stretch.total
        first = len(stretch.before)
        began = int(np.searchsorted(number, number[first]))
        misses = [self._miss(new[start:], number[start:]) for start in (first, began)]
        return float(np.sqrt(np.mean(np.square(misses))))

    def _miss(
        self, packed: UInt32[np.ndarray, "quarters pitches"], number: Int[np.ndarray, " quarters"]
    ) -> float:
        quarters = len(packed)
        measured = attributes_of(from_packed(packed), quarters=quarters, stretch_quarters=quarters)
        wanted = np.mean(np.asarray(self.values)[number])
        miss = abs(measured[0, list(ATTRIBUTES).index(self.name)] - wanted) / self.width
        return float(min(miss, 1.0)) if np.isfinite(miss) else 1.0


@dataclass(frozen=True, eq=False)
class Likeness:
    """Scores stretches of music by how much they are like what is asked for.

    Attributes:
        classifier: Of composers and eras, in evaluation mode; None where neither is asked for.
        composers: The share asked of each of its composers; None where no composer is asked for.
        eras: The same of its eras.
        targets: Measured attributes that are asked for.
        key: The key that is asked for, as the music is written, before it is moved; None for none.
    """

    classifier: StyleClassifier | None = None
    composers: Float[torch.Tensor, " composers"] | None = None
    eras: Float[torch.Tensor, " eras"] | None = None
    targets: Sequence[Target] = ()
    key: KeyTarget | None = None

    @classmethod
    def of(
        cls,
        asked: Asked,
        *,
        classifier: StyleClassifier | None = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        key: KeyTarget | None = None,
    ) -> "Likeness":
        """Look up what is asked for in the names of a classifier and the ranges of attributes.

        Args:
            asked: What is asked for.
            classifier: In evaluation mode; without one, names are not listened for.
            ranges: Usual range of each attribute that the run knows, see `Abilities`.
            key: In which the run writes what will be in the key that is asked for; None for no such.

        Raises:
            ValueError: Nothing that can be heard or measured is asked for, or it is an unknown name.
        """
        targets = _targets(asked, ranges or {})
        composers = {} if asked.composer is None else {asked.composer: 1.0}
        eras = {} if asked.era is None else {asked.era: 1.0}
        if classifier is not None:
            for name, share in asked.blend.items():
                (eras if normalise(name) in classifier.eras else composers)[name] = share
        if not targets and key is None and (classifier is None or not (composers or eras)):
            raise ValueError(
                "best_of chooses what is most like what is asked for, and nothing is; add composer=NAME, "
                "era=NAME, a blend, attributes, mood or a key with its mode, or leave best_of=1"
            )
        if classifier is None:
            return cls(targets=targets, key=key)
        return cls(
            classifier,
            composers=_shares("composer", composers, classifier.composers),
            eras=_shares("era", eras, classifier.eras),
            targets=targets,
            key=key,
        )

    def scores(self, candidates: Sequence[Stretch]) -> Float[torch.Tensor, " candidates"]:
        """Score candidates for one stretch; the highest is the most like what is asked for.

        The sum of share times log-probability over names, which is highest where the probabilities are the
        shares, so no part of a blend is forgotten; less the squared misses of attributes, and with the lead
        of the asked key over all others in what is new from its beginning.
        """
        scores = torch.zeros(len(candidates))
        if self.composers is not None or self.eras is not None:
            scores += self._of_names(candidates)
        for target in self.targets:
            misses = torch.tensor([target.miss(candidate) for candidate in candidates])
            scores -= _NATS_OF_RANGE * misses.square()
        if self.key is not None:
            leads = [self.key.lead(one.packed, before=one.before) for one in candidates]
            scores += _NATS_OF_LEAD * torch.tensor(leads)
        return scores

    @torch.inference_mode()
    def _of_names(self, candidates: Sequence[Stretch]) -> Float[torch.Tensor, " candidates"]:
        """Ask the classifier, which hears what comes before, too."""
        assert self.classifier is not None, "names are looked up in a classifier"
        ends = [np.concatenate([one.before, one.packed])[-HEARD_QUARTERS:] for one in candidates]
        counts = [count_patterns(packed, quarters_per_segment=len(packed)) for packed in ends]
        output = self.classifier(torch.from_numpy(np.concatenate(counts).astype(np.float32)))
        scores = torch.zeros(len(candidates))
        for shares, logits in ((self.composers, output.composer_logits), (self.eras, output.era_logits)):
            if shares is not None:
                scores += logits.log_softmax(dim=1) @ shares
        return scores


def load_critic(folder: str | Path) -> StyleClassifier:
    """Read the classifier of a run, a model or an output folder of `musicgen classify`.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged.
    """
    if not has_critic(folder):
        raise FileNotFoundError(
            f"{folder} has no classifier of composers, which best_of chooses by; train the run with style "
            "among its stages, or name the folder that `musicgen classify` left: critic=DIR"
        )
    return load_network(Path(folder), STAGE, StyleClassifier).module


def has_critic(folder: str | Path) -> bool:
    """Whether a run, a model or an output folder of `musicgen classify` has a classifier."""
    return _checkpoint(folder).is_file()


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


def _targets(asked: Asked, ranges: Mapping[str, tuple[float, float]]) -> list[Target]:
    """Turn attributes, and moods as places in the range of one, into what is measured."""
    wanted = {
        nearest_name("attributes", name, list(ATTRIBUTES)): values
        for name, values in asked.attributes.items()
    }
    targets = []
    for name, (low, high) in ranges.items():
        values = np.atleast_1d(np.asarray(wanted.get(name, []), np.float64))
        for mood, measure in MOODS.items():
            if measure == name and mood in asked.mood:
                places = np.atleast_1d(np.asarray(asked.mood[mood], np.float64))
                values = low + (places + 1) / 2 * (high - low)
        if len(values) and high > low:
            targets.append(Target(name, values.tolist(), high - low))
    return targets
