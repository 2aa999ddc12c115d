"""From what a person asks for to the labels that a prior knows."""

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Int, Int64, UInt32

from musicgen.data.sources.composers import normalise
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.asking.labelling import WHOLE, heard_labels, levels_of
from musicgen.generation.asking.training_labels import TrainingLabels
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.conditioners.labels import GAP, NOTHING, LabelConditioner
from musicgen.music.metrics.attributes import ATTRIBUTES
from musicgen.music.theory.key_names import read_key
from musicgen.music.theory.keys import HOME_TONICS, Key

logger = logging.getLogger(__name__)

MOODS = {"arousal": "density", "valence": "valence"}
"""The attribute that each dimension of mood is measured by."""

Level = float | Sequence[float]
BLENDED = ("composer", "era")
"""The fields that a blend may name values of."""


class Wishes(TypedDict, total=False):
    """The fields of `Asked` as keyword arguments."""

    composer: str | None
    era: str | None
    key: str | None
    blend: Mapping[str, float]
    attributes: Mapping[str, Level]
    mood: Mapping[str, Level]
    guidance: float


@dataclass(frozen=True, eq=False)
class Completion:
    """How what is not asked for is filled in.

    Attributes:
        known: Labels of the training pieces.
        seed: Of the choice of pieces.
        num_pieces: How many pieces are written; each has the labels of a training piece of its own.
        prompt: Packed slices of what comes before, moved home; None for nothing.
    """

    known: TrainingLabels
    seed: int
    num_pieces: int = 1
    prompt: UInt32[np.ndarray, "quarters pitches"] | None = None

    def completed(
        self,
        terms: Int[torch.Tensor, "terms 1 quarters fields"],
        conditioner: Conditioner,
        *,
        shares: Sequence[float],
        quarters: int,
    ) -> Int[torch.Tensor, "terms pieces all_quarters fields"]:
        """Fill in what is open in the labels of each piece, if they are of the fields that are known."""
        if not isinstance(conditioner, LabelConditioner) or tuple(conditioner.fields) != self.known.fields:
            return terms
        heard = np.zeros((0, len(conditioner.fields)), np.int64)
        if self.prompt is not None:
            heard = heard_labels(self.prompt, conditioner)
        return self.known.complete(
            terms,
            shares=shares,
            heard=heard,
            new_quarters=quarters,
            num_pieces=self.num_pieces,
            seed=self.seed,
        )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of new pieces; what is left out stays open.

    Attributes:
        composer: A name that the run knows, such as `Chopin`.
        era: Such as `romantic`.
        key: Such as `D minor`, or `D` for either mode.
        blend: Shares of composers or of eras, such as `{"Chopin": .6, "Bach": .4}`; they count by their sum.
        attributes: Values of `ATTRIBUTES` by name, each one number, or several along the piece.
        mood: `arousal` and `valence`, each -1 (as the least of the training music) to 1 (as the most), one
            number or several along the piece.
        guidance: How much all this counts: 0 not at all, 1 as learned, 2 twice as far.
    """

    composer: str | None = None
    era: str | None = None
    key: str | None = None
    blend: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, Level] = field(default_factory=dict)
    mood: Mapping[str, Level] = field(default_factory=dict)
    guidance: float = 1.0

    def conditions(
        self,
        conditioner: Conditioner,
        *,
        quarters: int,
        prompt_quarters: int = 0,
        in_one_key: bool = False,
        completion: Completion | None = None,
    ) -> Conditions | None:
        """Find the labels of what is asked for.

        Args:
            conditioner: Of the prior.
            quarters: Length of what is new; attributes that change are spread over it.
            prompt_quarters: Length of the prompt before it, which has its first values.
            in_one_key: The prior has learned pieces in C major and A minor only.
            completion: How what is not asked for is filled in; None leaves it open.

        Returns:
            The conditions; None where no label is asked for or filled in.

        Raises:
            ValueError: The prior knows no such field or no name that is near, or a value is out of range;
                the message says what it knows.
        """
        columns = _Columns(conditioner, length=quarters, prompt_quarters=prompt_quarters)
        columns.add_name("composer", self.composer)
        columns.add_name("era", self.era)
        columns.add_key(self.key, in_one_key=in_one_key)
        for name, values in self.attributes.items():
            columns.add_attribute(name, values)
        for name, values in self.mood.items():
            columns.add_mood(name, values)
        terms, shares = columns.terms(self.blend)
        if not columns.asked and not self.blend:
            if self.key is not None:
                read_key(self.key)
            if completion is None:
                return None
        if completion is not None:
            terms = completion.completed(terms, conditioner, shares=shares, quarters=quarters)
        without = torch.zeros_like(terms[:1])
        return Conditions.guided(terms, without=without, shares=shares, guidance=self.guidance)


class _Columns:
    """The labels of one piece, filled field by field."""

    def __init__(self, conditioner: Conditioner, *, length: int, prompt_quarters: int) -> None:
        self.conditioner = conditioner if isinstance(conditioner, LabelConditioner) else None
        self.fields = [] if self.conditioner is None else self.conditioner.fields
        self.length, self.prompt_quarters = length, prompt_quarters
        self.asked: dict[str, Int64[np.ndarray, " quarters"]] = {}

    def add_name(self, name: str, value: str | None) -> None:
        """Ask for a composer or an era."""
        if value is not None:
            self.asked[name] = self._number(name, value)

    def add_key(self, key: str | None, *, in_one_key: bool) -> None:
        """Ask for a key where it is a label; priors without that label have their pieces moved to it."""
        if key is None or self.conditioner is None:
            return
        for name, value in _key_labels(key, in_one_key=in_one_key).items():
            if name in self.fields:
                self.asked[name] = np.array([self.conditioner.number(name, value)])

    def add_attribute(self, name: str, values: Level) -> None:
        """Ask for a measured attribute, of the whole piece and along it."""
        attribute = nearest_name("attributes", name, list(ATTRIBUTES))
        conditioner = self._knowing(attribute, wish=f"attributes.{name}")
        for field_name in self._measures(attribute):
            levels = levels_of(conditioner, field_name, np.atleast_1d(np.asarray(values, np.float64)))
            self._along(field_name, levels.astype(np.int64))

    def add_mood(self, name: str, values: Level) -> None:
        """Ask for a place in the range of the training pieces."""
        attribute = MOODS[nearest_name("mood", name, list(MOODS))]
        conditioner = self._knowing(attribute, wish=f"mood.{name}")
        shares = np.atleast_1d(np.asarray(values, np.float64))
        if not (np.abs(shares) <= 1).all():
            raise ValueError(f"mood.{name}={values}; use -1 (least) to 1 (most)")
        for field_name in self._measures(attribute):
            if field_name in self.asked:
                raise ValueError(f"mood.{name} and attributes.{attribute} are one measure; use either")
            levels = conditioner.num_levels(field_name)
            level = np.minimum((shares + 1) / 2 * levels, levels - 1).astype(np.int64) + 1
            self._along(field_name, level)

    def terms(
        self, blend: Mapping[str, float]
    ) -> tuple[Int[torch.Tensor, "terms 1 quarters fields"], list[float]]:
        """Return the labels of each part of a blend, or of all in one, and their shares."""
        if not all(0 < share < float("inf") for share in blend.values()):
            raise ValueError(f"blend={dict(blend)}: shares are numbers above 0")
        parts = [self._part(name) for name in blend] or [{}]
        columns = [{**self.asked, **part} for part in parts]
        quarters = max((len(values) for column in columns for values in column.values()), default=1)
        labels = np.full((len(columns), 1, quarters, len(self.fields)), NOTHING, np.int64)
        for row, column in zip(labels, columns, strict=True):
            for name, values in column.items():
                row[..., self.fields.index(name)] = values
        total = sum(blend.values())
        return torch.from_numpy(labels), [share / total for share in blend.values()] or [1.0]

    def _part(self, name: str) -> dict[str, Int64[np.ndarray, " quarters"]]:
        """Return the label of a composer or an era of a blend."""
        known = [field_name for field_name in BLENDED if field_name in self.fields] or [BLENDED[0]]
        conditioner = self._knowing(known[0], wish=f"blend of {name}")
        meant = [found for found in known if words_meant(name, conditioner.names_of(found))]
        field_name = (meant or known)[0]
        if field_name in self.asked:
            raise ValueError(f"blend of {name} and {field_name} are two wishes for one; use either")
        return {field_name: self._number(field_name, name)}

    def _number(self, name: str, value: str) -> Int64[np.ndarray, " 1"]:
        conditioner = self._knowing(name, wish=f"{name}={value}")
        found = nearest_name(name, value, conditioner.names_of(name))
        return np.array([conditioner.number(name, found)])

    def _measures(self, attribute: str) -> list[str]:
        """Return the fields that measure an attribute."""
        return [name for name in (attribute, WHOLE + attribute) if name in self.fields]

    def _knowing(self, name: str, *, wish: str) -> LabelConditioner:
        """Return the conditioner, which must know a field.

        Raises:
            ValueError: It does not.
        """
        if self.conditioner is None or not {name, WHOLE + name} & {*self.fields}:
            told = ", ".join(field_name for field_name in self.fields if field_name != GAP)
            condition = "attributes" if name in ATTRIBUTES else name
            raise ValueError(
                f"{wish}, but this prior was told {told or 'nothing'} of its pieces; train one with "
                f"condition={condition}"
            )
        return self.conditioner

    def _along(self, name: str, levels: Int64[np.ndarray, " levels"]) -> None:
        """Spread levels over what is new; the whole piece has the middle one of them."""
        if name.startswith(WHOLE) or len(levels) == 1:
            self.asked[name] = np.sort(levels)[[len(levels) // 2]]
            return
        at = np.arange(self.length) * len(levels) // self.length
        self.asked[name] = np.concatenate([np.repeat(levels[:1], self.prompt_quarters), levels[at]])


def _key_labels(key: str, *, in_one_key: bool) -> dict[str, str]:
    """Return the names of a key and of its mode; nothing for either mode."""
    asked = read_key(key)
    if len(asked) != 1:
        return {}
    found = Key(HOME_TONICS[asked[0].mode], asked[0].mode) if in_one_key else asked[0]
    return {"mode": found.mode, "key": found.name}


def nearest_name(field_name: str, name: str, known: Sequence[str]) -> str:
    """Find the known name that is meant: by all of its words, else the nearest in spelling, which is logged.

    Raises:
        ValueError: None is near, or several have these words.
    """
    meant = words_meant(name, known)
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise ValueError(f"{field_name}={name} may be {' or '.join(meant)}; write out which")
    spelled = {part: full for full in known for part in (*normalise(full).split(), normalise(full))}
    near = difflib.get_close_matches(normalise(name), spelled, n=1, cutoff=0.6)
    if not near:
        raise ValueError(
            f"{field_name}={name} is unknown to this prior; it knows {', '.join(known) or 'none'}"
        )
    found = spelled[near[0]]
    logger.warning("%s=%s is unknown; the nearest known is taken: %s", field_name, name, found)
    return found


def words_meant(name: str, known: Sequence[str]) -> list[str]:
    """Return the known names that have all words of a name."""
    words = set(normalise(name).split())
    return [full for full in known if words and words <= set(normalise(full).split())]
