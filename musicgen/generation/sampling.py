"""Draw new codes from the transformer, any number of quarters without a seam."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.files.progress_bar import track
from musicgen.models.priors.base import Prior


@runtime_checkable
class Reader(Protocol):
    """Reads a stretch of the streams and says what may come next."""

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Give the logits of the code after the last, from the positions `begin` and later."""
        ...


class CachedReader:
    """Reads each position once, and all that are kept again when the oldest are let go."""

    def __init__(self, transformer: Prior, *, batch: int) -> None:
        self.transformer = transformer
        self.cache = transformer.new_cache(batch)
        self.begin = 0

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Give the logits of the code after the last, from the positions `begin` and later."""
        if begin != self.begin:
            self.cache.clear()
            self.begin = begin
        return self.transformer(streams[:, begin + self.cache.length :], self.cache)[:, -1]


class UncachedReader:
    """Reads everything again for each code: slow, and plainly right."""

    def __init__(self, transformer: Prior, *, batch: int) -> None:
        self.transformer = transformer

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Give the logits of the code after the last, from the positions `begin` and later."""
        return self.transformer(streams[:, begin:])[:, -1]


@dataclass(frozen=True)
class Chooser:
    """How a code is chosen from logits.

    Attributes:
        temperature: Divides the logits; 0 always takes the likeliest code.
        top_k: Only the k likeliest codes may come; None for all.
        top_p: Only the fewest likeliest codes that together have this share may come; None for all.

    Raises:
        ValueError: A setting is out of range.
    """

    temperature: float = 0.9
    top_k: int | None = 16
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature={self.temperature}; use 0 (always the likeliest code) or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k={self.top_k} leaves no code; use 1 or more, or null for all")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p} is not a share; use above 0 to 1, or null for all")

    @property
    def greedy(self) -> bool:
        """Say whether the likeliest code is always taken."""
        return self.temperature == 0 or self.top_k == 1

    def noises(
        self, shape: tuple[int, int], *, generators: Sequence[torch.Generator], device: torch.device
    ) -> Iterator[Float[Tensor, "batch vocab"] | None]:
        """Yield Gumbel noise scaled by the temperature, drawn in blocks of (steps, vocab) per row.

        It is drawn on the generators' device, so that a seed means the same on every device.
        """
        while self.greedy:
            yield None
        while True:
            rows = [
                torch.empty(shape, device=generator.device).exponential_(generator=generator)
                for generator in generators
            ]
            yield from torch.stack(rows, dim=1).log_().mul_(-self.temperature).to(device)

    def choose(
        self, logits: Float[Tensor, "batch vocab"], noise: Float[Tensor, "batch vocab"] | None
    ) -> Int[Tensor, " batch"]:
        """Choose a code a row: the largest of logits + scaled Gumbel noise is a draw from their softmax."""
        if noise is None:
            return logits.argmax(dim=-1)
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            logits = keep_top_k(logits, top_k=self.top_k)
        if self.top_p is not None and self.top_p < 1:
            logits = keep_top_p(logits, top_p=self.top_p, temperature=self.temperature)
        return (logits + noise).argmax(dim=-1)


def row_generators(generator: torch.Generator, *, batch: int) -> list[torch.Generator]:
    """Make a generator for each row of a batch, so that a row does not depend on how many there are.

    Args:
        generator: Draws the seed that all rows share; it advances by one number.
        batch: How many rows.
    """
    base = int(torch.randint(1 << 62, (), generator=generator, device=generator.device))
    rows = []
    for row in range(batch):
        state = np.random.SeedSequence([base, row]).generate_state(1, np.uint64)
        rows.append(torch.Generator(generator.device).manual_seed(int(state[0]) >> 1))
    return rows


def keep_top_k(logits: Float[Tensor, "batch vocab"], *, top_k: int) -> Float[Tensor, "batch vocab"]:
    """Set all but the k largest logits to minus infinity (Fan et al. 2018); equals of the k-th stay."""
    smallest = logits.topk(top_k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < smallest, float("-inf"))


def keep_top_p(
    logits: Float[Tensor, "batch vocab"], *, top_p: float, temperature: float = 1.0
) -> Float[Tensor, "batch vocab"]:
    """Keep the fewest likeliest codes whose shares reach top_p (Holtzman et al. 2020, section 3.1).

    Args:
        logits: Any; those minus infinity stay so.
        top_p: Share to reach, above 0 to 1.
        temperature: Divides the logits before the shares are taken, above 0.

    Returns:
        The logits, those of all other codes minus infinity. The likeliest code always stays.
    """
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    shares = (ordered / temperature).softmax(dim=-1)
    dropped = shares.cumsum(dim=-1) - shares >= top_p
    return logits.masked_fill(torch.zeros_like(dropped).scatter(-1, order, dropped), float("-inf"))


def sample_codes(
    transformer: Prior,
    *,
    num_quarters: int,
    generator: torch.Generator,
    codes_per_quarter: int = 16,
    prompt: Int[Tensor, "batch positions"] | None = None,
    batch: int = 1,
    temperature: float = 0.9,
    top_k: int | None = 16,
    top_p: float | None = None,
    hop_quarters: int = 4,
    reader: type[CachedReader] | type[UncachedReader] = CachedReader,
) -> Int[Tensor, "pieces codes"]:
    """Write the codes of new pieces, or continue a prompt.

    When a stream no longer fits into the transformer's positions, its oldest hop_quarters quarters are let
    go and what is kept is read again: every code follows from those before it, so there are no seams. A
    transformer without a start token cannot begin by itself: without a prompt its first code is drawn
    uniformly.

    Args:
        transformer: The prior; dropout is off while sampling.
        num_quarters: Length of each piece, the prompt included.
        generator: Source of randomness; the same seed gives the same codes, and the same first rows whatever
            the number of rows.
        codes_per_quarter: Codes that describe a quarter.
        prompt: Codes of whole quarters, kept at the front: one row a piece, or one row for all pieces.
        batch: Number of pieces; with a prompt of several rows, leave it.
        temperature: Divides the logits; 0 always takes the likeliest code.
        top_k: Only the k likeliest codes may come; None for all.
        top_p: Only the fewest likeliest codes that together have this share may come; None for all.
        hop_quarters: Quarters let go at once; fewer keep more of the past, and take longer.
        reader: CachedReader, or UncachedReader as a reference.

    Returns:
        Codes, int64, (batch, num_quarters * codes_per_quarter), on the transformer's device.

    Raises:
        ValueError: A setting is out of range, or the prompt does not fit it.
    """
    chooser = Chooser(temperature=temperature, top_k=top_k, top_p=top_p)
    _check_lengths(transformer, num_quarters, codes_per_quarter, hop_quarters, batch)
    device = transformer.head.weight.device
    prompt = _check_prompt(prompt, transformer, num_quarters, codes_per_quarter, batch)
    prompt = prompt.to(device=device, dtype=torch.int64)
    generators = row_generators(generator, batch=len(prompt))
    if prompt.shape[1] == 0 and transformer.start_token is None:
        draws = [
            torch.randint(transformer.num_embeddings, (1, 1), generator=row, device=row.device)
            for row in generators
        ]
        prompt = torch.cat(draws).to(device)
    was_training = transformer.training
    transformer.eval()
    try:
        with torch.inference_mode():
            codes = _continue(
                transformer,
                prompt,
                reader=reader(transformer, batch=len(prompt)),
                chooser=chooser,
                generators=generators,
                length=num_quarters * codes_per_quarter,
                hop=hop_quarters * codes_per_quarter,
                steps_per_draw=codes_per_quarter,
            )
    finally:
        transformer.train(was_training)
    return codes.clone()


def _continue(
    transformer: Prior,
    prompt: Int[Tensor, "batch positions"],
    *,
    reader: Reader,
    chooser: Chooser,
    generators: Sequence[torch.Generator],
    length: int,
    hop: int,
    steps_per_draw: int,
) -> Int[Tensor, "batch length"]:
    """Lengthen streams code by code."""
    batch, given = prompt.shape
    offset = 0 if transformer.start_token is None else 1
    streams = prompt.new_empty(batch, offset + length)
    if transformer.start_token is not None:
        streams[:, 0] = transformer.start_token
    streams[:, offset : offset + given] = prompt
    shape = (steps_per_draw, transformer.num_embeddings)
    noises = chooser.noises(shape, generators=generators, device=streams.device)
    begin = 0
    positions = range(offset + given, offset + length)
    for position in track(positions, description="Sampling", total=len(positions)):
        while position - begin > transformer.max_positions:
            begin += hop
        logits = reader.next_logits(streams[:, :position], begin)
        streams[:, position] = chooser.choose(logits, next(noises))
    return streams[:, offset:]


def _check_lengths(
    transformer: Prior, num_quarters: int, codes_per_quarter: int, hop_quarters: int, batch: int
) -> None:
    """Refuse counts that make no piece."""
    counts = {"num_quarters": num_quarters, "codes_per_quarter": codes_per_quarter, "batch": batch}
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name}={value} makes no piece; use 1 or more")
    most = transformer.max_positions // codes_per_quarter
    if not 1 <= hop_quarters <= most:
        raise ValueError(
            f"hop_quarters={hop_quarters} does not fit max_positions={transformer.max_positions}; "
            f"use 1 to {most}"
        )


def _check_prompt(
    prompt: Int[Tensor, "batch positions"] | None,
    transformer: Prior,
    num_quarters: int,
    codes_per_quarter: int,
    batch: int,
) -> Int[Tensor, "batch positions"]:
    """Give the prompt with a row a piece; an empty one where there is none."""
    if prompt is None:
        return torch.zeros(batch, 0, dtype=torch.int64)
    if prompt.ndim != 2 or prompt.shape[1] % codes_per_quarter:
        raise ValueError(
            f"prompt has shape {tuple(prompt.shape)}; use (batch, quarters * {codes_per_quarter})"
        )
    given = prompt.shape[1] // codes_per_quarter
    if given >= num_quarters:
        raise ValueError(
            f"num_quarters={num_quarters} leaves nothing to write after a prompt of {given} quarters; "
            f"use {given + 1} or more, or a shorter prompt"
        )
    if given and not 0 <= int(prompt.min()) <= int(prompt.max()) < transformer.num_embeddings:
        raise ValueError(
            f"prompt has codes from {int(prompt.min())} to {int(prompt.max())}; this transformer knows "
            f"0 to {transformer.num_embeddings - 1}: encode the prompt with the run's own autoencoder"
        )
    if len(prompt) == batch:
        return prompt
    if len(prompt) == 1:
        return prompt.expand(batch, -1)
    if batch != 1:
        raise ValueError(f"prompt has {len(prompt)} rows for batch={batch}; use 1 or {batch} rows")
    return prompt
