"""From names to the labels that a conditioner knows."""

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int

from musicgen.data.batches.codes import PieceCodes
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.sources.composers import UNKNOWN, normalise
from musicgen.models.conditioners.base import Conditioner
from musicgen.models.conditioners.labels import NOTHING, LabelConditioner

logger = logging.getLogger(__name__)


def names_of(pieces: Sequence[Piece], fields: Sequence[str]) -> list[list[str]]:
    """List the names of each field that pieces have, sorted; what is unknown is no name.

    Raises:
        ValueError: Pieces have no such field.
    """
    for field in fields:
        if field not in ("composer", "era"):
            raise ValueError(f"fields={list(fields)}: pieces have no {field!r}; use composer or era")
    return [sorted({getattr(piece, field) for piece in pieces} - {UNKNOWN}) for field in fields]


def labelled(codes: PieceCodes, pieces: Sequence[Piece], conditioner: Conditioner) -> PieceCodes:
    """Add to the codes of pieces what a conditioner is told of them; nothing without labels.

    Args:
        codes: Of the same pieces in the same order.
        pieces: What they are.
        conditioner: Of the prior.
    """
    if not isinstance(conditioner, LabelConditioner):
        return codes
    fields = conditioner.fields
    rows = [[conditioner.number(field, getattr(piece, field)) for field in fields] for piece in pieces]
    return replace(codes, labels=np.array(rows, np.int64).reshape(len(pieces), len(fields)))


def labels_asked(
    conditioner: Conditioner, asked: Mapping[str, str | None]
) -> Int[torch.Tensor, "1 fields"] | None:
    """Find the labels of what is asked for, such as `{"composer": "Chopin"}`.

    Args:
        conditioner: Of the prior.
        asked: A name by field; None leaves a field open.

    Returns:
        One row of labels; None where nothing is asked for.

    Raises:
        ValueError: The prior knows no such field, or no name that is near.
    """
    wanted = {field: name for field, name in asked.items() if name is not None}
    if not wanted:
        return None
    fields = conditioner.fields if isinstance(conditioner, LabelConditioner) else []
    for field, name in wanted.items():
        if field not in fields:
            raise ValueError(
                f"{field}={name}, but this prior was told {' and '.join(fields) or 'nothing'} of its pieces; "
                f"train one with condition={field}"
            )
    assert isinstance(conditioner, LabelConditioner)
    row = [
        conditioner.number(field, nearest_name(field, wanted[field], conditioner.names[number]))
        if field in wanted
        else NOTHING
        for number, field in enumerate(fields)
    ]
    return torch.tensor([row])


def nearest_name(field: str, name: str, known: Sequence[str]) -> str:
    """Find the known name that is meant: by all of its words, else the nearest in spelling, which is logged.

    Raises:
        ValueError: None is near, or several have these words.
    """
    words = set(normalise(name).split())
    meant = [one for one in known if words and words <= set(normalise(one).split())]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise ValueError(f"{field}={name} may be {' or '.join(meant)}; write out which")
    spelled = {part: one for one in known for part in (*normalise(one).split(), normalise(one))}
    near = difflib.get_close_matches(normalise(name), spelled, n=1, cutoff=0.6)
    if not near:
        raise ValueError(f"{field}={name} is unknown to this prior; it knows {', '.join(known) or 'none'}")
    logger.warning("%s=%s is unknown; the nearest known is taken: %s", field, name, spelled[near[0]])
    return spelled[near[0]]
