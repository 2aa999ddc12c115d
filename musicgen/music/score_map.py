"""What a MIDI file says besides its notes: how ticks become seconds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64, Num

DEFAULT_TEMPO_US = 500_000  # microseconds a quarter, until a file says otherwise


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """The tempo of a file, in its own ticks.

    Attributes:
        ticks_per_quarter: resolution of all ticks here, 1 to 32,767.
        tempo_tick: where tempos begin, ascending, the first at 0.
        tempo_us: the tempos, in microseconds a quarter, above 0.
    """

    ticks_per_quarter: int
    tempo_tick: Int64[np.ndarray, " tempos"]
    tempo_us: Int64[np.ndarray, " tempos"]

    @cached_property
    def _tick_s(self) -> Float64[np.ndarray, " tempos"]:
        return self.tempo_us / (1e6 * self.ticks_per_quarter)

    @cached_property
    def _begin_s(self) -> Float64[np.ndarray, " tempos"]:
        return np.concatenate(([0.0], np.cumsum(np.diff(self.tempo_tick) * self._tick_s[:-1])))

    def seconds(self, tick: Num[np.ndarray, " ticks"]) -> Float64[np.ndarray, " ticks"]:
        """Turn ticks from the beginning of the file into seconds.

        Args:
            tick: whole or fractional ticks, 0 or more.
        """
        if tick.min(initial=0) >= self.tempo_tick[-1]:
            return self._begin_s[-1] + (tick - self.tempo_tick[-1]) * self._tick_s[-1]
        part = np.searchsorted(self.tempo_tick, tick, "right") - 1
        return self._begin_s[part] + (tick - self.tempo_tick[part]) * self._tick_s[part]
