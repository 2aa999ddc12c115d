"""A prior with two levels: a transformer over quarters, and a small one over the codes inside a quarter."""

from dataclasses import dataclass
from typing import Required, TypedDict

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.priors.base import Prior, check_sizes
from musicgen.models.priors.layers import KeyValueCache, blocks, check_heads, initialise


@dataclass
class TwoLevelCache:
    """What both levels keep of the positions that were read.

    Attributes:
        quarters: Keys and values of the quarters.
        places: Keys and values of the codes of the quarter that is being read.
        recent: Input numbers of the last quarter but one code, (batch, codes per quarter - 1).
        told: What the quarter that is being read is told at each of its codes, (batch, codes per quarter,
            local_width).
        nothing: The input number of a place before the first input.
        length: Positions read.
    """

    quarters: KeyValueCache
    places: KeyValueCache
    recent: Tensor
    told: Tensor
    nothing: int
    length: int = 0

    def clear(self) -> None:
        """Forget everything, keep the memory."""
        self.quarters.clear()
        self.places.clear()
        self.recent = torch.full_like(self.recent, self.nothing)
        self.length = 0


class TwoLevelSettings(TypedDict, total=False):
    """What `TwoLevelTransformer` takes, for a subclass that hands it on."""

    vocabulary: Required[Vocabulary]
    conditioner: Conditioner | None
    num_layers: int
    num_heads: int
    width: int
    local_layers: int
    local_heads: int
    local_width: int
    code_width: int
    context_quarters: int
    dropout: float


class TwoLevelTransformer(Prior):
    """Predict the next code from the quarters before it and from the codes before it in its quarter.

    A global transformer takes one step a quarter, over the embedded codes of the quarter before; a local one
    reads the codes inside a quarter, given the global state and the code at the same place a quarter ago.
    The cost of attention grows with the square of the quarters and not of the codes, so that whole sections
    fit (MEGABYTE, Yu et al. 2023; bGPT, Wu et al. 2024; NotaGen, Wang et al. 2025).

    Args:
        vocabulary: The codes of a slice; the autoencoder's.
        conditioner: What the prior is told beside codes; nothing if not given. It has the global width.
        num_layers: Blocks of the global transformer.
        num_heads: Heads of each of its attentions; divides width.
        width: Width of its residual stream.
        local_layers: Blocks of the local transformer.
        local_heads: Heads of each of its attentions; divides local_width.
        local_width: Width of its residual stream.
        code_width: Width of the embedding of a code.
        context_quarters: Longest input in quarters.
        max_positions: Longest input in codes, where that is no whole number of quarters.
        dropout: Share dropped in training, 0 to below 1.
        start_token: Add one more input code that stands before a piece.

    Raises:
        ValueError: A setting is out of range; the message names the nearest one that is not.
    """

    def __init__(
        self,
        *,
        vocabulary: Vocabulary,
        conditioner: Conditioner | None = None,
        num_layers: int = 4,
        num_heads: int = 8,
        width: int = 128,
        local_layers: int = 2,
        local_heads: int = 4,
        local_width: int = 128,
        code_width: int = 32,
        context_quarters: int = 64,
        max_positions: int | None = None,
        dropout: float = 0.1,
        start_token: bool = True,
    ) -> None:
        super().__init__(
            vocabulary=vocabulary,
            conditioner=conditioner,
            context_quarters=context_quarters,
            max_positions=max_positions,
            start_token=start_token,
        )
        check_sizes(dropout=dropout, num_layers=num_layers, num_heads=num_heads, width=width)
        check_sizes(
            local_layers=local_layers, local_heads=local_heads, local_width=local_width, code_width=code_width
        )
        check_heads(width, num_heads=num_heads)
        check_heads(local_width, num_heads=local_heads)
        self.num_heads, self.local_heads = num_heads, local_heads
        per_quarter = vocabulary.codes_per_slice
        nothing = 1  # one more input, which stands before the first
        self.code_embedding = nn.Embedding(self.num_inputs + nothing, code_width)
        self.from_quarter = nn.Linear(per_quarter * code_width, width)
        self.quarter_embedding = nn.Embedding(-(-self.max_positions // per_quarter), width)
        self.blocks = blocks(width, num_heads=num_heads, num_layers=num_layers, dropout=dropout)
        self.state_norm = nn.LayerNorm(width)
        self.from_state = nn.Linear(width, local_width)
        self.from_code = nn.Linear(code_width, local_width, bias=False)
        self.from_quarter_ago = nn.Linear(code_width, local_width, bias=False)
        self.place_embedding = nn.Embedding(per_quarter, local_width)
        self.local_blocks = blocks(
            local_width, num_heads=local_heads, num_layers=local_layers, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.final_norm = nn.LayerNorm(local_width)
        self.head = nn.Linear(local_width, vocabulary.size, bias=False)
        initialise(self, num_layers=max(num_layers, local_layers))
        nn.init.normal_(self.code_embedding.weight)  # it is projected before it is added to a stream

    def forward(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: TwoLevelCache | None = None,
        *,
        labels: Int[Tensor, "batch quarters fields"] | None = None,
    ) -> Float[Tensor, "batch positions vocab"]:
        """Compute the logits of the code after each position, (batch, positions, num_embeddings).

        Args:
            codes: The stream, or a part of it that begins with a quarter; with a cache, what follows the
                positions in the cache.
            cache: Read and lengthened in place.
            labels: What the conditioner is told of each quarter of the stream from its beginning, or in one
                quarter of all; None for nothing.

        Raises:
            ValueError: More positions than max_positions.
        """
        return self._predict(codes, cache, labels=labels)[0]

    def _predict(
        self,
        codes: Int[Tensor, "batch positions"],
        cache: TwoLevelCache | None,
        *,
        labels: Int[Tensor, "batch labelled fields"] | None,
        plan: Float[Tensor, "batch quarters places local_width"] | None = None,
    ) -> tuple[Float[Tensor, "batch positions vocab"], Float[Tensor, "batch quarters width"]]:
        """Compute the logits, and what the quarters before say of each that begins.

        Args:
            codes: As `forward` takes them.
            cache: As well.
            labels: As well.
            plan: Told to the codes inside the quarters that begin, beside what the quarters before say.
        """
        past, end = 0 if cache is None else cache.length, self.end_of_input(codes, cache)
        per_quarter = self.vocabulary.codes_per_slice
        embedded, numbers = self._embedded(codes, cache)
        head = min(-past % per_quarter, codes.shape[1])  # what is left of a quarter that was begun
        states = self._read_quarters(embedded, cache, first=-past % per_quarter, labels=labels)
        told = self.from_state(states)[:, :, None].expand(-1, -1, per_quarter, -1)
        told = told if plan is None else told + plan
        outputs = self._read_places(embedded, cache, told, head=head)
        if cache is not None:
            cache.recent, cache.length = numbers[:, codes.shape[1] :], end
            cache.told = told[:, -1] if told.shape[1] else cache.told
        return self.head(self.final_norm(outputs)), states

    def _embedded(
        self, codes: Int[Tensor, "batch positions"], cache: TwoLevelCache | None
    ) -> tuple[Float[Tensor, "batch inputs code_width"], Int[Tensor, "batch inputs"]]:
        """Embed each position, after those of one quarter but one code before; also give their numbers."""
        numbers = self.input_numbers(codes, past=0 if cache is None else cache.length)
        before = numbers.new_full((len(codes), self.vocabulary.codes_per_slice - 1), self.num_inputs)
        numbers = torch.cat([before if cache is None else cache.recent, numbers], dim=1)
        return self.code_embedding(numbers), numbers

    def new_cache(self, batch: int) -> TwoLevelCache:
        """Make an empty cache for a batch of streams, on the weights' device and in their dtype."""
        weight, per_quarter = self.head.weight, self.vocabulary.codes_per_slice
        quarters, width = self.quarter_embedding.weight.shape
        whole = (len(self.blocks), batch, self.num_heads, quarters, width // self.num_heads)
        local_dim = weight.shape[1] // self.local_heads
        within = (len(self.local_blocks), batch, self.local_heads, per_quarter, local_dim)
        recent = torch.full((batch, per_quarter - 1), self.num_inputs, device=weight.device)
        return TwoLevelCache(
            quarters=KeyValueCache(keys=weight.new_zeros(whole), values=weight.new_zeros(whole)),
            places=KeyValueCache(keys=weight.new_zeros(within), values=weight.new_zeros(within)),
            recent=recent,
            told=weight.new_zeros(batch, per_quarter, weight.shape[1]),
            nothing=self.num_inputs,
        )

    def _read_quarters(
        self,
        embedded: Float[Tensor, "batch inputs code_width"],
        cache: TwoLevelCache | None,
        *,
        first: int,
        labels: Int[Tensor, "batch labelled fields"] | None,
    ) -> Float[Tensor, "batch quarters width"]:
        """Take a global step for each quarter that begins in the input.

        The step reads the quarter of inputs that ends where the new one begins: with a start token, exactly
        the codes of the quarter before.
        """
        per_quarter = self.vocabulary.codes_per_slice
        batch, inputs, _ = embedded.shape
        quarters = (inputs - first) // per_quarter
        if not quarters:
            return embedded.new_zeros(batch, 0, self.from_quarter.out_features)
        chunks = embedded[:, first : first + quarters * per_quarter].reshape(batch, quarters, -1)
        store = None if cache is None else cache.quarters
        past = 0 if store is None else store.length
        hidden = self.from_quarter(chunks) + self.quarter_embedding.weight[past : past + quarters]
        condition = self.condition_at(labels, first=past, count=quarters, unit=1)
        hidden = self.dropout(hidden if condition is None else hidden + condition)
        for block in self.blocks:
            hidden = block(hidden, store)
        if store is not None:
            store.length = past + quarters
        return self.state_norm(hidden)

    def _read_places(
        self,
        embedded: Float[Tensor, "batch inputs code_width"],
        cache: TwoLevelCache | None,
        told: Float[Tensor, "batch quarters places local_width"],
        *,
        head: int,
    ) -> Float[Tensor, "batch positions local_width"]:
        """Read codes inside quarters: the rest of one, whole ones side by side, the beginning of one."""
        per_quarter = self.vocabulary.codes_per_slice
        batch, positions = len(embedded), embedded.shape[1] - per_quarter + 1
        codes = self.from_code(embedded[:, per_quarter - 1 :])
        hidden = codes + self.from_quarter_ago(embedded[:, :positions])
        store, outputs = None if cache is None else cache.places, []
        if head and cache is not None:
            read = cache.places.length  # codes of the quarter that was begun
            begun = hidden[:, :head] + cache.told[:, read : read + head]
            outputs.append(self._read_some_places(begun, store))
        whole = (positions - head) // per_quarter
        tail = head + whole * per_quarter
        if whole:
            some = hidden[:, head:tail].unflatten(1, (whole, per_quarter))
            read = self._read_some_places((some + told[:, :whole]).flatten(0, 1), None)
            outputs.append(read.reshape(batch, whole * per_quarter, -1))
        if tail < positions:
            if store is not None:
                store.clear()
            begun = hidden[:, tail:] + told[:, whole, : positions - tail]
            outputs.append(self._read_some_places(begun, store))
        return torch.cat(outputs, dim=1)

    def _read_some_places(
        self, hidden: Float[Tensor, "rows places local_width"], store: KeyValueCache | None
    ) -> Float[Tensor, "rows places local_width"]:
        past = 0 if store is None else store.length
        end = past + hidden.shape[1]
        hidden = self.dropout(hidden + self.place_embedding.weight[past:end])
        for block in self.local_blocks:
            hidden = block(hidden, store)
        if store is not None:
            store.length = end
        return hidden
