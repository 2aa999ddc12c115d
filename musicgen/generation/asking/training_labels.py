"""Labels of training pieces, from which new pieces take what is not asked of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Int64, Integer
from torch import Tensor

from musicgen.data.batches.codes import PieceCodes
from musicgen.generation.asking.labelling import attribute_of
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.conditioners.labels import GAP, NOTHING, LabelConditioner

_STRETCHES_OF_EACH = 32  # of a piece that are kept; a longer new piece begins them again
_LEAST_CHOICE, _CHOICE_SHARE = 5, 0.25  # of the pieces that fit by name, those nearest in what is measured


@dataclass(frozen=True, eq=False)
class TrainingLabels:
    """Labels of the stretches of training pieces.

    A prior learns with nearly all labels of a piece at once. Told one of fourteen, it is asked what it has
    hardly seen, and what it writes thins out to silence. So the labels that nobody asks for are those of a
    training piece that fits what is asked: labels are drawn before codes are.

    Attributes:
        fields: What is labelled, as in the conditioner.
        values: Label indices of the stretches of all pieces, in the order of the fields.
        starts: First stretch of each piece, and the end of the last one.
        stretch_quarters: Length of a stretch.
    """

    fields: tuple[str, ...]
    values: Integer[np.ndarray, "stretches fields"]
    starts: Int64[np.ndarray, " boundaries"]
    stretch_quarters: int

    @classmethod
    def of(cls, codes: PieceCodes, conditioner: Conditioner) -> "TrainingLabels | None":
        """Take the labels of training pieces; None where nothing measured is labelled.

        Args:
            codes: With labels, see `labelled`.
            conditioner: Of the prior.
        """
        if not isinstance(conditioner, LabelConditioner) or codes.labels is None:
            return None
        if not any(attribute_of(field) for field in conditioner.fields):
            return None
        step = conditioner.stretch_quarters
        parts = [
            codes.labels[first:stop:step][:_STRETCHES_OF_EACH]
            for first, stop in zip(codes.starts[:-1], codes.starts[1:], strict=True)
            if stop > first
        ]
        values = np.concatenate([np.zeros((0, len(conditioner.fields)), np.int16), *parts])
        starts = np.cumsum([0, *map(len, parts)])
        return cls(tuple(conditioner.fields), values, starts, step)

    def plain(self) -> dict[str, Any]:
        """Return tensors and plain values, for a checkpoint."""
        kind = np.uint8 if self.values.max(initial=0) < 256 else np.int16
        return {
            "fields": list(self.fields),
            "values": torch.from_numpy(self.values.astype(kind)),
            "starts": torch.from_numpy(self.starts),
            "stretch_quarters": self.stretch_quarters,
        }

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> "TrainingLabels":
        """Build from what `plain` returned.

        Raises:
            ValueError: It does not fit together.
        """
        values, starts = content["values"].numpy(), content["starts"].numpy().astype(np.int64)
        fields, stretch_quarters = tuple(content["fields"]), int(content["stretch_quarters"])
        ends_well = len(starts) > 1 and starts[0] == 0 and starts[-1] == len(values)
        if not (ends_well and (np.diff(starts) > 0).all() and values.shape[1:] == (len(fields),)):
            raise ValueError(
                f"labels of {len(starts) - 1} pieces do not fit {values.shape} stretches and fields; "
                "take the file from where it was made"
            )
        return cls(fields, values, starts, stretch_quarters)

    def complete(
        self,
        asked: Int[Tensor, "terms 1 quarters fields"],
        *,
        shares: Sequence[float],
        heard: Int64[np.ndarray, "prompt fields"],
        new_quarters: int,
        num_pieces: int,
        seed: int,
    ) -> Int[Tensor, "terms pieces all_quarters fields"]:
        """Fill in what is not asked for, for each piece from another training piece.

        Args:
            asked: Labels by term, 0 for what is open; one quarter stands for all.
            shares: Of each term of a blend; they sum to 1.
            heard: Labels of the quarters of a prompt, 0 for what is not known; no rows without one.
            new_quarters: Length of what is new.
            num_pieces: How many pieces.
            seed: Of the choice; piece n has the same one whatever `num_pieces` is.
        """
        quarters = len(heard) + new_quarters
        found = asked.expand(-1, num_pieces, quarters, -1).clone()
        is_open = (asked == NOTHING).all(dim=2).all(dim=0)[0].numpy()
        is_open &= np.array([field != GAP for field in self.fields])
        if len(asked) > 1:  # of a blend no part has another composer's era
            is_open &= self._is_measured | np.isin(self.fields, ["mode", "key"])
        for number in range(num_pieces):
            random = np.random.default_rng([seed, number])
            term = int(random.choice(len(asked), p=np.asarray(shares)))
            piece = int(random.choice(self._fitting(asked[term, 0].numpy(), heard)))
            course = np.concatenate([heard, self._course(piece, new_quarters)])
            found[:, number, :, is_open] = torch.from_numpy(course[:, is_open])
        return found

    @cached_property
    def _is_measured(self) -> np.ndarray:
        return np.array([bool(attribute_of(field)) for field in self.fields])

    @cached_property
    def _means(self) -> Float[np.ndarray, "pieces fields"]:
        """Mean label of each piece, of the stretches that have one; NaN where none has."""
        counts = np.add.reduceat((self.values > NOTHING).astype(np.float64), self.starts[:-1])
        sums = np.add.reduceat(self.values.astype(np.float64), self.starts[:-1])
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)

    def _fitting(
        self, asked: Int64[np.ndarray, "quarters fields"], heard: Int64[np.ndarray, "prompt fields"]
    ) -> Int64[np.ndarray, " choice"]:
        """Find the pieces with the names that are asked for, and of them the nearest in what is measured.

        Where no piece has all names, the first fields count before the others.
        """
        names = self.values[self.starts[:-1]]
        wanted = np.where(asked.any(axis=0), asked[0], heard[0] if len(heard) else NOTHING)
        is_named = (wanted > NOTHING) & ~self._is_measured
        matches = (names == wanted) * is_named @ 0.5 ** np.arange(len(self.fields))
        fitting = np.flatnonzero(matches == matches.max())
        levels = np.where(asked.any(axis=0), _mean_label(asked), _mean_label(heard))
        is_near = self._is_measured & np.isfinite(levels)
        if not is_near.any():
            return fitting
        apart = np.nan_to_num(np.abs(self._means[fitting][:, is_near] - levels[is_near]), nan=8.0)
        count = max(_LEAST_CHOICE, round(_CHOICE_SHARE * len(fitting)))
        return fitting[np.argsort(apart.sum(axis=1), kind="stable")[:count]]

    def _course(self, piece: int, quarters: int) -> Int64[np.ndarray, "quarters fields"]:
        """Return the labels of a training piece by quarter, begun again where it ends."""
        stretches = self.values[self.starts[piece] : self.starts[piece + 1]]
        at = np.arange(quarters) // self.stretch_quarters % len(stretches)
        return stretches[at].astype(np.int64)


def _mean_label(labels: Int64[np.ndarray, "quarters fields"]) -> Float[np.ndarray, " fields"]:
    """Average the labels that are known; NaN where none is."""
    counts = (labels > NOTHING).sum(axis=0).astype(np.float64)
    sums = labels.sum(axis=0).astype(np.float64)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
