"""What the runs of the study came to, put together for the page."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from musicgen.data.store.packed import PackedPieces
from musicgen.measure.music import describe
from musicgen.music.grid import from_packed
from musicgen.music.theory.harmony import describe_harmony
from reproduction.claims import CLAIMS, Finding, Interval, find, interval
from reproduction.readings import (
    COMPARED_QUARTERS,
    NAN,
    READINGS_VERSION,
    Metrics,
    Reading,
    correct_pieces,
    music_metrics,
    read_sweeps,
)
from reproduction.sweeps import ARMS, CURVE, PUBLISHED, SEAMLESS, Inputs, Key, Sweep

REAL_FILE = "real.json"  # beside the runs: what was measured of real pieces, with what it was measured of
STUDENT_FILES = {"report, 5": "chopin_noc_5.mid", "report, 10": "chopin_noc_10.mid"}
ARM_METRICS = ("bce", "cell_f1", "note_f1")


@dataclass(frozen=True)
class Study:
    """All that was measured.

    Attributes:
        asked: All runs that the budget asks for.
        readings: Those that are done.
        real: Metrics of held-out real pieces by file name.
        students: Metrics of the report's own outputs by label; empty without them.
        held_out: Names of the pieces that no run was trained on.
    """

    asked: Sequence[Key]
    readings: Sequence[Reading]
    real: Mapping[str, Metrics]
    students: Mapping[str, Metrics]
    held_out: Sequence[str]

    @property
    def curve(self) -> dict[int, dict[int, Reading]]:
        """Give the trainings from a fresh start: epochs -> seed -> reading."""
        found: dict[int, dict[int, Reading]] = {}
        for reading in self.readings:
            arm, epochs, seed = reading.key
            if arm == CURVE:
                found.setdefault(epochs, {})[seed] = reading
        return dict(sorted(found.items()))

    def arm(self, name: str) -> dict[int, Reading]:
        """Give the readings of an arm by seed."""
        return {reading.key[2]: reading for reading in self.readings if reading.key[0] == name}


def gather(sweeps: Sequence[Sweep], inputs: Inputs) -> Study:
    """Measure what is done, and what stands beside it."""
    prepared = correct_pieces(inputs)
    held_out = prepared.splits["val"]
    known = {piece.content for piece in prepared.splits["train"].pieces}
    students = {}
    if inputs.students is not None:
        students = {label: music_metrics(inputs.students / name) for label, name in STUDENT_FILES.items()}
    return Study(
        asked=[key for sweep in sweeps for key in sweep.keys],
        readings=read_sweeps(sweeps, held_out),
        real=_real_metrics(inputs, known),
        students=students,
        held_out=[piece.path.name for piece in held_out.pieces],
    )


def findings(study: Study) -> list[Finding]:
    """Measure each claim on the seeds that have both five and ten epochs; none without such seeds."""
    five, ten = study.curve.get(5, {}), study.curve.get(10, {})
    seeds = sorted(five.keys() & ten.keys())
    if not seeds:
        return []
    return [
        find(
            claim,
            five=[_values(five[seed].generated, claim.metric) for seed in seeds],
            ten=[_values(ten[seed].generated, claim.metric) for seed in seeds],
            real=_values(study.real.values(), claim.metric),
        )
        for claim in CLAIMS
    ]


@dataclass(frozen=True)
class ArmRow:
    """An arm of the published training.

    Attributes:
        name: What it is called on the page.
        seeds: How many seeds.
        means: Metric -> mean and interval over seeds, on correctly drawn held-out music.
        change: Metric -> arm less published, seed by seed.
        change_by_piece: BCE, arm less published, held-out piece by held-out piece (means over seeds).
        own_bce: BCE on held-out music as the arm itself cuts it.
        perplexity: Of 16, as the arm itself cuts the music.
        codes_used: The same.
    """

    name: str
    seeds: int
    means: Mapping[str, Interval]
    change: Mapping[str, Interval]
    change_by_piece: Interval
    own_bce: Interval
    perplexity: Interval
    codes_used: Interval


def arm_rows(study: Study) -> list[ArmRow]:
    """Compare each arm that trains an autoencoder with the published one."""
    published = study.arm(PUBLISHED)
    rows = []
    for arm, label in ARMS.items():
        readings = study.arm(arm)
        if not readings or arm == SEAMLESS:  # its networks are the published ones
            continue
        both = sorted(readings.keys() & published.keys()) if arm != PUBLISHED else []
        ours, theirs = [readings[seed] for seed in both], [published[seed] for seed in both]
        rows.append(
            ArmRow(
                name=label,
                seeds=len(readings),
                means={
                    name: interval([one.whole[name] for one in readings.values()]) for name in ARM_METRICS
                },
                change={
                    name: interval([a.whole[name] - b.whole[name] for a, b in zip(ours, theirs, strict=True)])
                    for name in ARM_METRICS
                },
                change_by_piece=interval(_by_piece(ours, theirs)),
                own_bce=_own(readings, "bce"),
                perplexity=_own(readings, "perplexity"),
                codes_used=_own(readings, "codes_used"),
            )
        )
    return rows


def curve_values(study: Study, metric: str) -> dict[int, list[float]]:
    """Give a metric of the trainings from a fresh start by epochs, a value a seed."""
    values = {}
    for epochs, readings in study.curve.items():
        if metric.startswith("generated/"):
            name = metric.removeprefix("generated/")
            values[epochs] = [interval(_values(one.generated, name)).mean for one in readings.values()]
        else:
            values[epochs] = [one.metrics.get(metric, NAN) for one in readings.values()]
    return values


def curve_pieces(study: Study, metric: str) -> dict[int, list[float]]:
    """Give the same metric a value a piece: each generated one, or each held-out one averaged over seeds.

    Metrics that are not taken piece by piece have no values.
    """
    values = {}
    for epochs, readings in study.curve.items():
        if metric.startswith("generated/"):
            rows = [row for one in readings.values() for row in one.generated]
            values[epochs] = _values(rows, metric.removeprefix("generated/"))
        elif metric.startswith("vq_vae/val/"):
            name = metric.removeprefix("vq_vae/val/")
            by_piece = zip(*(_values(one.held_out, name) for one in readings.values()), strict=True)
            values[epochs] = [interval(piece).mean for piece in by_piece]
        else:
            values[epochs] = []
    return values


def seam_costs(study: Study) -> dict[str, Interval]:
    """Compare sampling without seams with sampling with them: metric -> change, seed by seed."""
    seamed, seamless = study.arm(PUBLISHED), study.arm(SEAMLESS)
    seeds = sorted(seamed.keys() & seamless.keys())
    if not seeds:
        return {}
    changes = {}
    for name in dict.fromkeys(claim.metric for claim in CLAIMS):
        pairs = [
            [interval(_values(one[seed].generated, name)).mean for one in (seamless, seamed)]
            for seed in seeds
        ]
        changes[name] = interval([without - with_seams for without, with_seams in pairs])
    return changes


def _own(readings: Mapping[int, Reading], name: str) -> Interval:
    return interval([one.metrics.get(f"vq_vae/val/{name}", NAN) for one in readings.values()])


def _by_piece(ours: Sequence[Reading], theirs: Sequence[Reading]) -> list[float]:
    if not ours:
        return []
    pieces = range(len(ours[0].held_out))
    return [
        sum(a.held_out[piece]["bce"] - b.held_out[piece]["bce"] for a, b in zip(ours, theirs, strict=True))
        / len(ours)
        for piece in pieces
    ]


def _values(rows: Iterable[Metrics], name: str) -> list[float]:
    return [row.get(name, NAN) for row in rows]


def _real_metrics(inputs: Inputs, known: set[str]) -> dict[str, Metrics]:
    """Describe the composer's pieces that no run was trained on, to their 128th quarter."""
    wider = tuple("data.title=null" for one in inputs.data if one.startswith("data.title="))
    prepared = correct_pieces(inputs, *wider)
    kept = inputs.runs / REAL_FILE
    contents = [READINGS_VERSION, *sorted({piece.content for piece in prepared.pieces} - known)]
    if kept.is_file():
        remembered = json.loads(kept.read_text())
        if remembered["of"] == contents:
            return remembered["metrics"]
    metrics: dict[str, Metrics] = {}
    for pieces in prepared.splits.values():
        for number, piece in enumerate(pieces.pieces):
            if piece.content not in known:
                metrics[piece.path.name] = _described(pieces, number)
    kept.write_text(json.dumps({"of": contents, "metrics": metrics}) + "\n")
    return metrics


def _described(pieces: PackedPieces, number: int) -> Metrics:
    performance = from_packed(pieces.piece(number)[:COMPARED_QUARTERS])
    return describe(performance) | describe_harmony(performance)
