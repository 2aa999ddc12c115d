"""A passage of a piece as a piece of its own."""

from dataclasses import replace

import numpy as np

from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap


def cut_passage(performance: Performance, start: float, stop: float) -> Performance:
    """Take the notes that begin in a passage, moved so that the passage begins at 0.

    Notes that sound on behind its end are cut there; those that sound into its beginning are left out. Tempo,
    metre, key, pedals and markers of the passage stay.

    Args:
        performance: The piece.
        start: Where the passage begins, in quarters.
        stop: Where it ends, in quarters.
    """
    part = performance.between_quarters(start, stop)
    score = (performance.score or ScoreMap.constant()).between(start, stop)
    onset, offset = part.onset_quarters - start, np.minimum(part.offset_quarters, stop) - start
    return replace(
        part,
        onset_quarters=onset,
        offset_quarters=offset,
        onset_s=score.seconds(onset * score.ticks_per_quarter),
        offset_s=score.seconds(offset * score.ticks_per_quarter),
        score=score,
    )


def behind_seam(performance: Performance) -> Performance:
    """Take what a continuation adds to its prompt, from the seam on; a piece without a seam stays whole."""
    seam = performance.score.seam_quarters if performance.score and len(performance) else None
    return performance if seam is None else cut_passage(performance, seam, performance.duration_quarters)
