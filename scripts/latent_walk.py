"""Walk from one passage to another through a run's latent space: walk.mid, and walk.png with all steps.

    python scripts/latent_walk.py run=DIR start=FILE.mid end=OTHER.mid
    python scripts/latent_walk.py run=DIR start=FILE.mid start_quarter=8 end_quarter=40 quarters=4 steps=6

Without `end` the walk ends in the file that it starts in. Steps are parted by a quarter of silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from settings import read_settings, start

import musicgen
from musicgen.generation.loaded_run import LoadedRun
from musicgen.music.grid import from_slices
from musicgen.music.midi import write_midi
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER
from musicgen.music.render.piano_roll import draw_roll, sounding_range


@dataclass
class Settings:
    """The settings of the command line, as key=value.

    Attributes:
        run: The run folder.
        start: A MIDI file.
        end: Another one; by default the same.
        start_quarter: Where the passage lies in it, in quarters of the run's grid.
        end_quarter: The same for the other passage.
        quarters: Length of both passages.
        steps: Passages, with both ends.
        way: straight or spherical.
        tempo_bpm: Of what is written.
        to: Path of what is written, without its ending.
    """

    run: str = "???"
    start: str = "???"
    end: str | None = None
    start_quarter: int = 0
    end_quarter: int = 8
    quarters: int = 1
    steps: int = 8
    way: str = "straight"
    tempo_bpm: float = 60.0
    to: str = "walk"


def passage(run: LoadedRun, path: str, *, first: int, quarters: int) -> np.ndarray:
    """Read a passage of a file: cells (quarters, 88, 32).

    Raises:
        ValueError: The file has no such quarters.
    """
    slices = run.read(path)
    if not 0 <= first <= len(slices) - quarters or quarters < 1:
        raise ValueError(f"{path} has {len(slices)} quarters, not {quarters} from quarter {first} on")
    return slices[first : first + quarters]


def draw_steps(steps: Sequence[np.ndarray], path: Path) -> None:
    """Draw the rolls of all steps side by side."""
    from matplotlib.figure import Figure

    rolls = [step.transpose(1, 0, 2).reshape(NUM_PITCHES, -1) for step in steps]
    pitch_range = sounding_range(np.concatenate(rolls, axis=1))
    figure = Figure(figsize=(1.6 * len(rolls), 3), layout="constrained")
    for number, (roll, ax) in enumerate(zip(rolls, figure.subplots(1, len(rolls)), strict=True)):
        draw_roll(roll, ax, pitch_range=pitch_range, title=f"{number / (len(rolls) - 1):.2f}")
    figure.savefig(path, dpi=100)


def main(arguments: list[str]) -> None:
    """Walk, and write both files."""
    settings = read_settings(Settings, arguments)
    run = musicgen.load(settings.run)
    ends = [
        passage(run, path, first=first, quarters=settings.quarters)
        for path, first in (
            (settings.start, settings.start_quarter),
            (settings.end or settings.start, settings.end_quarter),
        )
    ]
    steps = run.walk(*ends, steps=settings.steps, way=settings.way)
    silence = np.zeros((1, NUM_PITCHES, TICKS_PER_QUARTER), bool)
    slices = np.concatenate([part for step in steps for part in (step, silence)])
    ticks = run.autoencoder.layout.ticks
    write_midi(from_slices(slices, tempo_bpm=settings.tempo_bpm, ticks=ticks), f"{settings.to}.mid")
    draw_steps(steps, Path(f"{settings.to}.png"))
    print(f"{len(steps)} steps: {settings.to}.mid, {settings.to}.png")


if __name__ == "__main__":
    start(main)
