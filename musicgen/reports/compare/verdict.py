"""Is it better than nothing: every metric beside the strongest trivial prediction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.measure.spec import BASELINES, Metric, headline_of
from musicgen.reports.compare.comparison import Comparison, Row
from musicgen.reports.tables.numbers import decimals_for, format_number

MOST_NAMED = 6  # runs that a sentence names
COLLAPSED = 3.0  # perplexity below which codes say next to nothing
MOST_LETTERS = 60  # of a run's settings in a sentence
WHOLE = "bits_per_quarter"  # the metric of autoencoder and prior together


@dataclass(frozen=True)
class Verdict:
    """What a metric says beside its trivial predictions.

    Attributes:
        metric: The metric.
        baseline: What the strongest trivial prediction is called: `per-pitch average`.
        values: What it reaches, least and greatest over the rows: codebooks have baselines of their own.
        winners: Numbers of the rows that beat it.
        losers: Numbers of those that do not.
        noun: What a row is: a run, or a group of runs.
    """

    metric: Metric
    baseline: str
    values: tuple[float, float]
    winners: tuple[str, ...]
    losers: tuple[str, ...]
    noun: str = "run"

    @property
    def value_text(self) -> str:
        """What the trivial prediction reaches, with four digits."""
        decimals = decimals_for(self.values)
        texts = [format_number(value, decimals) for value in self.values]
        return " to ".join(dict.fromkeys(texts))

    @property
    def text(self) -> str:
        """The verdict as a sentence without its full stop."""
        count, varies = len(self.winners) + len(self.losers), " to " in self.value_text
        one = f"{'its' if varies else 'the'} {self.baseline}, {self.value_text}"
        all_of_them = f"{'their' if varies else 'the'} {self.baseline}, {self.value_text}"
        if not self.winners:
            return f"no {self.noun} beats {one}" if count > 1 else f"does not beat {one}"
        if not self.losers:
            everyone = f"both {self.noun}s" if count == 2 else f"all {count} {self.noun}s"
            return f"{everyone} beat {all_of_them}" if count > 1 else f"beats {one}"
        if len(self.winners) > MOST_NAMED:
            return f"{len(self.winners)} of {count} {self.noun}s beat {all_of_them}"
        if len(self.winners) == 1:
            return f"only {self.noun} {self.winners[0]} beats {one}"
        return f"{self.noun}s {', '.join(self.winners)} beat {all_of_them}"


@dataclass(frozen=True)
class Lead:
    """Who is ahead among runs that were measured on the same pieces.

    Attributes:
        where: What sets the pieces apart; empty where all runs have the same.
        ahead: Best rows, more than one where they tie, and the metrics at which they are.
        first: The metric that leads; None where no metric has a direction.
        verdicts: How the rows stand to the trivial predictions of the headline metrics that have one.
    """

    where: str
    ahead: tuple[tuple[tuple[Row, ...], list[Metric]], ...]
    first: Metric | None
    verdicts: tuple[Verdict, ...]


def leads(comparison: Comparison) -> list[Lead]:
    """Find which rows are ahead, a lead for each data set.

    Ahead at the first headline metric that has a direction and, where it is at hand, at the bits of the
    whole model, which compare runs with any codebook.
    """
    found = []
    for data_set, rows in comparison.parts(comparison.shown):
        ahead: dict[tuple[int, ...], list[Metric]] = {}
        first, verdicts = None, []
        for metric in headline_of(comparison.metrics):
            verdict = verdict_of(comparison, metric, rows)
            verdicts += [verdict] if verdict is not None else []
            best = tuple(sorted(best_rows(comparison, metric, rows, verdict)))
            if first is None and (best or verdict is not None):
                first = metric
            elif metric.spec.name != WHOLE:
                continue
            if best:
                ahead.setdefault(best, []).append(metric)
        named = tuple((tuple(rows[index] for index in best), metrics) for best, metrics in ahead.items())
        found.append(Lead(data_set.label, named, first, tuple(verdicts)))
    return found


def lead_of(comparison: Comparison, *, is_short: bool = False) -> str:
    """Say in a sentence for each data set which run is ahead, and whether runs beat trivial predictions.

    Args:
        comparison: The comparison.
        is_short: Leave out what a table beside says: the settings of the runs, and the verdict.

    Returns:
        The sentences; empty where no metric has a direction.
    """
    sentences = []
    for lead in leads(comparison):
        found = []
        for rows, metrics in lead.ahead:
            names = [row.number if is_short else f"{row.number} ({_words(comparison, row)})" for row in rows]
            who = f"run {names[0]} is" if len(names) == 1 else f"runs {' and '.join(names)} are"
            found.append(f"{who} best in {' and '.join(map(_in_a_line, metrics))}")
        if lead.first and not is_short:
            found += [f"{_in_a_line(one.metric)}: {one.text}" for one in lead.verdicts]
            found += [] if lead.verdicts else [f"{_in_a_line(lead.first)}: nothing trivial to beat"]
        if found:
            text = (f"on {lead.where}: " if lead.where else "") + "; ".join(found) + "."
            sentences.append(text[0].upper() + text[1:])
    return " ".join(sentences)


def leading_folders(comparison: Comparison) -> list[tuple[str, Path]]:
    """List number and folder of the single runs that are ahead."""
    rows = [row for lead in leads(comparison) for ahead, _ in lead.ahead for row in ahead]
    single = {row.number: row.members[0] for row in rows if len(row.members) == 1}
    return [(number, comparison.runs[member].folder) for number, member in single.items()]


def _in_a_line(metric: Metric) -> str:
    title = metric.title
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _words(comparison: Comparison, row: Row) -> str:
    """Name a row by the settings that set it apart from those that were measured on the same pieces."""
    beside = [one.settings for one in comparison.shown if one.data == row.data]
    settings = zip(comparison.labels([row]), row.settings, zip(*beside, strict=True), strict=True)
    apart = " ".join(f"{label}={own}" for label, own, values in settings if len(set(values)) > 1)
    name = apart if apart and len(comparison.data_sets) > 1 else row.name
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"


def verdict_of(comparison: Comparison, metric: Metric, rows: Sequence[Row]) -> Verdict | None:
    """Compare a held-out metric with the trivial predictions of the same quantity.

    Args:
        comparison: The comparison.
        metric: One of its metrics.
        rows: Rows of one data set.

    Returns:
        The verdict; None where the metric has no trivial prediction, or no row has both.
    """
    if metric.better not in ("lower", "higher") or "val" not in metric.name.split("/"):
        return None
    names = [one.name for one in comparison.metrics if one.is_trivial and one.leaf == metric.leaf]
    judged = []
    for row in rows:
        own = row.cells[metric.name].mean
        known = [(metric.badness(row.cells[name].mean), name) for name in names]
        known = [one for one in known if math.isfinite(one[0])]
        if known and math.isfinite(own):
            strongest = min(known)
            judged.append((row, metric.badness(own) < strongest[0], strongest[1]))
    if not judged:
        return None
    name = judged[0][2]
    values = [row.cells[name].mean for row, _, _ in judged]
    return Verdict(
        metric=metric,
        baseline=BASELINES.get(name.split("/")[1], f"{name.split('/')[1]} prediction"),
        values=(min(values), max(values)),
        winners=tuple(row.number for row, wins, _ in judged if wins),
        losers=tuple(row.number for row, wins, _ in judged if not wins),
        noun="group" if any(len(row.members) > 1 for row in rows) else "run",
    )


def best_rows(
    comparison: Comparison, metric: Metric, rows: Sequence[Row], verdict: Verdict | None
) -> frozenset[int]:
    """Find the best rows, without those that a trivial prediction beats.

    Args:
        comparison: The comparison.
        metric: One of its metrics.
        rows: Rows of one data set.
        verdict: What `verdict_of` says of them.

    Returns:
        Positions in `rows`.
    """
    best = comparison.best(metric, rows)
    losers = verdict.losers if verdict else ()
    return frozenset(index for index in best if rows[index].number not in losers)


def run_warnings(comparison: Comparison) -> list[tuple[Row, str]]:
    """Say once a run what is wrong with its pieces, and whether its codebook has collapsed.

    Args:
        comparison: The comparison.

    Returns:
        Runs with silent or copied pieces or hardly any codes in use, and what is to be said of them.
    """
    warnings = []
    for row in comparison.rows:
        run = comparison.runs[row.members[0]]
        metrics = run.metrics
        count = int(metrics.get("generated/pieces", 0))
        found = [
            f"{int(metrics[name])} of {count} generated pieces {'is' if count == 1 else 'are'} {word}"
            for name, word in (("generated/silent_pieces", "silent"), ("generated/copied_pieces", "copied"))
            if metrics.get(name, 0) > 0
        ]
        perplexity = metrics.get("vq_vae/val/perplexity", math.inf)
        size = (run.config.get("quantizer") or {}).get("num_embeddings")
        if perplexity < (min(COLLAPSED, size / 2) if isinstance(size, int) else COLLAPSED):
            found.append(f"the codebook has collapsed (perplexity {perplexity:.2g})")
        if found:
            warnings.append((row, "; ".join(found)))
    return warnings
