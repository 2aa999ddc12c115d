"""What do the codes of a run mean? The most used ones as pictures, and each as sound: PATH.png, PATH.mid.

    python scripts/most_used_codes.py run=chorales-small to=outputs/most_used_codes
    python scripts/most_used_codes.py run=DIR codes=48 split=train

A picture shows, for a code, how often each of its pitches sounds in each tick of the quarters that have it,
wherever on the keyboard it lies; above it stand its number and its share of all codes. In the MIDI file each
code is heard as the quarter, of those that have it, that is nearest to this mean, with a rest after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure
from settings import read_settings, start

from musicgen.cli.shared.pieces import prepared_pieces
from musicgen.config.build import build
from musicgen.config.tree import plain, read_run_config
from musicgen.files.run_folders import find_run
from musicgen.generation.loaded_run import LoadedRun, load
from musicgen.generation.tokenize import encode_pieces
from musicgen.music.grid import from_slices
from musicgen.music.midi import write_midi
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER, unpack

COLUMNS = 12


@dataclass
class Settings:
    """The settings of the command line, as key=value.

    Attributes:
        run: A run, or a model; its pieces must be there.
        codes: How many codes are shown.
        split: Whose pieces are asked: train, val or test.
        tempo_bpm: Of the sound.
        to: Path of what is written, without its ending.
    """

    run: str = "???"
    codes: int = 24
    split: str = "val"
    tempo_bpm: float = 60.0
    to: str = "most_used_codes"


@dataclass(frozen=True)
class Meaning:
    """What stands in the quarters that have a code.

    Attributes:
        code: Its number.
        share: Of all codes.
        mean: How often each pitch of its place sounds in each tick.
        example: The quarter nearest to the mean, all pitches.
    """

    code: int
    share: float
    mean: Float[np.ndarray, "pitches ticks"]
    example: Bool[np.ndarray, "88 32"]


def meanings(
    codes: Int[np.ndarray, "quarters positions"], slices: Bool[np.ndarray, "quarters 88 32"], *, count: int
) -> Iterator[Meaning]:
    """Yield what the most used codes mean, the most used one first.

    Args:
        codes: Positions lie one above the other on the keyboard, and share a codebook.
        slices: The same quarters.
        count: How many codes.
    """
    quarters, positions = codes.shape
    patches = slices.reshape(quarters * positions, NUM_PITCHES // positions, TICKS_PER_QUARTER)
    used = np.bincount(codes.ravel())
    for code in np.argsort(-used, kind="stable")[: min(count, np.count_nonzero(used))]:
        places = np.flatnonzero(codes.ravel() == code)
        mean = patches[places].mean(axis=0)
        nearest = places[np.abs(patches[places] - mean).sum(axis=(1, 2)).argmin()]
        example = np.zeros((positions, *mean.shape), bool)
        example[nearest % positions] = patches[nearest]
        share = used[code] / codes.size
        yield Meaning(int(code), float(share), mean, example.reshape(NUM_PITCHES, TICKS_PER_QUARTER))


def codes_and_slices(run: LoadedRun, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Encode the pieces of a split.

    Raises:
        ValueError: Codes do not lie one above the other on the keyboard, or there is no such split.
    """
    config = read_run_config(run.folder / ".hydra" / "config.yaml")
    splits = prepared_pieces(config, make=lambda named: build(plain(named))).splits
    if split not in splits:
        raise ValueError(f"split={split}; use one of {', '.join(splits)}")
    codes = encode_pieces(run.autoencoder, splits[split]).codes.astype(np.int64)
    if NUM_PITCHES % codes.shape[1] or run.autoencoder.grid[1] != 1:
        raise ValueError(
            f"{run.folder}: its {codes.shape[1]} codes are not parts of the keyboard; use vq_vae=pitch"
        )
    return codes, unpack(splits[split].gather_packed(np.arange(len(codes)), channels=1)[:, 0])


def draw(found: list[Meaning], path: Path) -> None:
    """Draw the mean of each code, low pitches below."""
    rows = -(-len(found) // COLUMNS)
    figure = Figure(figsize=(COLUMNS, 1.25 * rows), layout="constrained", facecolor="white")
    for number, meaning in enumerate(found):
        axes = figure.add_subplot(rows, COLUMNS, number + 1, xticks=[], yticks=[])
        axes.imshow(meaning.mean, origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=1)
        axes.set_title(f"{meaning.code}: {meaning.share:.1%}", fontsize=8)
    figure.savefig(path, dpi=110)


def main(arguments: list[str]) -> None:
    """Encode, count, draw and write."""
    settings = read_settings(Settings, arguments)
    codes, slices = codes_and_slices(load(find_run(settings.run)), settings.split)
    found = list(meanings(codes, slices, count=settings.codes))
    Path(settings.to).parent.mkdir(parents=True, exist_ok=True)
    draw(found, Path(f"{settings.to}.png"))
    rest = np.zeros((NUM_PITCHES, TICKS_PER_QUARTER), bool)
    heard = np.stack([part for meaning in found for part in (meaning.example, rest)])
    write_midi(from_slices(heard, tempo_bpm=settings.tempo_bpm), f"{settings.to}.mid")
    print(f"{len(found)} of {len(np.unique(codes))} codes in use: {settings.to}.png, {settings.to}.mid")


if __name__ == "__main__":
    start(main)
