"""Count what is lost when music21's scores, whose rhythms are exact, are written down again.

python scripts/notation_count.py           # all scores that data=corpus reads, two minutes
python scripts/notation_count.py every=20  # the short form: each twentieth
"""

import sys

import numpy as np

from musicgen.data.sources.corpus import Corpus, find_scores
from musicgen.files.progress_bar import track
from musicgen.music.metrics.bars import times_from_first_quarter
from musicgen.music.notation.divisions import UNITS_PER_QUARTER
from musicgen.music.notation.naming import lines_with_two_names
from musicgen.music.notation.quantise import quantise
from musicgen.music.notation.read_scores import ScoreError, read_score, score_text
from musicgen.music.notation.score import Score, make_score
from musicgen.music.notes import Performance

MOVED = 0.02  # quarters
OPTIONS = {"every": "1"}


def moved_onsets(performance: Performance) -> tuple[int, int]:
    """Count the onsets that are written elsewhere, and the places with notes that did not begin together."""
    onset, _ = times_from_first_quarter(performance)
    written = quantise(performance).onset / UNITS_PER_QUARTER
    order = np.lexsort((onset, written))
    first = np.flatnonzero(np.diff(written[order], prepend=-1) > 0)
    spread = np.maximum.reduceat(onset[order], first) - np.minimum.reduceat(onset[order], first)
    return int((np.abs(written - onset) > MOVED).sum()), int((spread > MOVED).sum())


def shared_lines(score: Score) -> int:
    """Count the chords of a staff in which two notes are one letter with two signs, both voices together."""
    found = 0
    for bar in score.bars:
        for staff in bar.staves:
            names: dict[int, list] = {}
            for symbol in (symbol for voice in staff for symbol in voice):
                names.setdefault(symbol.start, []).extend(symbol.names)
            found += sum(bool(lines_with_two_names(together)) for together in names.values())
    return found


def main() -> None:
    """Print the counts."""
    options = OPTIONS | dict(argument.split("=", 1) for argument in sys.argv[1:])
    if set(options) != set(OPTIONS) or not options["every"].isdigit() or int(options["every"]) < 1:
        sys.exit(__doc__)
    root = Corpus(cache_dir=".").root
    scores = onsets = moved = merged = lines = 0
    paths = find_scores(root)[:: int(options["every"])]
    for path in track(paths, description="Writing scores", total=len(paths)):
        try:
            performance = read_score(path, score_text(path))
        except ScoreError as error:
            print(f"left out: {path.name}: {error}")
            continue
        here, together = moved_onsets(performance)
        scores, onsets = scores + 1, onsets + len(performance)
        moved, merged = moved + here, merged + together
        lines += shared_lines(make_score(performance, chord_names=False))
    print(f"{scores} scores, {onsets:,} onsets: {moved:,} moved by more than {MOVED} quarters")
    print(f"{merged:,} places hold notes that did not begin together")
    print(f"{lines:,} chords have two notes on one line")


if __name__ == "__main__":
    main()
