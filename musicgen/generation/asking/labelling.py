"""What a conditioner is told of the pieces that a prior learns from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, Int16, Int64, UInt32

from musicgen.data.batches.codes import PieceCodes
from musicgen.data.batches.gaps import GAP_QUARTERS
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.sources.composers import UNKNOWN
from musicgen.data.store.packed import PackedPieces
from musicgen.files.progress_bar import track
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.conditioners.labels import GAP, NOTHING, LabelConditioner
from musicgen.music.grid import from_packed
from musicgen.music.metrics.attributes import ATTRIBUTES, attributes_of
from musicgen.music.theory.keys import Key, estimate_key

WHOLE = "piece_"
"""What the name of a field begins with that is measured over the whole piece: `piece_density`."""

GAP_NAMES = ["behind", *(str(left) for left in range(1, GAP_QUARTERS + 1))]
"""What the labels of the field `gap` mean: behind a gap, and how many quarters of it are left."""

_LEVELS = 8
_KEY_NAMES: dict[str, Callable[[Key | None], str]] = {
    "key": lambda key: UNKNOWN if key is None else key.name,
    "mode": lambda key: UNKNOWN if key is None else key.mode,
}
_BY_NAME: dict[str, Callable[[Piece, Key | None], str]] = {
    "composer": lambda piece, key: piece.composer,
    "era": lambda piece, key: piece.era,
    "key": lambda piece, key: _KEY_NAMES["key"](key),
    "mode": lambda piece, key: _KEY_NAMES["mode"](key),
}


@dataclass(frozen=True)
class FieldValues:
    """The values of a conditioner's fields in training pieces.

    Attributes:
        names: Per field, sorted; empty for a measured one.
        edges: Per field, ascending; empty for one with names.
    """

    names: list[list[str]]
    edges: list[list[float]]


@dataclass(frozen=True)
class _Measured:
    """A piece's key, None for silence, and its attributes by stretch and over all of it."""

    key: Key | None
    stretches: Float[np.ndarray, "stretches attributes"]
    whole: Float[np.ndarray, "1 attributes"]


_MEASURED: WeakKeyDictionary[PackedPieces, dict[int, list[_Measured]]] = WeakKeyDictionary()


def attribute_of(field: str) -> str:
    """Return the attribute that a field is a measure of; empty for one with names."""
    name = field.removeprefix(WHOLE)
    return name if name in ATTRIBUTES else ""


def names_of(pieces: Sequence[Piece], fields: Sequence[str]) -> list[list[str]]:
    """List the composers or eras of pieces by field, sorted; what is unknown is no name.

    Args:
        pieces: Any.
        fields: Any of `composer` and `era`.
    """
    return [sorted({_BY_NAME[field](piece, None) for piece in pieces} - {UNKNOWN}) for field in fields]


def values_of(pieces: PackedPieces, conditioner: LabelConditioner) -> FieldValues:
    """Find the values of each field in training pieces: their names, or the edges of eight equal shares.

    Raises:
        ValueError: Pieces have no such field.
    """
    allowed = [*_BY_NAME, *ATTRIBUTES, *(WHOLE + name for name in ATTRIBUTES), GAP]
    for field in conditioner.fields:
        if field not in allowed:
            raise ValueError(
                f"fields={conditioner.fields}: pieces have no {field!r}; use any of {', '.join(allowed)}"
            )
    names, edges = [], []
    for field in conditioner.fields:
        values = [] if field == GAP else _values(pieces, field, conditioner)
        if attribute_of(field):
            known = np.concatenate([*values, np.zeros(0)])
            known = known[np.isfinite(known)]
            shares = np.arange(1, _LEVELS) / _LEVELS
            edges.append(np.unique(np.quantile(known, shares)).tolist() if len(known) else [0.0])
            names.append([])
        else:
            edges.append([])
            names.append(GAP_NAMES if field == GAP else sorted({*values} - {UNKNOWN}))
    return FieldValues(names, edges)


def labelled(codes: PieceCodes, pieces: PackedPieces, conditioner: Conditioner) -> PieceCodes:
    """Add to the codes of pieces what a conditioner is told of their quarters; nothing without labels.

    Args:
        codes: Of the same pieces in the same order.
        pieces: What they are.
        conditioner: Of the prior.
    """
    if not isinstance(conditioner, LabelConditioner):
        return codes
    labels = np.full((len(codes.codes), len(conditioner.fields)), NOTHING, np.int16)
    lengths = np.diff(codes.starts).tolist()
    for column, field in enumerate(conditioner.fields):
        if field == GAP:
            continue
        values = _values(pieces, field, conditioner)
        if attribute_of(field):
            levels = [levels_of(conditioner, field, measured) for measured in values]
            spread = [_spread(row, length, conditioner) for row, length in zip(levels, lengths, strict=True)]
            labels[:, column] = np.concatenate([*spread, np.zeros(0, np.int16)])
        else:
            numbers = [conditioner.number(field, name) for name in values]
            labels[:, column] = np.repeat(np.array(numbers, np.int16), lengths)
    return replace(codes, labels=labels)


def heard_labels(
    packed: UInt32[np.ndarray, "quarters pitches"], conditioner: LabelConditioner
) -> Int64[np.ndarray, "quarters fields"]:
    """Label the quarters of a piece by what is measured in it; who wrote it is not known.

    Args:
        packed: Its slices, at least one.
        conditioner: Of the prior.
    """
    found, length = _measure(packed, conditioner.stretch_quarters), len(packed)
    labels = np.full((length, len(conditioner.fields)), NOTHING, np.int64)
    for column, field in enumerate(conditioner.fields):
        if name := attribute_of(field):
            rows = found.whole if field.startswith(WHOLE) else found.stretches
            levels = levels_of(conditioner, field, rows[:, list(ATTRIBUTES).index(name)])
            labels[:, column] = _spread(levels, length, conditioner)
        elif field in _KEY_NAMES:
            labels[:, column] = conditioner.number(field, _KEY_NAMES[field](found.key))
    return labels


def levels_of(
    conditioner: LabelConditioner, field: str, values: Float[np.ndarray, " values"]
) -> Int16[np.ndarray, " values"]:
    """Return the labels of measured values; `NOTHING` for NaN."""
    levels = np.searchsorted(conditioner.edges_of(field), values, side="right") + 1
    return np.where(np.isfinite(values), levels, NOTHING).astype(np.int16)


def _spread(
    row: Int16[np.ndarray, " stretches"], length: int, conditioner: LabelConditioner
) -> Int16[np.ndarray, " quarters"]:
    """Repeat the label of each stretch, or of the piece, for its quarters."""
    each = conditioner.stretch_quarters if len(row) > 1 else max(length, 1)
    return np.repeat(row, each)[:length]


def _values(pieces: PackedPieces, field: str, conditioner: LabelConditioner) -> Sequence:
    """Return a name for each piece, or an array of what was measured."""
    name = attribute_of(field)
    if field in ("composer", "era"):
        return [_BY_NAME[field](piece, None) for piece in pieces.pieces]
    measured = _measured(pieces, stretch_quarters=conditioner.stretch_quarters)
    if not name:
        return [
            _BY_NAME[field](piece, found.key) for piece, found in zip(pieces.pieces, measured, strict=True)
        ]
    column = list(ATTRIBUTES).index(name)
    rows = [found.whole if field.startswith(WHOLE) else found.stretches for found in measured]
    return [row[:, column] for row in rows]


def _measured(pieces: PackedPieces, *, stretch_quarters: int) -> list[_Measured]:
    """Measure all pieces, once as long as they are in memory."""
    known = _MEASURED.setdefault(pieces, {})
    if stretch_quarters not in known:
        numbers = track(range(len(pieces.pieces)), description="Measuring", total=len(pieces.pieces))
        known[stretch_quarters] = [
            _measure(np.asarray(pieces.piece(number)), stretch_quarters) for number in numbers
        ]
    return known[stretch_quarters]


def _measure(packed: UInt32[np.ndarray, "quarters pitches"], stretch_quarters: int) -> _Measured:
    performance, quarters = from_packed(packed), max(len(packed), 1)
    return _Measured(
        key=estimate_key(performance) if len(performance) else None,
        stretches=attributes_of(performance, quarters=quarters, stretch_quarters=stretch_quarters),
        whole=attributes_of(performance, quarters=quarters, stretch_quarters=quarters),
    )
