"""The search space: settings in Hydra's sweep syntax, sampled by Optuna."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

if TYPE_CHECKING:
    from optuna import Trial

MOST_COMBINATIONS = 10_000
SYNTAX = (
    "use a,b,c or choice(a,b,c), range(1,10), interval(0.1,0.5), int(interval(32,256)), "
    "or tag(log,interval(1e-4,1e-2))"
)


@dataclass(frozen=True)
class Choice:
    """A setting with a list of unordered values."""

    key: str  # as on the command line: quantizer.num_embeddings, optimizer@optimizer.vq_vae
    options: tuple[str, ...]  # as on the command line

    def draw(self, trial: "Trial") -> str:
        """Sample a value, formatted for the command line."""
        return trial.suggest_categorical(self.key, self.options)

    @property
    def values(self) -> Sequence[str]:
        """All values, as Optuna stores them."""
        return self.options

    @property
    def example(self) -> str:
        """One valid value."""
        return self.options[0]


@dataclass(frozen=True)
class IntRange:
    """A setting with integer values."""

    key: str
    low: int
    high: int  # inclusive
    step: int = 1
    log: bool = False  # sample in log space

    def draw(self, trial: "Trial") -> str:
        """Sample a value, formatted for the command line."""
        return str(trial.suggest_int(self.key, self.low, self.high, step=self.step, log=self.log))

    @property
    def values(self) -> Sequence[int]:
        """All values, as Optuna stores them."""
        return range(self.low, self.high + 1, self.step)

    @property
    def example(self) -> str:
        """One valid value."""
        return str(self.low)


@dataclass(frozen=True)
class FloatRange:
    """A setting with real values."""

    key: str
    low: float
    high: float
    log: bool = False

    def draw(self, trial: "Trial") -> str:
        """Sample a value, formatted for the command line."""
        return repr(trial.suggest_float(self.key, self.low, self.high, log=self.log))

    @property
    def values(self) -> None:
        """None, since real values cannot be listed."""

    @property
    def example(self) -> str:
        """One valid value."""
        return str(self.low)


SearchSetting = Choice | IntRange | FloatRange


def combinations(space: Sequence[SearchSetting]) -> list[dict[str, str | int]] | None:
    """List all combinations of settings, as Optuna stores them; None if they are too many."""
    lists = [setting.values for setting in space]
    if any(values is None for values in lists):
        return None
    known = [values for values in lists if values is not None]
    if math.prod(map(len, known)) > MOST_COMBINATIONS:
        return None
    keys = [setting.key for setting in space]
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*known)]


def read_space(settings: Mapping[str, object], *, fixed: Iterable[str] = ()) -> tuple[SearchSetting, ...]:
    """Read the search space.

    Args:
        settings: Name of a setting to its values, written as in a sweep of the command line.
        fixed: Settings that have one value in all trials, as `key=value`; they are left out of the space.

    Returns:
        One entry per setting, in the given order.

    Raises:
        ValueError: There are no settings, or one cannot be parsed or has fewer than two values.
    """
    known = {setting.partition("=")[0] for setting in fixed}
    free = {key: text for key, text in settings.items() if key not in known}
    if not free:
        raise ValueError(
            "the search space is empty; give settings as in a sweep (epochs=5,10 "
            "'optimizer.vq_vae.lr=tag(log,interval(1e-4,1e-2))') or choose search=NAME"
        )
    return tuple(_read(key, str(text)) for key, text in free.items())


def is_sweep(argument: str) -> bool:
    """Check whether a command-line argument has several values."""
    try:
        return OverridesParser.create().parse_override(argument).is_sweep_override()
    except HydraException:
        return False  # Hydra reports the error when it composes


def _read(key: str, text: str) -> SearchSetting:
    try:
        override = OverridesParser.create().parse_override(f"{key}={text}")
    except HydraException as error:
        raise ValueError(f"{key}={text} cannot be parsed; {SYNTAX}") from error
    if not override.is_sweep_override():
        raise ValueError(f"{key}={text} has one value only; {SYNTAX}")
    return _read_range(key, override) or _read_choice(key, text, override)


def _read_range(key: str, override: Override) -> SearchSetting | None:
    """Read an interval or a range; None for a list."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        low, high, log = value.start, value.end, "log" in value.tags
        if low is None or high is None or low >= high or (log and low <= 0):
            raise ValueError(f"{key}: {low} to {high} is no interval{' above 0' if log else ''}; {SYNTAX}")
        if isinstance(low, int) and isinstance(high, int):
            return IntRange(key, low, high, log=log)
        return FloatRange(key, float(low), float(high), log=log)
    whole = isinstance(value, RangeSweep) and all(
        isinstance(bound, int) for bound in (value.start, value.stop, value.step)
    )
    if not whole:
        return None
    values = [int(text) for text in override.sweep_string_iterator()]
    if len(values) < 2 or values[1] < values[0]:
        return None
    return IntRange(key, values[0], values[-1], step=values[1] - values[0])


def _read_choice(key: str, text: str, override: Override) -> Choice:
    options = tuple(dict.fromkeys(override.sweep_string_iterator()))
    if len(options) < 2:
        raise ValueError(f"{key}={text} has fewer than two different values; {SYNTAX}")
    return Choice(key, options)
