"""What a person may ask of a run, checked before it waits in the queue."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from musicgen.studio.limits import Limits, RefusedError

Kind = Literal["new", "continue", "fill", "vary"]
LARGEST_SEED = 2**31 - 1
TEMPO_BPM = (20.0, 300.0)
TEMPERATURE = (0.1, 2.0)
GUIDANCE = (0.0, 5.0)
MOST_CANDIDATES = 16


@dataclass(frozen=True)
class Asking:
    """A request for one or several versions.

    Attributes:
        run: Name of the run in the list of runs.
        kind: A new piece, or a piece continued, filled or varied.
        quarters: Length of what is new in a new or continued piece, in quarters.
        tempo_bpm: Quarters a minute of a new piece.
        temperature: How freely codes are drawn.
        guidance: How much labels count: 0 not at all, 1 as learned.
        best_of: Draws of each stretch of a new or continued piece, of which the one is kept that is most like
            what is asked for; 0 as the run has it.
        seed: Of the first version; each further one takes the next.
        key: Such as `D minor`; empty for any.
        labels: By field, such as `composer`, the share of each name; empty for nothing asked.
        attributes: Measured attributes that are asked for, by name.
        piece: The piece to continue, fill or vary.
        span: The marked part, in quarters.
        share: How much of the marked part is varied, above 0 to 1.
        versions: How many.
    """

    run: str
    kind: Kind = "new"
    quarters: int = 32
    tempo_bpm: float = 96.0
    temperature: float = 1.0
    guidance: float = 1.0
    best_of: int = 0
    seed: int = 0
    key: str = ""
    labels: dict[str, dict[str, float]] = field(default_factory=dict)
    attributes: dict[str, float] = field(default_factory=dict)
    piece: str = ""
    span: tuple[float, float] | None = None
    share: float = 1.0
    versions: int = 1

    def settings(self) -> dict[str, Any]:
        """Return plain values, as pieces keep them and as `read_asking` reads them."""
        return asdict(self)


def read_asking(sent: Any, *, limits: Limits) -> Asking:
    """Read a request that a page sent.

    Args:
        sent: A JSON object with fields of `Asking`; the seed may be null, and is drawn then.
        limits: How much may be asked for.

    Raises:
        RefusedError: A value is of the wrong kind, out of range, or too much.
    """
    if not isinstance(sent, Mapping):
        raise RefusedError('the request is no JSON object; send for example {"run": "…", "quarters": 32}')
    known = set(Asking.__dataclass_fields__)
    if unknown := sorted(set(sent) - known):
        raise RefusedError(
            f"{', '.join(map(str, unknown))} cannot be asked for; use {', '.join(sorted(known))}"
        )
    kind = sent.get("kind", "new")
    if kind not in get_args(Kind):
        raise RefusedError(f"kind={kind!r}; use one of {', '.join(get_args(Kind))}")
    seed = sent.get("seed")
    versions = _whole(sent, "versions", 1, 1, limits.versions)
    asking = Asking(
        run=_text(sent, "run"),
        kind=kind,
        quarters=_whole(sent, "quarters", 32, 1, limits.quarters),
        tempo_bpm=_number(sent, "tempo_bpm", 96.0, *TEMPO_BPM),
        temperature=_number(sent, "temperature", 1.0, *TEMPERATURE),
        guidance=_number(sent, "guidance", 1.0, *GUIDANCE),
        best_of=_whole(sent, "best_of", 0, 0, MOST_CANDIDATES),
        seed=secrets.randbelow(1_000_000) if seed is None else _whole(sent, "seed", 0, 0, LARGEST_SEED),
        key=_text(sent, "key", most=20),
        labels=_labels(sent.get("labels") or {}),
        attributes=_shares(sent.get("attributes") or {}, "attributes", low=-100.0, high=100.0),
        piece=_text(sent, "piece"),
        span=_span(sent.get("span"), limits),
        share=_number(sent, "share", 1.0, 0.01, 1.0),
        versions=versions,
    )
    _check_piece(asking, limits)
    return asking


def _check_piece(asking: Asking, limits: Limits) -> None:
    if asking.kind == "new":
        return
    if not asking.piece:
        raise RefusedError(f"kind={asking.kind} without a piece; choose one first")
    if asking.kind == "continue":
        return
    if asking.span is None:
        raise RefusedError(f"to {asking.kind} a part, mark it first: drag along the ruler above the notes")
    if asking.span[1] - asking.span[0] > limits.quarters:
        raise RefusedError(
            f"the marked part has {asking.span[1] - asking.span[0]:g} quarters; at most {limits.quarters} "
            "are written at once"
        )


def _number(sent: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = sent.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise RefusedError(f"{name}={value!r:.40}; use a number from {low:g} to {high:g}")
    return float(value)


def _whole(sent: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = _number(sent, name, default, low, high)
    if value != int(value):
        raise RefusedError(f"{name}={value}; use a whole number from {low} to {high}")
    return int(value)


def _text(sent: Mapping[str, Any], name: str, *, most: int = 300) -> str:
    value = sent.get(name) or ""
    if not isinstance(value, str) or len(value) > most:
        raise RefusedError(f"{name} is no short text")
    return value


def _span(value: Any, limits: Limits) -> tuple[float, float] | None:
    if value is None:
        return None
    if isinstance(value, list | tuple) and len(value) == 2:
        ends = {"begin": value[0], "end": value[1]}
        begin, end = (_number(ends, name, 0.0, 0.0, float(limits.piece_quarters)) for name in ends)
        if end - begin >= 1 / 32:
            return begin, end
    raise RefusedError(
        f"span={value!r:.60} is no part of a piece; use [begin, end] in quarters, the end after the begin"
    )


def _labels(sent: Any) -> dict[str, dict[str, float]]:
    if not isinstance(sent, Mapping) or len(sent) > 8:
        raise RefusedError('labels is no table; send for example {"composer": {"Chopin": 1}}')
    return {str(name): _shares(shares, f"labels.{name}", low=0.0, high=1e6) for name, shares in sent.items()}


def _shares(sent: Any, name: str, *, low: float, high: float) -> dict[str, float]:
    if not isinstance(sent, Mapping) or len(sent) > 64:
        raise RefusedError(f"{name} is no table of names and numbers")
    return {str(key)[:100]: _number(sent, key, 0.0, low, high) for key in sent}
