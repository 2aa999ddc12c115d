"""The words of the page, with room for what was measured."""

INTRODUCTION = """\
# Five epochs against ten

The report behind this project trained on twelve of Chopin's nocturnes, once for five and once for ten
epochs, and judged one piece of each by ear. This page asks the same with intervals. It is built by the
recipe from the runs, not written by hand: `{command} page=true`.
"""

RUNS = """\
## What was run

{table}
All metrics of the runs, each with its command: [runs.csv](reproduction/runs.csv).
"""

NO_CLAIMS = """\
## The report's sentences

Not measured: no seed has both lengths yet.
"""

CLAIMS = """\
## The report's sentences

{count} metrics: {summary}. Brackets are 95 % intervals. The verdict follows from the interval over
{seeds} seeds: borne out where all of it lies on the claimed side of 0; not borne out where it lies on the
other side, or where what it leaves to the claim is less than {share:g} of the spread (standard deviation)
among real pieces; not decidable else. Pieces of one seed share their networks, so the interval over pieces
is too narrow and decides nothing. Of so many intervals about one in twenty misses by chance. Real pieces
({real}, none of them trained on) are cut at 128 quarters, as long as the generated ones; the report's own
files are one piece each and have no interval.

{table}
As numbers: [claims.csv](reproduction/claims.csv); piece by piece: [pieces.csv](reproduction/pieces.csv).
"""

CURVE = """\
## More epochs

A fresh start each time, the state after the last epoch, a rate that falls over the whole length: a longer
training is another training, not a longer look at the same one. Held-out metrics first, then those of
generated pieces. Bands and square brackets are 95 % intervals over seeds, of two seeds very wide; round
brackets are over pieces, generated ones of all seeds or held-out ones (three) averaged over seeds.

![Metrics against epochs](reproduction/curves.png)

{table}
As numbers: [curves.csv](reproduction/curves.csv). One run: `python -m musicgen train
experiment=epochs_curve epochs=10 seed=0 …`, whole commands in [runs.csv](reproduction/runs.csv).
"""

WEIGHTS = """\
## Bachsformer's weights

What the published training starts from, as it cuts the music, before anything is trained:

{table}
Again: `python -m musicgen import weights=WEIGHTS evaluate=true data=giantmidi data.root=DATA …`, whole
commands in [runs.csv](reproduction/runs.csv).
"""

ARMS = """\
## What each defect costs

The published training, then the same with one defect put right, then with all. BCE and F1 are taken on
the held-out pieces as they should be drawn, so that arms which cut the music differently compare; the BCE
on music as an arm itself cuts it stands beside them and does not. Sampling without seams uses the
published networks and differs in what it writes only.

{table}
One run: `python -m musicgen train experiment=published_timing init_from=DIR …`, whole commands in
[runs.csv](reproduction/runs.csv).
"""

SEAMS = """\
What the seams cost is in the music: sampled without seams less sampled with them, seed by seed, the same
networks.

{table}"""

READING = """\
* Metrics of generated pieces hang on how notes are read from the decoder's cells (two thresholds,
  `musicgen/music/hysteresis.py`, chosen by held-out pieces). Read with one threshold, the small budget's
  verdict on visible bars was the opposite: `docs/log.md`, 2026-11-25."""
