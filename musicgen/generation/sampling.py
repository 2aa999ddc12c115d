"""Draw new codes from a prior, any number of quarters without a seam."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.config.build import Buildable
from musicgen.files.progress_bar import track
from musicgen.generation.choosing import Chooser, row_generators
from musicgen.models.priors.base import Prior


@runtime_checkable
class Reader(Protocol):
    """Reads a stretch of the streams and predicts what comes next."""

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        ...


class CachedReader:
    """Reads each position once, and all that are kept again when the oldest are dropped."""

    def __init__(
        self, prior: Prior, *, batch: int, labels: Int[Tensor, "batch fields"] | None = None
    ) -> None:
        self.prior, self.labels = prior, labels
        self.cache = prior.new_cache(batch)
        self.begin = 0

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        if begin != self.begin:
            self.cache.clear()
            self.begin = begin
        unread = streams[:, begin + self.cache.length :]
        return self.prior(unread, self.cache, labels=self.labels)[:, -1]


class UncachedReader:
    """Reads everything again for each code: slow, and plainly right."""

    def __init__(
        self, prior: Prior, *, batch: int, labels: Int[Tensor, "batch fields"] | None = None
    ) -> None:
        self.prior, self.labels = prior, labels

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        return self.prior(streams[:, begin:], labels=self.labels)[:, -1]


class GuidedReader:
    """Goes from what a prior predicts without labels towards what it predicts with them, and beyond.

    Classifier-free guidance (Ho and Salimans 2021, equation 6, with their w + 1 for our guidance): the
    logits are those without labels plus `guidance` times the difference that the labels make.

    Args:
        with_labels: Reads what the prior predicts with labels.
        without: Reads what it predicts without.
        guidance: 0 is without labels, 1 with them, 2 twice as far.
    """

    def __init__(self, with_labels: Reader, without: Reader, *, guidance: float) -> None:
        self.with_labels, self.without, self.guidance = with_labels, without, guidance

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        without = self.without.next_logits(streams, begin)
        return without + self.guidance * (self.with_labels.next_logits(streams, begin) - without)


@dataclass(frozen=True, eq=False)
class DrawRequest:
    """What is to be drawn.

    Attributes:
        num_quarters: Length of each piece, the prompt included.
        generator: Source of randomness; the same seed gives the same codes, and the same first rows whatever
            the number of rows.
        batch: Number of pieces; with a prompt of several rows, leave it.
        prompt: Codes of whole quarters, kept at the front: one row per piece, or one row for all pieces.
        labels: What the prior is told of each piece, or of all in one row; None for nothing.
        guidance: How much the labels count: 0 not at all, 1 as the prior has learned, 2 twice as far.
    """

    num_quarters: int
    generator: torch.Generator
    batch: int = 1
    prompt: Int[Tensor, "rows codes"] | None = None
    labels: Int[Tensor, "batch fields"] | None = None
    guidance: float = 1.0


@dataclass(frozen=True)
class Sampling(Buildable):
    """Draw codes without a seam.

    When a stream no longer fits into the prior's positions, its oldest hop_quarters quarters are dropped and
    what is kept is read again: every code follows from those before it.

    Attributes:
        temperature: Divides the logits; 0 always takes the likeliest code.
        top_k: Only the k likeliest codes may come; None for all.
        top_p: Only the fewest likeliest codes that together have this share may come; None for all.
        min_p: Only codes that have at least this share of the likeliest one's share may come; None for all.
        repetition_penalty: A code that was at the same place in the last `repetition_quarters` is so many
            times less likely; below 1 more likely; 1 leaves all as it is.
        repetition_quarters: How far back the penalty listens.
        hop_quarters: Quarters dropped at once; fewer keep more of the past, and take longer.

    Raises:
        ValueError: A number is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = 0.05
    repetition_penalty: float = 1.0
    repetition_quarters: int = 4
    hop_quarters: int = 4

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled with, before anything is trained."""
        self.chooser()
        if self.hop_quarters < 1:
            raise ValueError(f"hop_quarters={self.hop_quarters} drops nothing; use 1 or more")
        if self.repetition_quarters < 1:
            raise ValueError(f"repetition_quarters={self.repetition_quarters} hears nothing; use 1 or more")

    def chooser(self) -> Chooser:
        """Make what chooses single codes."""
        return Chooser(
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
        )

    def draw(
        self,
        prior: Prior,
        request: DrawRequest,
        *,
        reader: type[CachedReader] | type[UncachedReader] = CachedReader,
    ) -> Int[Tensor, "pieces codes"]:
        """Draw the codes of new pieces, or continue a prompt.

        A prior without a start token cannot begin by itself: without a prompt its first code is drawn
        uniformly. Dropout is off while sampling.

        Args:
            prior: Predicts the codes.
            request: What is to be drawn.
            reader: CachedReader, or UncachedReader as a reference.

        Returns:
            Codes, int64, (batch, num_quarters * codes per quarter), on the prior's device.

        Raises:
            ValueError: A number of the request is out of range, or its prompt does not fit the prior.
        """
        per_quarter = prior.vocabulary.codes_per_slice
        self._check_lengths(prior, request)
        prompt = _prompt_rows(prior, request).to(device=prior.device, dtype=torch.int64)
        generators = row_generators(request.generator, batch=len(prompt))
        if prompt.shape[1] == 0 and prior.start_token is None:
            draws = [
                torch.randint(prior.num_embeddings, (1, 1), generator=row, device=row.device)
                for row in generators
            ]
            prompt = torch.cat(draws).to(prior.device)
        was_training = prior.training
        prior.eval()
        try:
            with torch.inference_mode():
                codes = _continue(
                    prior,
                    prompt,
                    reader=_reader(prior, request, batch=len(prompt), kind=reader),
                    sampling=self,
                    generators=generators,
                    length=request.num_quarters * per_quarter,
                )
        finally:
            prior.train(was_training)
        return codes.clone()

    def _check_lengths(self, prior: Prior, request: DrawRequest) -> None:
        """Refuse counts that make no piece."""
        for name in ("num_quarters", "batch"):
            if getattr(request, name) < 1:
                raise ValueError(f"{name}={getattr(request, name)} makes no piece; use 1 or more")
        most = prior.max_positions // prior.vocabulary.codes_per_slice
        if self.hop_quarters > most:
            raise ValueError(
                f"hop_quarters={self.hop_quarters} does not fit max_positions={prior.max_positions}; "
                f"use 1 to {most}"
            )


def _continue(
    prior: Prior,
    prompt: Int[Tensor, "batch positions"],
    *,
    reader: Reader,
    sampling: Sampling,
    generators: Sequence[torch.Generator],
    length: int,
) -> Int[Tensor, "batch length"]:
    """Lengthen streams code by code."""
    batch, given = prompt.shape
    offset = 0 if prior.start_token is None else 1
    streams = prompt.new_empty(batch, offset + length)
    if prior.start_token is not None:
        streams[:, 0] = prior.start_token
    streams[:, offset : offset + given] = prompt
    chooser, per_quarter = sampling.chooser(), prior.vocabulary.codes_per_slice
    shape = (per_quarter, prior.num_embeddings)
    noises = chooser.noises(shape, generators=generators, device=streams.device)
    begin = 0
    positions = range(offset + given, offset + length)
    for position in track(positions, description="Sampling", total=len(positions)):
        while position - begin > prior.max_positions:
            begin += sampling.hop_quarters * per_quarter
        logits = reader.next_logits(streams[:, :position], begin)
        earliest = max(offset, position - sampling.repetition_quarters * per_quarter)
        same_place = streams[:, earliest + (position - earliest) % per_quarter : position : per_quarter]
        streams[:, position] = chooser.choose(logits, next(noises), heard=same_place)
    return streams[:, offset:]


def _reader(
    prior: Prior, request: DrawRequest, *, batch: int, kind: type[CachedReader] | type[UncachedReader]
) -> Reader:
    """Make what reads the streams with the labels of a request, guided where that is asked for.

    Raises:
        ValueError: The guidance is out of range, or labels fit neither one piece nor all.
    """
    labels, guidance = request.labels, request.guidance
    if not 0 <= guidance < float("inf"):
        raise ValueError(f"guidance={guidance}; use 0 (labels do not count) or more, 1 as learned")
    if labels is None or guidance == 0:
        return kind(prior, batch=batch)
    if len(labels) not in (1, batch):
        raise ValueError(f"labels of {len(labels)} pieces for batch={batch}; use 1 or {batch} rows")
    told = kind(prior, batch=batch, labels=labels.to(prior.device).expand(batch, -1))
    return told if guidance == 1 else GuidedReader(told, kind(prior, batch=batch), guidance=guidance)


def _prompt_rows(prior: Prior, request: DrawRequest) -> Int[Tensor, "batch positions"]:
    """Return the prompt with a row per piece; an empty one if there is none.

    Raises:
        ValueError: The prompt has another shape, other codes, or leaves nothing to write.
    """
    prompt, batch, per_quarter = request.prompt, request.batch, prior.vocabulary.codes_per_slice
    if prompt is None:
        return torch.zeros(batch, 0, dtype=torch.int64)
    if prompt.ndim != 2 or prompt.shape[1] % per_quarter:
        raise ValueError(f"prompt has shape {tuple(prompt.shape)}; use (batch, quarters * {per_quarter})")
    given = prompt.shape[1] // per_quarter
    if given >= request.num_quarters:
        raise ValueError(
            f"num_quarters={request.num_quarters} leaves nothing to write after a prompt of {given} "
            f"quarters; use {given + 1} or more, or a shorter prompt"
        )
    if given and not 0 <= int(prompt.min()) <= int(prompt.max()) < prior.num_embeddings:
        raise ValueError(
            f"prompt has codes from {int(prompt.min())} to {int(prompt.max())}; this prior knows "
            f"0 to {prior.num_embeddings - 1}: encode the prompt with the run's own autoencoder"
        )
    if len(prompt) == batch:
        return prompt
    if len(prompt) == 1:
        return prompt.expand(batch, -1)
    if batch != 1:
        raise ValueError(f"prompt has {len(prompt)} rows for batch={batch}; use 1 or {batch} rows")
    return prompt
