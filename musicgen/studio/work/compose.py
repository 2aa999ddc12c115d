"""Write one version with a run: new, continued, filled or varied, and show it while it grows."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musicgen.generation.sampling import Sampling
from musicgen.music.notes import Performance
from musicgen.studio.work.asking import Asking

if TYPE_CHECKING:
    from musicgen.generation.loaded_run import LoadedRun


@dataclass(frozen=True, eq=False)
class Draft:
    """A version as far as it is written.

    Attributes:
        performance: Its notes.
        quarters: How many quarters of what is new are written.
        total: How many there will be.
        span: What is new, in quarters of the piece; None where all is.
    """

    performance: Performance
    quarters: int
    total: int
    span: tuple[float, float] | None = None


def compose(
    run: "LoadedRun", asking: Asking, *, source: bytes | None, locked: Sequence[tuple[int, float]]
) -> Iterator[Draft]:
    """Write one version; the last draft is the whole.

    Args:
        run: Writes it.
        asking: What is asked for; its seed is this version's own.
        source: The MIDI file to continue, fill or vary.
        locked: Pitch and onset, in quarters, of notes that stay.

    Raises:
        ValueError: The run cannot do what is asked.
    """
    sampling = Sampling(temperature=asking.temperature)
    if asking.kind == "new":
        [piece] = run.generate(
            1, num_quarters=asking.quarters, seed=asking.seed, sampling=sampling, tempo_bpm=asking.tempo_bpm
        )
        yield Draft(piece.performance, asking.quarters, asking.quarters)
        return
    if asking.kind != "continue":
        raise ValueError(f"this run cannot {asking.kind} a part; continue the piece instead")
    assert source is not None, f"{asking.kind} needs a source"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.mid"
        path.write_bytes(source)
        [piece] = run.continue_(path, num_quarters=asking.quarters, seed=asking.seed, sampling=sampling)
    score = piece.performance.score
    seam = score.seam_quarters if score is not None else None
    span = None if seam is None else (seam, seam + asking.quarters)
    yield Draft(piece.performance, asking.quarters, asking.quarters, span)
