"""Draw new codes from a prior, any number of quarters without a seam."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musicgen.config.build import Buildable
from musicgen.files.progress_bar import track
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.drawing.bar_plan import BarPlan, Choose
from musicgen.generation.drawing.choosing import Chooser, Recall, row_generators
from musicgen.models.priors.bars import BarTransformer
from musicgen.models.priors.base import Prior


@dataclass(frozen=True, eq=False)
class DrawRequest:
    """What is to be drawn.

    Attributes:
        num_quarters: Length of each piece, the prompt included.
        generator: Source of randomness; the same seed gives the same codes, and the same first rows whatever
            the number of rows.
        batch: Number of pieces; with a prompt of several rows, leave it.
        prompt: Codes of whole quarters, kept at the front: one row per piece, or one row for all pieces.
        conditions: What the prior is told of the pieces; None for nothing.
    """

    num_quarters: int
    generator: torch.Generator
    batch: int = 1
    prompt: Int[Tensor, "rows codes"] | None = None
    conditions: Conditions | None = None


class Drawing(ABC):
    """A way to draw the codes of pieces."""

    @abstractmethod
    def quarters(self, prior: Prior, request: DrawRequest) -> Iterator[Int[Tensor, "pieces codes"]]:
        """Yield the codes quarter by quarter, without the prompt, each as soon as it is decided.

        Args:
            prior: Predicts the codes.
            request: What is to be drawn.

        Raises:
            ValueError: A number of the request is out of range, or its prompt does not fit the prior.
        """

    def draw(
        self, prior: Prior, request: DrawRequest, *, progress: bool = False
    ) -> Int[Tensor, "pieces codes"]:
        """Draw the codes of new pieces, or continue a prompt.

        A prior without a start token cannot begin by itself: without a prompt its first code is drawn
        uniformly. Dropout is off while sampling.

        Args:
            prior: Predicts the codes.
            request: What is to be drawn.
            progress: Show a bar on stderr if it takes longer than a second.

        Returns:
            Codes, int64, (batch, num_quarters * codes per quarter), on the prior's device.

        Raises:
            ValueError: A number of the request is out of range, or its prompt does not fit the prior.
        """
        quarters = self.quarters(prior, request)
        prompt = prompt_rows(prior, request).to(device=prior.device, dtype=torch.int64)
        total = request.num_quarters - prompt.shape[1] // prior.vocabulary.codes_per_slice
        if progress:
            quarters = track(quarters, description="Sampling", total=total)
        return torch.cat([prompt, *quarters], dim=1)

    def rows(self, num_pieces: int) -> int:
        """Count the streams that are drawn side by side for so many pieces."""
        return num_pieces


@dataclass(frozen=True)
class Sampling(Chooser, Drawing, Buildable):
    """Draw codes without a seam.

    When a stream no longer fits into the prior's positions, its oldest hop_quarters quarters are dropped and
    what is kept is read again: every code follows from those before it.

    Attributes:
        repetition_quarters: How far back the penalty of `Chooser` looks.
        hop_quarters: Quarters dropped at once; fewer keep more of the past, and take longer.
        recall: Lets a piece come back to what it has done; None leaves it to the prior.

    Raises:
        ValueError: A number is out of range.
    """

    rest_p: float | None = 0.9
    repetition_quarters: int = 4
    hop_quarters: int = 4
    recall: Recall | None = field(default_factory=Recall)

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled with, before anything is trained."""
        super().__post_init__()
        if self.hop_quarters < 1:
            raise ValueError(f"hop_quarters={self.hop_quarters} drops nothing; use 1 or more")
        if self.repetition_quarters < 1:
            raise ValueError(f"repetition_quarters={self.repetition_quarters} sees nothing; use 1 or more")

    def quarters(self, prior: Prior, request: DrawRequest) -> Iterator[Int[Tensor, "pieces codes"]]:
        """Yield what `draw` draws quarter by quarter, each as soon as it is drawn."""
        self._check_lengths(prior, request)
        prompt = prompt_rows(prior, request).to(device=prior.device, dtype=torch.int64)
        generators = row_generators(request.generator, batch=len(prompt))
        if prompt.shape[1] == 0 and prior.start_token is None:
            draws = [
                torch.randint(prior.num_embeddings, (1, 1), generator=row, device=row.device)
                for row in generators
            ]
            prompt = torch.cat(draws).to(prior.device)
        return _continue(
            prior,
            prompt,
            reader=Reader(prior, batch=len(prompt), conditions=request.conditions),
            sampling=self,
            generators=generators,
            length=request.num_quarters * prior.vocabulary.codes_per_slice,
        )

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


class Reader:
    """Predicts the next code of streams under each term of the conditions, and adds up the logits.

    The terms are read side by side in one batch. Each position is read once, and all that are kept again
    when the oldest are dropped.
    """

    def __init__(self, prior: Prior, *, batch: int, conditions: Conditions | None = None) -> None:
        self.prior = prior
        self.weights = (1.0,) if conditions is None else conditions.weights
        self.labels = None if conditions is None else conditions.rows(batch).to(prior.device)
        self.plan = BarPlan(prior) if isinstance(prior, BarTransformer) else None
        self.cache = prior.new_cache(batch * len(self.weights))
        self.begin = 0

    def look_ahead(self, streams: Int[Tensor, "batch positions"], begin: int, *, choose: Choose) -> None:
        """Let a prior that plans bars choose what the quarter after whole ones is about.

        Args:
            streams: The streams up to there.
            begin: The first position that is read.
            choose: Chooses a code of each row from its logits.
        """
        plan = self.plan
        if plan is None or not plan.extend(streams):
            return
        states = plan.prior.state_ahead(self.repeated(streams[:, begin:]), labels=self.labels_from(begin))

        def logits(coarse: Int[Tensor, "batch places"]) -> Float[Tensor, "batch places size"]:
            of_rows = plan.prior.coarse(states, coarse.repeat(len(self.weights), 1))
            return self.mixed(of_rows.flatten(1)).view(*coarse.shape, -1)

        plan.draw(logits, choose=choose)

    def labels_from(self, begin: int) -> Int[Tensor, "rows quarters fields"] | None:
        """Return the labels of the quarters from a position of the streams on."""
        if self.labels is None or self.labels.shape[1] == 1:
            return self.labels
        first = min(begin // self.prior.vocabulary.codes_per_slice, self.labels.shape[1] - 1)
        return self.labels[:, first:]

    def repeated(self, streams: Int[Tensor, "batch positions"]) -> Int[Tensor, "rows positions"]:
        """Return the streams once for each term."""
        return streams.repeat(len(self.weights), 1)

    def mixed(self, logits: Float[Tensor, "rows vocab"]) -> Float[Tensor, "batch vocab"]:
        """Add up the logits of the terms by their weights."""
        if len(self.weights) == 1:
            return logits
        terms = logits.unflatten(0, (len(self.weights), -1))
        weights = torch.tensor(self.weights, dtype=logits.dtype, device=logits.device)
        return torch.einsum("t,tbv->bv", weights, terms)

    def next_logits(
        self, streams: Int[Tensor, "batch positions"], begin: int
    ) -> Float[Tensor, "batch vocab"]:
        """Compute the logits of the code after the last, from the positions `begin` and later."""
        if begin != self.begin:
            self.cache.clear()
            self.begin = begin
        unread = self.repeated(streams[:, begin + self.cache.length :])
        told = {"labels": self.labels_from(begin)}
        if self.plan is not None:
            told["plan"] = self.plan.since(begin).repeat(len(self.weights), 1, 1)
        return self.mixed(self.prior(unread, self.cache, **told)[:, -1])


@torch.inference_mode()
def _continue(
    prior: Prior,
    prompt: Int[Tensor, "batch positions"],
    *,
    reader: Reader,
    sampling: Sampling,
    generators: Sequence[torch.Generator],
    length: int,
) -> Iterator[Int[Tensor, "batch codes"]]:
    """Lengthen streams code by code; yield each whole quarter."""
    batch, given = prompt.shape
    offset = 0 if prior.start_token is None else 1
    streams = prompt.new_empty(batch, offset + length)
    if prior.start_token is not None:
        streams[:, 0] = prior.start_token
    streams[:, offset : offset + given] = prompt
    per_quarter = prior.vocabulary.codes_per_slice
    shape = (per_quarter, prior.num_embeddings)
    noises = sampling.noises(shape, generators=generators, device=streams.device)

    def choose(logits: Float[Tensor, "batch size"]) -> Int[Tensor, " batch"]:
        noise = sampling.noises((1, logits.shape[-1]), generators=generators, device=streams.device)
        return sampling.choose(logits, next(noise))

    begin = 0
    was_training = prior.training
    prior.eval()
    try:
        for position in range(offset + given, offset + length):
            while position - begin > prior.max_positions:
                begin += sampling.hop_quarters * per_quarter
            if (position - offset) % per_quarter == 0:
                reader.look_ahead(streams[:, :position], begin, choose=choose)
            logits = reader.next_logits(streams[:, :position], begin)
            if sampling.recall is not None:
                logits = sampling.recall.mixed(
                    logits, streams[:, offset:position], codes_per_quarter=per_quarter
                )
            earliest = max(offset, position - sampling.repetition_quarters * per_quarter)
            same_place = streams[:, earliest + (position - earliest) % per_quarter : position : per_quarter]
            streams[:, position] = sampling.choose(logits, next(noises), recent=same_place)
            if (position + 1 - offset) % per_quarter == 0:
                yield streams[:, position + 1 - per_quarter : position + 1].clone()
    finally:
        prior.train(was_training)


def prompt_rows(prior: Prior, request: DrawRequest) -> Int[Tensor, "batch positions"]:
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
