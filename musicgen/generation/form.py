"""Draw pieces of several sections, some of which come back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from musicgen.generation.edits.seams import quarter_nats
from musicgen.generation.sampling import Drawing, DrawRequest, prompt_rows
from musicgen.models.priors.base import Prior

SEAM_QUARTERS = 4
"""How much of a section that comes back is asked whether it follows well."""


@dataclass(frozen=True, eq=False)
class Form(Drawing):
    """Sections of equal length by letters: a letter that comes again brings back its music, unchanged.

    A small prior repeats next to nothing of what it wrote, where real music does. So the form is given, and
    the prior writes what is new in it. Before a section that comes back several candidates are drawn, of
    which the one is kept that leads into it best.

    Attributes:
        drawing: How sections are drawn.
        letters: One for each section, such as `AABA`.
        candidates: Draws of a section that leads into one that comes back.

    Raises:
        ValueError: There are no letters, or no candidates.
    """

    drawing: Drawing
    letters: str
    candidates: int = 4

    def __post_init__(self) -> None:
        """Refuse what makes no piece."""
        if not self.letters.isalpha():
            raise ValueError(f"form={self.letters!r} has no sections; use letters such as AABA")
        if self.candidates < 1:
            raise ValueError(f"candidates={self.candidates}; use 1 or more")

    def rows(self, num_pieces: int) -> int:
        """Count the streams that are drawn side by side for so many pieces."""
        return self.drawing.rows(num_pieces * self.candidates)

    def quarters(self, prior: Prior, request: DrawRequest) -> Iterator[Int[Tensor, "pieces codes"]]:
        """Yield the codes quarter by quarter; those of a section come together."""
        codes, per_quarter = prompt_rows(prior, request).cpu(), prior.vocabulary.codes_per_slice
        length = section_quarters(self.letters, request.num_quarters - codes.shape[1] // per_quarter)
        sections: dict[str, Int[Tensor, "pieces codes"]] = {}
        for place, letter in enumerate(self.letters):
            if letter not in sections:
                after = self.letters[place + 1 : place + 2]
                is_followed = after == letter or after in sections
                count = self.candidates if is_followed else 1
                section = replace(
                    request,
                    num_quarters=codes.shape[1] // per_quarter + length,
                    batch=len(codes) * count,
                    prompt=codes.repeat_interleave(count, dim=0) if codes.shape[1] else None,
                    conditions=None if request.conditions is None else request.conditions.repeated(count),
                )
                drawn = torch.cat(list(self.drawing.quarters(prior, section)), dim=1).cpu()
                if is_followed:
                    came = sections.get(after)
                    coming = drawn if came is None else came.repeat_interleave(count, dim=0)
                    drawn = self._leading(prior, codes, drawn, coming)
                sections[letter] = drawn
            codes = torch.cat([codes, sections[letter]], dim=1)
            yield from sections[letter].split(per_quarter, dim=1)

    def _leading(
        self,
        prior: Prior,
        codes: Int[Tensor, "pieces given"],
        drawn: Int[Tensor, "rows codes"],
        coming: Int[Tensor, "rows codes"],
    ) -> Int[Tensor, "pieces codes"]:
        """Keep the candidate of each piece after which what comes is the likeliest."""
        per_quarter = prior.vocabulary.codes_per_slice
        count = len(drawn) // len(codes)
        seam = coming[:, : SEAM_QUARTERS * per_quarter]
        rows = torch.cat([codes.repeat_interleave(count, dim=0), drawn, seam], dim=1)
        rows = rows.view(len(rows), -1, per_quarter)
        stop = rows.shape[1]
        nats = quarter_nats(prior, rows, first=stop - seam.shape[1] // per_quarter, stop=stop).mean(dim=1)
        best = nats.view(len(codes), count).argmin(dim=1).cpu()
        return drawn.view(len(codes), count, -1)[torch.arange(len(codes)), best]


def section_quarters(letters: str, quarters: int) -> int:
    """Return the length of one of several equal sections.

    Raises:
        ValueError: The quarters cannot be parted equally.
    """
    if quarters % len(letters):
        fitting = max(1, quarters // len(letters)) * len(letters)
        raise ValueError(
            f"form={letters} has {len(letters)} equal sections, and {quarters} new quarters cannot be parted "
            f"so; use num_quarters={fitting}"
        )
    return quarters // len(letters)
