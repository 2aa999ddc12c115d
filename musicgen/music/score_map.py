"""What a MIDI file says besides its notes: tempo, metre, key, pedals and markers."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64, Num

DEFAULT_TEMPO_US = 500_000  # microseconds a quarter, until a file says otherwise
PEDALS = {64: "sustain", 66: "sostenuto", 67: "soft"}  # by controller; down from value 64
SEAM = "continuation"
"""Text of the marker where music goes on behind a prompt."""

_DOWN = 64
_NEVER = 1 << 62


def _no_ticks() -> Int64[np.ndarray, " none"]:
    return np.zeros(0, np.int64)


def _no_pairs() -> Int64[np.ndarray, "none 2"]:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class Marker:
    """A named place in a file.

    Attributes:
        tick: where it stands.
        text: its name.
    """

    tick: int
    text: str


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """How the ticks of a file become seconds and bars, and how the pedals move.

    Attributes:
        ticks_per_quarter: resolution of all ticks here, 1 to 32,767.
        tempo_tick: where tempos begin, ascending, the first at 0.
        tempo_us: the tempos, in microseconds a quarter, above 0.
        time_signature_tick: where time signatures begin, ascending; before the first it is 4/4.
        time_signature: beats a bar, and the note that is a beat (a power of two up to 64).
        key_tick: where key signatures begin, ascending.
        key: sharps (7 flats are -7), and 1 for minor.
        pedal_tick: when pedals move, ascending.
        pedal: controller (one of `PEDALS`) and value, 0 to 127.
        markers: named places, in order.
        not_kept: what the file held that has no place here, by kind, and how often.
    """

    ticks_per_quarter: int
    tempo_tick: Int64[np.ndarray, " tempos"]
    tempo_us: Int64[np.ndarray, " tempos"]
    time_signature_tick: Int64[np.ndarray, " signatures"] = field(default_factory=_no_ticks)
    time_signature: Int64[np.ndarray, "signatures 2"] = field(default_factory=_no_pairs)
    key_tick: Int64[np.ndarray, " keys"] = field(default_factory=_no_ticks)
    key: Int64[np.ndarray, "keys 2"] = field(default_factory=_no_pairs)
    pedal_tick: Int64[np.ndarray, " moves"] = field(default_factory=_no_ticks)
    pedal: Int64[np.ndarray, "moves 2"] = field(default_factory=_no_pairs)
    markers: tuple[Marker, ...] = ()
    not_kept: tuple[tuple[str, int], ...] = ()

    @classmethod
    def constant(
        cls,
        *,
        tempo_bpm: float = 120.0,
        time_signature: tuple[int, int] = (4, 4),
        ticks_per_quarter: int = 480,
    ) -> "ScoreMap":
        """Build the map of a piece in one tempo and one metre.

        Args:
            tempo_bpm: quarters a minute.
            time_signature: beats a bar, and the note that is a beat.
            ticks_per_quarter: resolution.
        """
        return cls(
            ticks_per_quarter=ticks_per_quarter,
            tempo_tick=np.zeros(1, np.int64),
            tempo_us=np.array([round(60e6 / tempo_bpm)]),
            time_signature_tick=np.zeros(1, np.int64),
            time_signature=np.array([time_signature]),
        )

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
        if len(tick) == 0 or tick.min() >= self.tempo_tick[-1]:
            return self._begin_s[-1] + (tick - self.tempo_tick[-1]) * self._tick_s[-1]
        part = np.searchsorted(self.tempo_tick, tick, "right") - 1
        return self._begin_s[part] + (tick - self.tempo_tick[part]) * self._tick_s[part]

    def _tick(self, quarter: float) -> int:
        return math.floor(quarter * self.ticks_per_quarter + 1e-6)

    def tempo_bpm_at(self, quarter: float) -> float:
        """Return the tempo at a place, in quarters a minute."""
        return 60e6 / int(self.tempo_us[_last(self.tempo_tick, self._tick(quarter))])

    def time_signature_at(self, quarter: float) -> tuple[int, int]:
        """Return the time signature at a place: beats a bar, and the note that is a beat."""
        at = _last(self.time_signature_tick, self._tick(quarter))
        return (4, 4) if at < 0 else (int(self.time_signature[at, 0]), int(self.time_signature[at, 1]))

    @property
    def seam_quarters(self) -> float | None:
        """Where the last continuation begins, in quarters; None where no marker says so."""
        seams = [marker.tick for marker in self.markers if marker.text == SEAM]
        return seams[-1] / self.ticks_per_quarter if seams else None

    def bar_lines(self, stop_quarters: float) -> Float64[np.ndarray, " bars"]:
        """Return where bars begin before `stop_quarters`, in quarters; a new time signature begins a bar."""
        changes = self.time_signature_tick / self.ticks_per_quarter
        begins = np.unique(np.concatenate(([0.0], changes[changes < stop_quarters])))
        lines = []
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), stop_quarters], strict=True):
            beats, unit = self.time_signature_at(begin)
            lines.append(np.arange(begin, end - 1e-9, beats * 4 / unit))
        return np.concatenate(lines)

    def rescaled(self, ticks_per_quarter: int) -> "ScoreMap":
        """Return the same map in other ticks; places are rounded where they are no whole ticks."""
        factor = ticks_per_quarter / self.ticks_per_quarter
        ticks = {
            name: np.rint(getattr(self, name) * factor).astype(np.int64)
            for name in ("tempo_tick", "time_signature_tick", "key_tick", "pedal_tick")
        }
        markers = tuple(replace(marker, tick=round(marker.tick * factor)) for marker in self.markers)
        return replace(self, ticks_per_quarter=ticks_per_quarter, markers=markers, **ticks)

    def with_tempo(self, tempo_bpm: float, *, from_quarter: float = 0.0) -> "ScoreMap":
        """Return the map with one tempo from a place on."""
        tick = round(from_quarter * self.ticks_per_quarter)
        before = self.tempo_tick < tick
        return replace(
            self,
            tempo_tick=np.append(self.tempo_tick[before], tick),
            tempo_us=np.append(self.tempo_us[before], round(60e6 / tempo_bpm)),
        )

    def without_key(self) -> "ScoreMap":
        """Return the map without key signatures."""
        return replace(self, key_tick=_no_ticks(), key=_no_pairs())

    def with_marker(self, text: str, *, quarter: float) -> "ScoreMap":
        """Return the map with one more marker."""
        marker = Marker(round(quarter * self.ticks_per_quarter), text)
        return replace(self, markers=tuple(sorted((*self.markers, marker), key=lambda one: one.tick)))

    def between(self, start: float, stop: float) -> "ScoreMap":
        """Cut out [start, stop) quarters and let it begin at 0.

        What holds at the start (tempo, metre, key, pedals) is written there; pedals that are down at the
        end are let go there.

        Args:
            start: in quarters.
            stop: in quarters, infinite for all that follows.
        """
        first = round(start * self.ticks_per_quarter)
        last = _NEVER if math.isinf(stop) else round(stop * self.ticks_per_quarter)
        cut = {}
        for name in ("tempo", "time_signature", "key"):
            ticks = getattr(self, f"{name}_tick")
            values = getattr(self, "tempo_us" if name == "tempo" else name)
            begin, end = max(_last(ticks, first), 0), np.searchsorted(ticks, last)
            end = max(end, min(begin + 1, len(ticks))) if name == "tempo" else end
            cut[f"{name}_tick"] = np.maximum(ticks[begin:end] - first, 0)
            cut["tempo_us" if name == "tempo" else name] = values[begin:end]
        pedal_tick, pedal = self._pedals_between(first, last)
        markers = tuple(
            replace(marker, tick=marker.tick - first)
            for marker in self.markers
            if first <= marker.tick < last
        )
        return replace(self, pedal_tick=pedal_tick, pedal=pedal, markers=markers, **cut)

    def _pedals_between(
        self, first: int, last: int
    ) -> tuple[Int64[np.ndarray, " moves"], Int64[np.ndarray, "moves 2"]]:
        ticks, moves = self.pedal_tick, self.pedal
        begin, end = np.searchsorted(ticks, [first, last])
        before = {int(controller): int(value) for controller, value in moves[:begin]}
        within = {int(controller): int(value) for controller, value in moves[begin:end]}
        held = [(controller, value) for controller, value in before.items() if value]
        let_go = [
            (controller, 0)
            for controller, value in (before | within).items()
            if value >= _DOWN and last < _NEVER
        ]
        tick = [np.zeros(len(held)), ticks[begin:end] - first, np.full(len(let_go), last - first)]
        pairs = [np.array(each, np.int64).reshape(-1, 2) for each in (held, moves[begin:end], let_go)]
        return np.concatenate(tick).astype(np.int64), np.concatenate(pairs)


def _last(ticks: Int64[np.ndarray, " changes"], tick: int) -> int:
    """Return the index of the last change at or before a tick, -1 for none."""
    return int(np.searchsorted(ticks, tick, "right")) - 1
