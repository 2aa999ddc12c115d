"""What context alone can predict: the next cell from the past of all pitches and the lower ones beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int, UInt32
from torch import Tensor, nn
from torch.nn import functional

from musicgen.baselines.baseline import Baseline, BaselineData
from musicgen.data.batches.slices import SliceBatch
from musicgen.data.store.packed import PackedPieces
from musicgen.measure.evaluate import count_parameters
from musicgen.models.cells.chain import packed_line
from musicgen.models.cells.three_state import HELD, ONSET, SILENT, states_of
from musicgen.music.grid import from_packed
from musicgen.music.notes import Performance
from musicgen.music.packing import SliceLayout

_HISTORY = 8  # ticks of all pitches that are read as they were
_LONG_AGO = 1000  # ticks: the age of silence before a piece
_LOOKS_DOWN = 24  # semitones: how far a pitch reads the lower ones of the same tick


class ContextChain(Baseline):
    """Predict silence, held sound or onset, tick by tick and from the lowest pitch to the highest.

    A small network reads the last ticks of all pitches, for how long each has sounded or been silent, where
    in the quarter the tick lies, and what the lower pitches do in the same tick. There is no code and no
    plan: what it leaves is what codes must save to pay for themselves. The likelihood is exact.

    Args:
        ticks: Steps of a quarter; those of the grid that the pieces were cut on.
        epochs: Passes over the training pieces.
        batch_ticks: Ticks in an update.
        width: Channels of the network.
        learning_rate: Of Adam at the start; it falls to zero (cosine).
        transpose: Largest random transposition in training, in semitones.
        seed: Of weights, order and transpositions.

    Raises:
        ValueError: A setting is out of range.
    """

    def __init__(
        self,
        *,
        ticks: int = 8,
        epochs: int = 4,
        batch_ticks: int = 64,
        width: int = 64,
        learning_rate: float = 2e-3,
        transpose: int = 6,
        seed: int = 0,
    ) -> None:
        for name, count in {"epochs": epochs, "batch_ticks": batch_ticks, "width": width}.items():
            if count < 1:
                raise ValueError(f"{name}={count} is not a count; use 1 or more")
        self.layout = SliceLayout(ticks=ticks)
        self.epochs, self.batch_ticks, self.transpose = epochs, batch_ticks, transpose
        self.learning_rate, self.seed = learning_rate, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = _Network(width, ticks=ticks)

    def fit(self, data: BaselineData) -> None:
        """Train on all ticks of the training pieces."""
        states = self._all_states(data.train)
        generator = torch.Generator().manual_seed(self.seed)
        updates = self.epochs * -(-len(states.now) // self.batch_ticks)
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=updates)
        self.network.train()
        for _ in range(self.epochs):
            for rows in torch.randperm(len(states.now), generator=generator).split(self.batch_ticks):
                batch = states.at(rows, shift=self._shift(generator))
                loss = functional.cross_entropy(_by_cell(self.network(batch)), batch.now.flatten())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        self.network.eval()

    @torch.inference_mode()
    def bits(self, packed: UInt32[np.ndarray, "quarters pitches"]) -> float:
        """Compute -log2 p of the states of a piece's cells, exactly."""
        states = _States.of(packed, layout=self.layout)
        nats = 0.0
        for rows in torch.arange(len(states.now)).split(1024):
            batch = states.at(rows, shift=0)
            nats += float(
                functional.cross_entropy(_by_cell(self.network(batch)), batch.now.flatten(), reduction="sum")
            )
        return nats / math.log(2)

    @torch.inference_mode()
    def sample(self, *, num_pieces: int, num_quarters: int, seed: int) -> list[Performance]:
        """Draw all pieces side by side, tick by tick and pitch by pitch."""
        generator = torch.Generator().manual_seed(seed)
        ticks, pitches = self.layout.ticks, self.layout.pitches
        line = torch.full((num_pieces, _HISTORY + num_quarters * ticks, pitches), SILENT)
        age = torch.full((num_pieces, pitches), _LONG_AGO)
        for tick in range(num_quarters * ticks):
            past = line[:, tick : tick + _HISTORY]
            place = torch.full((num_pieces,), tick % ticks)
            line[:, tick + _HISTORY] = self._draw_tick(past, age, place, generator=generator)
            age = _next_age(age, past[:, -1], line[:, tick + _HISTORY])
        drawn = line[:, _HISTORY:].transpose(1, 2).numpy()
        return [
            from_packed(
                packed_line(piece != SILENT, ticks=ticks),
                onsets=packed_line(piece == ONSET, ticks=ticks, onsets=True),
                ticks=ticks,
            )
            for piece in drawn
        ]

    def num_parameters(self) -> int:
        """Count the network's parameters."""
        return count_parameters(self.network)

    def _draw_tick(
        self,
        past: Int[Tensor, "pieces history pitches"],
        age: Int[Tensor, "pieces pitches"],
        place: Int[Tensor, " pieces"],
        *,
        generator: torch.Generator,
    ) -> Int[Tensor, "pieces pitches"]:
        now = torch.full_like(age, SILENT)
        context = self.network.read_past(_Batch(past=past, age=age, place=place, now=now))
        for pitch in range(now.shape[1]):
            below = slice(max(0, pitch - _LOOKS_DOWN), pitch + 1)
            logits = self.network.read_below(context[:, :, below], now[:, below])[:, :, -1]
            chances = _possible(logits[:, :, None], past[:, -1, pitch : pitch + 1])[:, :, 0].softmax(dim=1)
            now[:, pitch] = torch.multinomial(chances, 1, generator=generator)[:, 0]
        return now

    def _all_states(self, pieces: PackedPieces) -> "_States":
        parts = [
            _States.of(np.array(pieces.piece(number)), layout=self.layout)
            for number in range(len(pieces.pieces))
        ]
        return _States.joined(parts)

    def _shift(self, generator: torch.Generator) -> int:
        drawn = torch.randint(2 * self.transpose + 1, (1,), generator=generator)
        return int(drawn) - self.transpose


@dataclass(frozen=True)
class _Batch:
    """Ticks, each with what came before it.

    Attributes:
        past: States of the ticks before.
        age: For how many ticks each pitch has sounded or been silent.
        place: Where in its quarter each tick lies.
        now: States of the tick.
    """

    past: Int[Tensor, "ticks history pitches"]
    age: Int[Tensor, "ticks pitches"]
    place: Int[Tensor, " ticks"]
    now: Int[Tensor, "ticks pitches"]


@dataclass(frozen=True)
class _States:
    """States of whole pieces on one time line, with silence before each piece.

    Attributes:
        line: States, int8, with `_HISTORY` ticks of silence before each piece.
        age: For how many ticks each pitch has been as it was before the tick.
        place: Where in its quarter each tick lies.
        now: Rows of the line that are music.
    """

    line: Int[Tensor, "rows pitches"]
    age: Int[Tensor, "rows pitches"]
    place: Int[Tensor, " rows"]
    now: Int[Tensor, " ticks"]

    @classmethod
    def of(cls, packed: UInt32[np.ndarray, "quarters pitches"], *, layout: SliceLayout) -> "_States":
        """Read the states of a piece."""
        slices = SliceBatch.of_piece(packed, channels=2, layout=layout).slices
        states = states_of(slices).permute(0, 2, 1).reshape(-1, layout.pitches).to(torch.int8)
        line = torch.cat([torch.full((_HISTORY, layout.pitches), SILENT, dtype=torch.int8), states])
        age, ages = torch.full((layout.pitches,), _LONG_AGO, dtype=torch.int32), []
        for before, now in pairwise(line):
            ages.append(age)
            age = _next_age(age, before, now)
        ticks = torch.arange(len(states))
        return cls(
            line=line,
            age=torch.stack([age.new_zeros(layout.pitches), *ages]),
            place=torch.cat([torch.zeros(_HISTORY, dtype=torch.int64), ticks % layout.ticks]),
            now=_HISTORY + ticks,
        )

    @classmethod
    def joined(cls, parts: Sequence["_States"]) -> "_States":
        """Put pieces one after the other."""
        firsts = np.cumsum([0, *(len(part.line) for part in parts[:-1])]).tolist()
        return cls(
            line=torch.cat([part.line for part in parts]),
            age=torch.cat([part.age for part in parts]),
            place=torch.cat([part.place for part in parts]),
            now=torch.cat([part.now + first for part, first in zip(parts, firsts, strict=True)]),
        )

    def at(self, rows: Int[Tensor, " ticks"], *, shift: int) -> _Batch:
        """Gather ticks by their numbers, moved by semitones; notes beyond the piano are left out."""
        now = self.now[rows]
        past = self.line[now[:, None] + torch.arange(-_HISTORY, 0)]
        return _Batch(
            past=_moved(past, shift, fill=SILENT).long(),
            age=_moved(self.age[now], shift, fill=_LONG_AGO),
            place=self.place[now],
            now=_moved(self.line[now], shift, fill=SILENT).long(),
        )


class _Network(nn.Module):
    """Logits of the state of each pitch, from the past of all and from the lower ones of the tick."""

    def __init__(self, width: int, *, ticks: int) -> None:
        super().__init__()
        self.from_past = nn.Conv1d(2 * _HISTORY + 1, width, kernel_size=25, padding=12)
        self.of_place = nn.Embedding(ticks, width)
        self.of_pitch = nn.Parameter(torch.zeros(width, SliceLayout().pitches))
        self.mix = nn.Conv1d(width, width, kernel_size=13, padding=6)
        self.from_below = nn.Conv1d(2, width, kernel_size=_LOOKS_DOWN)
        self.read = nn.Sequential(nn.GELU(), nn.Conv1d(width, width, 1), nn.GELU(), nn.Conv1d(width, 3, 1))

    def forward(self, batch: _Batch) -> Float[Tensor, "ticks states pitches"]:
        """Predict all pitches of the ticks; a pitch that was silent is not held."""
        logits = self.read_below(self.read_past(batch), batch.now)
        return _possible(logits, batch.past[:, -1])

    def read_past(self, batch: _Batch) -> Float[Tensor, "ticks width pitches"]:
        """Read what came before the ticks."""
        age = (batch.age.float() + 1).log()[:, None] / 4
        seen = torch.cat([(batch.past != SILENT).float(), (batch.past == ONSET).float(), age], dim=1)
        hidden = self.from_past(seen) + self.of_place(batch.place)[:, :, None] + self.of_pitch
        return hidden + self.mix(functional.gelu(hidden))

    def read_below(
        self, context: Float[Tensor, "ticks width some"], now: Int[Tensor, "ticks some"]
    ) -> Float[Tensor, "ticks states some"]:
        """Read the lower pitches of the tick; each pitch sees those below it only."""
        lower = torch.stack([now != SILENT, now == ONSET], dim=1).float()
        lower = functional.pad(lower, (_LOOKS_DOWN, 0))[..., :-1]
        return self.read(context + self.from_below(lower))


def _possible(
    logits: Float[Tensor, "ticks states pitches"], before: Int[Tensor, "ticks pitches"]
) -> Float[Tensor, "ticks states pitches"]:
    """Rule out that a pitch is held that did not sound."""
    impossible = torch.zeros_like(logits, dtype=torch.bool)
    impossible[:, HELD] = before == SILENT
    return logits.masked_fill(impossible, float("-inf"))


def _by_cell(logits: Float[Tensor, "ticks states pitches"]) -> Float[Tensor, "cells states"]:
    return logits.transpose(1, 2).flatten(0, 1)


def _next_age(
    age: Int[Tensor, "*rows pitches"], before: Int[Tensor, "*rows pitches"], now: Int[Tensor, "*rows pitches"]
) -> Int[Tensor, "*rows pitches"]:
    changed = ((before == SILENT) != (now == SILENT)) | (now == ONSET)
    return torch.where(changed, torch.ones_like(age), age + 1)


def _moved(rows: Int[Tensor, "*axes pitches"], shift: int, *, fill: int) -> Int[Tensor, "*axes pitches"]:
    """Shift pitches upwards by semitones."""
    if not shift:
        return rows
    moved = torch.full_like(rows, fill)
    if shift > 0:
        moved[..., shift:] = rows[..., :-shift]
    else:
        moved[..., :shift] = rows[..., -shift:]
    return moved
