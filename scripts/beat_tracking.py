"""Measure `track_beats` on performances with known beats, beside two trivial trackers.

python scripts/beat_tracking.py FOLDER                # a table; about 0.3 CPU-seconds a minute of music
python scripts/beat_tracking.py FOLDER per_piece=true # also a line for each piece

FOLDER holds pairs `NAME.mid` and `NAME.beats.txt` as the ASAP data set has them: tab-separated beginning and
end in seconds and a label, which begins with `db` on downbeats.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from musicgen.music.beats import Beats, agreement, best_level, track_beats
from musicgen.music.midi import read_midi
from musicgen.music.notes import Performance

OPTIONS = {"per_piece": "false"}
_NUM_RESAMPLES = 2000

Times = Float64[np.ndarray, " beats"]


@dataclass(frozen=True)
class Annotated:
    """A performance and its true beats."""

    name: str
    performance: Performance
    times_s: Times
    is_downbeat: Bool[np.ndarray, " beats"]


def load(folder: Path) -> list[Annotated]:
    """Read all pairs of a folder, by name."""
    pieces = []
    for path in sorted(folder.glob("*.beats.txt")):
        name = path.name.removesuffix(".beats.txt")
        rows = [line.split("\t") for line in path.read_text().splitlines() if line.strip()]
        times_s = np.array([float(row[0]) for row in rows])
        is_downbeat = np.array([row[2].startswith("db") for row in rows])
        pieces.append(Annotated(name, read_midi(folder / f"{name}.mid"), times_s, is_downbeat))
    return pieces


def steady(period_s: Callable[[Annotated], float]) -> Callable[[Annotated], Beats]:
    """Make a tracker that beats steadily from the first note to the last."""

    def track(piece: Annotated) -> Beats:
        onset_s = piece.performance.onset_s
        return Beats(np.arange(onset_s[0], onset_s[-1] + 1e-9, period_s(piece)), None, 0.0)

    return track


TRACKERS: dict[str, Callable[[Annotated], Beats]] = {
    "track_beats": lambda piece: track_beats(piece.performance),
    "fixed 120 bpm": steady(lambda _: 0.5),
    "true median tempo": steady(lambda piece: float(np.median(np.diff(piece.times_s)))),
}


def interval(values: Float64[np.ndarray, " pieces"]) -> str:
    """Write a mean and its 95 % interval over resampled pieces."""
    random = np.random.default_rng(0)
    means = [random.choice(values, len(values)).mean() for _ in range(_NUM_RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def downbeat_line(pieces: list[Annotated], found: list[Beats]) -> str:
    """Sum up how often downbeats are given, and how right they are."""
    scores = [
        agreement(piece.times_s[piece.is_downbeat], beats.times_s[beats.is_downbeat])
        for piece, beats in zip(pieces, found, strict=True)
        if beats.is_downbeat is not None
    ]
    mean = f", F {np.mean(scores):.3f}" if scores else ""
    return f"downbeats given for {len(scores)} of {len(pieces)} pieces{mean}"


def main() -> None:
    """Print the table."""
    folders = [argument for argument in sys.argv[1:] if "=" not in argument]
    options = OPTIONS | dict(argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument)
    if len(folders) != 1 or set(options) != set(OPTIONS) or options["per_piece"] not in ("true", "false"):
        sys.exit(__doc__)
    pieces = load(Path(folders[0]))
    if len(pieces) < 2:
        sys.exit(
            f"{len(pieces)} pieces with NAME.mid and NAME.beats.txt in {folders[0]}; two or more are needed"
        )
    print(f"{len(pieces)} performances, F at 70 ms, mean and 95 % interval\n")
    print(f"{'tracker':18} {'F':22} {'best level':22} CPU-s a minute")
    for name, track in TRACKERS.items():
        start = time.process_time()
        found = [track(piece) for piece in pieces]
        seconds = time.process_time() - start
        score = np.array(
            [agreement(piece.times_s, beats.times_s) for piece, beats in zip(pieces, found, strict=True)]
        )
        level = np.array(
            [best_level(piece.times_s, beats.times_s) for piece, beats in zip(pieces, found, strict=True)]
        )
        minutes = sum(piece.performance.duration_s for piece in pieces) / 60
        print(f"{name:18} {interval(score):22} {interval(level):22} {seconds / minutes:.3f}")
        if name == "track_beats":
            _print_details(pieces, found, score, level, per_piece=options["per_piece"] == "true")


def _print_details(
    pieces: list[Annotated],
    found: list[Beats],
    score: Float64[np.ndarray, " pieces"],
    level: Float64[np.ndarray, " pieces"],
    *,
    per_piece: bool,
) -> None:
    confidence = np.array([beats.confidence for beats in found])
    for half in (0, 1):
        rows = slice(half, None, 2)
        print(f"  {'odd' if half else 'even'} pieces      {interval(score[rows]):22} {interval(level[rows])}")
    with_f, with_level = (np.corrcoef(confidence, values)[0, 1] for values in (score, level))
    print(f"  correlation of confidence with F {with_f:.2f}, with the best level {with_level:.2f}")
    print(f"  {downbeat_line(pieces, found)}")
    if per_piece:
        for piece, one, best, sure in zip(pieces, score, level, confidence, strict=True):
            print(f"  {one:.2f} {best:.2f} confidence {sure:.2f} {piece.name}")


if __name__ == "__main__":
    main()
