"""The renderer: loudness, timing, release and pedal of each note, one note after another."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from musicgen.config.build import Buildable
from musicgen.models.conditioners.base import Conditioner, NoCondition
from musicgen.models.renderer.surroundings import Surroundings

_EMBEDDING = 32


class Renderer(Buildable, nn.Module):
    """Predict how a note is played, from the notes around it and from how those before were played.

    Dilated convolutions read what is written before and after a note; a GRU reads how the notes before were
    played, so that loudness is coherent. The attributes of a note are drawn in order, each given those before
    it: p(velocity) p(timing | velocity) and so on, with a small head for each. An encoder of the score and a
    recurrent decoder of the performance are those of VirtuosoNet (Jeong et al. 2019), many times smaller.

    Args:
        num_features: Numbers that describe a note, see `musicgen.music.expression.features`.
        sizes: Classes of each attribute, in the order in which they are drawn.
        ticks: Steps per quarter of the grid whose notes it plays; kept for those who use it.
        width: Channels of the convolutions.
        depth: Convolutions with dilations 1, 2, 4 and so on.
        memory: Width of the GRU's state.
        dropout: Share dropped in training, 0 to below 1; also the share of notes whose predecessor is hidden.
        conditioner: What is told of a piece, of the same width; nothing if not given.

    Raises:
        ValueError: A size is out of range.
    """

    def __init__(
        self,
        *,
        num_features: int,
        sizes: Sequence[int],
        ticks: int = 32,
        width: int = 128,
        depth: int = 4,
        memory: int = 192,
        dropout: float = 0.1,
        conditioner: Conditioner | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("depth", depth), ("memory", memory), ("ticks", ticks)):
            if value < 1:
                raise ValueError(f"renderer.{name}={value}; use 1 or more")
        if not 0 <= dropout < 1:
            raise ValueError(f"renderer.dropout={dropout} is not a share to drop; use 0 to below 1")
        self.sizes, self.ticks = tuple(sizes), ticks
        self.conditioner = conditioner or NoCondition()
        self.surroundings = Surroundings(num_features, width=width, depth=depth, dropout=dropout)
        self.hidden = nn.Dropout(dropout)
        self.before = nn.ModuleList(nn.Embedding(size + 1, _EMBEDDING) for size in sizes)  # the last: unknown
        inputs = width + _EMBEDDING * len(self.sizes)
        self.memory = nn.GRU(inputs, memory, batch_first=True)
        self.given = nn.ModuleList(nn.Embedding(size, memory) for size in sizes[:-1])
        self.heads = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(memory), nn.Linear(memory, memory), nn.GELU(), nn.Linear(memory, size))
            for size in sizes
        )

    @property
    def unknown(self) -> Int[Tensor, " attributes"]:
        """The classes of a note before the first: one beyond those of each attribute."""
        return torch.tensor(self.sizes)

    def forward(
        self,
        features: Float[Tensor, "batch notes features"],
        before: Int[Tensor, "batch notes attributes"],
        classes: Int[Tensor, "batch notes attributes"],
        *,
        labels: Int[Tensor, "batch fields"] | None = None,
    ) -> list[Float[Tensor, "batch notes classes"]]:
        """Compute the logits of each attribute, the true classes of earlier notes and attributes given.

        Args:
            features: Of consecutive notes of a piece.
            before: Classes of the note before each; `unknown` before the first.
            classes: Classes of the notes themselves; of each attribute those before it are looked at.
            labels: What the conditioner is told of each piece.
        """
        states, _ = self.memory(torch.cat([self.encode(features, labels), self._embedded(before)], dim=-1))
        logits = []
        for number, head in enumerate(self.heads):
            logits.append(head(states))
            if number < len(self.given):
                states = states + self.given[number](classes[..., number])
        return logits

    def encode(
        self, features: Float[Tensor, "batch notes features"], labels: Int[Tensor, "batch fields"] | None
    ) -> Float[Tensor, "batch notes width"]:
        """Read what is written around each note."""
        return self.surroundings(features, self.conditioner(None if labels is None else labels[:, None]))

    @torch.no_grad()
    def draw(
        self,
        features: Float[Tensor, "batch notes features"],
        given: Int[Tensor, "batch notes attributes"],
        *,
        begins_chord: Bool[Tensor, "batch notes"],
        generator: torch.Generator,
        labels: Int[Tensor, "batch fields"] | None = None,
        temperature: float = 1.0,
    ) -> Int[Tensor, "batch notes attributes"]:
        """Draw the classes of each note, one note after another.

        Args:
            features: Of whole pieces; shorter ones are filled up at their ends.
            given: Classes that are known, such as a prompt's; below 0 where they are to be drawn.
            begins_chord: Whether a note is the first of its chord; the last attribute, the pedal, is drawn
                for these only, and the other notes of the chord share it.
            generator: Of the draws, on the CPU.
            labels: What the conditioner is told of each piece.
            temperature: Below 1 the likelier classes are drawn more often; above 0.

        Raises:
            ValueError: The temperature is not above 0.
        """
        if not temperature > 0:
            raise ValueError(f"render_temperature={temperature}; use a number above 0, such as 1")
        known_inputs = self._known_inputs(self.encode(features, labels))
        tables, noise = self._input_tables(), self._noise(features.shape[:2], generator)
        before, state = self.unknown.expand(len(features), -1), features.new_zeros(len(features), self.width)
        drawn = torch.empty_like(given)
        for note in range(features.shape[1]):
            inputs = known_inputs[:, note] + sum(
                table[before[:, number]] for number, table in enumerate(tables)
            )
            state = self._next_state(inputs, state)
            states = state
            for number, head in enumerate(self.heads):
                chosen = (head(states) / temperature + noise[number][:, note]).argmax(dim=-1)
                if number == len(self.given) and note:
                    chosen = torch.where(begins_chord[:, note], chosen, before[:, number])
                known = given[:, note, number]
                drawn[:, note, number] = torch.where(known < 0, chosen, known)
                if number < len(self.given):
                    states = states + self.given[number](drawn[:, note, number])
            before = drawn[:, note]
        return drawn

    @property
    def width(self) -> int:
        """Width of the GRU's state."""
        return self.memory.hidden_size

    def _known_inputs(
        self, encoded: Float[Tensor, "batch notes width"]
    ) -> Float[Tensor, "batch notes gates"]:
        """Compute what the GRU's gates get from the written notes, for all notes at once."""
        weight = self.memory.weight_ih_l0[:, : encoded.shape[-1]]  # pyright: ignore[reportIndexIssue]
        return functional.linear(encoded, weight, self.memory.bias_ih_l0)  # pyright: ignore[reportArgumentType]

    def _input_tables(self) -> list[Float[Tensor, "classes gates"]]:
        """Compute what the gates get from each class of the note before."""
        weights = self.memory.weight_ih_l0[:, -_EMBEDDING * len(self.sizes) :].split(_EMBEDDING, dim=1)  # pyright: ignore[reportIndexIssue]
        pairs = zip(self.before, weights, strict=True)
        return [functional.linear(table.weight, weight) for table, weight in pairs]  # pyright: ignore[reportArgumentType]

    def _noise(
        self, shape: torch.Size, generator: torch.Generator
    ) -> list[Float[Tensor, "batch notes classes"]]:
        """Draw Gumbel noise: the class with the largest sum of logit and noise is a draw from the softmax."""
        drawn = (torch.rand(*shape, size, generator=generator).clamp_min(1e-20) for size in self.sizes)
        return [-torch.log(-torch.log(uniform)) for uniform in drawn]

    def _next_state(
        self, inputs: Float[Tensor, "batch gates"], state: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch width"]:
        """Take a step of the GRU, faster than `nn.GRU` does for a single note."""
        hidden = functional.linear(state, self.memory.weight_hh_l0, self.memory.bias_hh_l0)  # pyright: ignore[reportArgumentType]
        reset, update, new = inputs.chunk(3, dim=-1)
        reset_hidden, update_hidden, new_hidden = hidden.chunk(3, dim=-1)
        candidate = torch.tanh(new + torch.sigmoid(reset + reset_hidden) * new_hidden)
        return torch.lerp(candidate, state, torch.sigmoid(update + update_hidden))

    def _embedded(
        self, before: Int[Tensor, "batch notes attributes"]
    ) -> Float[Tensor, "batch notes embedding"]:
        if self.training and self.hidden.p:
            is_hidden = torch.rand(before.shape[:2], device=before.device) < self.hidden.p
            before = torch.where(is_hidden[..., None], self.unknown.to(before.device), before)
        embedded = [table(before[..., number]) for number, table in enumerate(self.before)]
        return torch.cat(embedded, dim=-1)
