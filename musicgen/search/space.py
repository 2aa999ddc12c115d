"""What a search may turn: knobs in Hydra's own sweep grammar, drawn by Optuna."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

if TYPE_CHECKING:
    from optuna import Trial

MOST_COMBINATIONS = 10_000
HOW = (
    "use a,b,c or choice(a,b,c), range(1,10), interval(0.1,0.5), int(interval(32,256)), "
    "or tag(log,interval(1e-4,1e-2))"
)


@dataclass(frozen=True)
class PieceFilter:
    """A knob with a list of values, in no order."""

    key: str  # as on the command line: quantizer.num_embeddings, optimizer@optimizer.vq_vae
    options: tuple[str, ...]  # as on the command line

    def draw(self, trial: "Trial") -> str:
        """Let the study choose; give the value as the command line takes it."""
        return trial.suggest_categorical(self.key, self.options)

    @property
    def values(self) -> Sequence[str]:
        """List what may be drawn, as a study keeps it."""
        return self.options

    @property
    def example(self) -> str:
        """Give one value."""
        return self.options[0]


@dataclass(frozen=True)
class Whole:
    """A knob of whole numbers."""

    key: str
    low: int
    high: int  # may be drawn
    step: int = 1
    log: bool = False  # even over ratios, not over differences

    def draw(self, trial: "Trial") -> str:
        """Let the study choose; give the value as the command line takes it."""
        return str(trial.suggest_int(self.key, self.low, self.high, step=self.step, log=self.log))

    @property
    def values(self) -> Sequence[int]:
        """List what may be drawn, as a study keeps it."""
        return range(self.low, self.high + 1, self.step)

    @property
    def example(self) -> str:
        """Give one value."""
        return str(self.low)


@dataclass(frozen=True)
class Real:
    """A knob of real numbers."""

    key: str
    low: float
    high: float
    log: bool = False

    def draw(self, trial: "Trial") -> str:
        """Let the study choose; give the value as the command line takes it."""
        return repr(trial.suggest_float(self.key, self.low, self.high, log=self.log))

    @property
    def values(self) -> None:
        """Say that there are more than can be listed."""

    @property
    def example(self) -> str:
        """Give one value."""
        return str(self.low)


Knob = PieceFilter | Whole | Real


def combinations(space: Sequence[Knob]) -> list[dict[str, str | int]] | None:
    """List all settings that may be tried, as a study keeps them; None where they are too many."""
    lists = [knob.values for knob in space]
    if any(values is None for values in lists):
        return None
    known = [values for values in lists if values is not None]
    if math.prod(map(len, known)) > MOST_COMBINATIONS:
        return None
    keys = [knob.key for knob in space]
    return [dict(zip(keys, together, strict=True)) for together in itertools.product(*known)]


def read_space(knobs: Mapping[str, object]) -> tuple[Knob, ...]:
    """Read the knobs of a search.

    Args:
        knobs: Name of a setting to its values, written as in a sweep of the command line.

    Returns:
        One knob a setting, in the order given.

    Raises:
        ValueError: There is none, or one cannot be read or has nothing to choose from.
    """
    if not knobs:
        raise ValueError(
            "the search has no knobs; name some as in a sweep (epochs=5,10 "
            "'optimizer.vq_vae.lr=tag(log,interval(1e-4,1e-2))') or choose search=NAME"
        )
    return tuple(_read(key, str(text)) for key, text in knobs.items())


def is_sweep(argument: str) -> bool:
    """Tell an argument of the command line that has several values from one that has one."""
    try:
        return OverridesParser.create().parse_override(argument).is_sweep_override()
    except HydraException:
        return False  # Hydra says what is wrong with it when it composes


def _read(key: str, text: str) -> Knob:
    try:
        override = OverridesParser.create().parse_override(f"{key}={text}")
    except HydraException as error:
        raise ValueError(f"knob {key}={text} cannot be read; {HOW}") from error
    if not override.is_sweep_override():
        raise ValueError(f"knob {key}={text} has one value only; {HOW}")
    return _numbers(key, override) or _choice(key, text, override)


def _numbers(key: str, override: Override) -> Knob | None:
    """Read an interval or a range; None for what is a list."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        low, high, log = value.start, value.end, "log" in value.tags
        if low is None or high is None or low >= high or (log and low <= 0):
            raise ValueError(f"knob {key}: {low} to {high} is no interval{' above 0' if log else ''}; {HOW}")
        if isinstance(low, int) and isinstance(high, int):
            return Whole(key, low, high, log=log)
        return Real(key, float(low), float(high), log=log)
    whole = isinstance(value, RangeSweep) and all(
        isinstance(one, int) for one in (value.start, value.stop, value.step)
    )
    if not whole:
        return None
    values = [int(text) for text in override.sweep_string_iterator()]
    if len(values) < 2 or values[1] < values[0]:
        return None
    return Whole(key, values[0], values[-1], step=values[1] - values[0])


def _choice(key: str, text: str, override: Override) -> PieceFilter:
    options = tuple(dict.fromkeys(override.sweep_string_iterator()))
    if len(options) < 2:
        raise ValueError(f"knob {key}={text} has fewer than two different values; {HOW}")
    return PieceFilter(key, options)
