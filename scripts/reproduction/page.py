"""What a budget measured, written between its markers on the page of the study."""

import os
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from reproduction.budgets import Budget
from reproduction.claims import Finding, interval
from reproduction.pictures import draw_curves, draw_rolls
from reproduction.readings import NAN
from reproduction.records import write_records
from reproduction.study import (
    STUDENT_FILES,
    Study,
    arm_rows,
    curve_pieces,
    curve_values,
    findings,
    seam_costs,
)
from reproduction.sweeps import CURVE, GOLDBERG, IMPORTED, Inputs
from reproduction.tables import bounds, markdown, number, signed, with_interval

CURVES = {
    "vq_vae/val/bce": "held-out BCE",
    "vq_vae/val/cell_f1": "held-out cell F1",
    "vq_vae/val/perplexity": "held-out perplexity",
    "transformer/val/nats_per_code": "held-out nats a code",
    "val/bits_per_quarter": "held-out bits a quarter",
    "generated/grooving_similarity": "grooving similarity",
    "generated/scale_consistency": "scale consistency",
    "generated/repeated_interval_rate": "repeated interval rate",
    "generated/bar_similarity_1": "similarity of neighbouring bars",
}
WEIGHTS_ON = {
    GOLDBERG: "a quarter of the Goldberg variations, all of which they were trained on",
    IMPORTED: "the held-out nocturnes",
}
WEIGHTS_METRICS = {
    "vq_vae/val/bce": "BCE",
    "baseline/pitch/bce": "each pitch's density",
    "vq_vae/val/cell_f1": "cell F1",
    "vq_vae/val/perplexity": "perplexity of 16",
    "vq_vae/val/codes_used": "codes used",
    "transformer/val/nats_per_code": "nats a code",
    "baseline/unigram/nats_per_code": "unigram",
}
BASELINES = {
    "vq_vae/val/bce": {"each pitch's density": "baseline/pitch/bce"},
    "transformer/val/nats_per_code": {
        "unigram": "baseline/unigram/nats_per_code",
        "bigram": "baseline/bigram/nats_per_code",
    },
}


def write_page(study: Study, inputs: Inputs, *, budget: Budget, name: str, docs: Path) -> Path:
    """Write the tables of a budget between its markers, and its pictures and csv files beside the page.

    Args:
        study: What was measured.
        inputs: Where things came from.
        budget: How large the study was meant to be.
        name: The budget's name.
        docs: Folder of the page; a new page has nothing but the tables.

    Returns:
        The page.
    """
    folder = docs / "reproduction" / name
    folder.mkdir(parents=True, exist_ok=True)
    found = findings(study)
    write_records(study, found, inputs, folder, curves=CURVES)
    _draw(study, inputs, folder)
    parts = [
        "### What was run\n\n" + _what_was_run(study, budget, name, _command(inputs, name)),
        f"All metrics of the runs, each with its command: [runs.csv](reproduction/{name}/runs.csv).\n",
        _claims_part(found, study, name),
        _curve_part(study, name),
        _rolls_part(folder, name),
        _weights_part(study),
        _arms_part(study),
        _missing_part(study),
    ]
    page = docs / "reproduction.md"
    text = page.read_text(encoding="utf-8") if page.exists() else "# Five epochs against ten\n"
    begin, end = (f"<!-- {name}: {edge} -->" for edge in ("begin", "end"))
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2] or "\n"
    measured = "\n".join(part for part in parts if part)
    page.write_text(f"{before}{begin}\n{measured}{end}{after}", encoding="utf-8")
    return page


def _what_was_run(study: Study, budget: Budget, name: str, command: str) -> str:
    done, asked = len(study.readings), len(study.asked)
    commits = sorted({one.commit[:12] for one in study.readings if one.commit})
    seeds = [
        f"{epochs} {'epoch' if epochs == 1 else 'epochs'}: {', '.join(map(str, sorted(runs)))}"
        for epochs, runs in study.curve.items()
    ]
    minutes = sum(one.seconds for one in study.readings) / 60
    rows = [
        ["budget", f"`{name}`: {budget.says}"],
        ["runs", f"{done} of {asked}" + ("" if done == asked else "; those left are named at the end")],
        ["held out", "; ".join(study.held_out)],
        ["seeds, fresh start", "; ".join(seeds) or "none yet"],
        ["commit of the runs", ", ".join(commits) or "unknown"],
        ["machine", _machine()],
        ["training time", f"{minutes:.0f} minutes, all runs added up, each on one thread"],
        ["command", f"`{command}`"],
    ]
    return markdown(["", ""], rows)


def _claims_part(found: Sequence[Finding], study: Study, name: str) -> str:
    title = "### The report's sentences\n\n"
    if not found:
        return title + "Not measured: no seed has both lengths yet.\n"
    students = list(study.students)
    header = [
        "sentence",
        "metric",
        "5 epochs",
        "10 epochs",
        "10 less 5, over seeds",
        "over pieces",
        "verdict",
    ]
    rows = [
        [
            one.claim.sentence,
            f"`{one.claim.metric}`: {one.claim.because}; should {'rise' if one.claim.rises else 'fall'}",
            with_interval(one.five),
            with_interval(one.ten),
            signed(one.over_seeds),
            signed(one.over_pieces),
            f"**{one.verdict}**",
            *(number(study.students[label].get(one.claim.metric, NAN)) for label in students),
            with_interval(one.real),
        ]
        for one in found
    ]
    counts = Counter(one.verdict for one in found)
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return (
        f"{title}{len(found)} metrics over {found[0].over_seeds.n} seeds: {summary}. Real pieces: "
        f"{len(study.real)}, of which no run was trained on any.\n\n"
        + markdown([*header, *students, "real, held out"], rows)
        + f"\nAs numbers: [claims.csv](reproduction/{name}/claims.csv); "
        f"piece by piece: [pieces.csv](reproduction/{name}/pieces.csv).\n"
    )


def _curve_part(study: Study, name: str) -> str:
    if not study.curve:
        return ""
    epochs = list(study.curve)
    rows = []
    for metric, title in CURVES.items():
        over_seeds, over_pieces = curve_values(study, metric), curve_pieces(study, metric)
        cells = [
            " ".join(
                filter(None, [with_interval(interval(over_seeds[one])), bounds(interval(over_pieces[one]))])
            )
            for one in epochs
        ]
        rows.append([title, *cells])
    header = ["", *(f"{one} ({len(study.curve[one])} seeds)" for one in epochs)]
    return (
        f"### More epochs\n\n![Metrics against epochs](reproduction/{name}/curves.png)\n\n"
        + markdown(header, rows)
        + f"\nAs numbers: [curves.csv](reproduction/{name}/curves.csv).\n"
    )


def _rolls_part(folder: Path, name: str) -> str:
    pictures = {
        "rolls.png": "Piece 0 of seed 0, first 64 quarters: five epochs above, ten below",
        "rolls_report.png": "The report's own two files, first 64 quarters: five epochs above, ten below",
    }
    shown = [
        f"![{says}](reproduction/{name}/{picture})\n\n{says}.\n"
        for picture, says in pictures.items()
        if (folder / picture).is_file()
    ]
    return "### To look at\n\n" + "\n".join(shown) if shown else ""


def _arms_part(study: Study) -> str:
    rows = arm_rows(study)
    if not rows:
        return ""
    header = ["arm", "seeds", "BCE", "less published", "by held-out piece", "cell F1", "less published"]
    lines = [
        [
            row.name,
            str(row.seeds),
            with_interval(row.means["bce"]),
            signed(row.change["bce"]),
            signed(row.change_by_piece),
            with_interval(row.means["cell_f1"]),
            signed(row.change["cell_f1"]),
            with_interval(row.means["note_f1"]),
            with_interval(row.own_bce),
            with_interval(row.perplexity),
            with_interval(row.codes_used),
        ]
        for row in rows
    ]
    header += ["note F1", "BCE, as it cuts", "perplexity of 16", "codes used"]
    part = "### What each defect costs\n\n" + markdown(header, lines)
    seams = [[f"`{name}`", signed(change)] for name, change in seam_costs(study).items()]
    if not seams:
        return part
    table = markdown(["metric", "change"], seams)
    return f"{part}\nSampled without seams, less with them, seed by seed, by the same networks:\n\n{table}"


def _weights_part(study: Study) -> str:
    """Show what Bachsformer's weights are before anything is trained."""
    measured = [(name, study.arm(arm).get(0)) for arm, name in WEIGHTS_ON.items()]
    rows = [
        [name, *(number(one.metrics.get(metric, NAN)) for metric in WEIGHTS_METRICS)]
        for name, one in measured
        if one is not None
    ]
    table = markdown(["", *WEIGHTS_METRICS.values()], rows)
    return f"### Bachsformer's weights\n\n{table}" if rows else ""


def _missing_part(study: Study) -> str:
    """List what the budget asks for and no run has."""
    missing: dict[tuple[str, int], list[str]] = {}
    done = {one.key for one in study.readings}
    for arm, epochs, seed in (key for key in study.asked if key not in done):
        missing.setdefault((arm, epochs), []).append(str(seed))
    lines = [
        f"* Not run yet: `{arm}` with epochs={epochs}, seed {', '.join(seeds)}."
        for (arm, epochs), seeds in missing.items()
    ]
    if not any(arm == IMPORTED for arm, _, _ in study.asked):
        lines.append(
            "* Left out, for want of Bachsformer's weights (`weights=DIR`): the arms that start there."
        )
    if not study.students:
        lines.append("* Left out: the report's own files (`students=DIR`).")
    return "### Not run\n\n" + "\n".join(lines) + "\n" if lines else ""


def _draw(study: Study, inputs: Inputs, folder: Path) -> None:
    if study.curve:
        curves = {title: curve_values(study, metric) for metric, title in CURVES.items()}
        draw_curves(folder / "curves.png", curves, references=_references(study))
    five, ten = study.curve.get(5, {}).get(0), study.curve.get(10, {}).get(0)
    if five and ten and five.run.pieces and ten.run.pieces:
        draw_rolls(folder / "rolls.png", {"5 epochs": five.run.pieces[0], "10 epochs": ten.run.pieces[0]})
    if inputs.students is not None:
        files = {label: inputs.students / name for label, name in STUDENT_FILES.items()}
        draw_rolls(folder / "rolls_report.png", files)


def _references(study: Study) -> dict[str, dict[str, float]]:
    """Give the lines beside the curves: trivial predictions, and real pieces."""
    runs = [one for one in study.readings if one.key[0] == CURVE]
    lines = {
        CURVES[metric]: {
            title: interval([run.metrics.get(name, NAN) for run in runs]).mean
            for title, name in names.items()
        }
        for metric, names in BASELINES.items()
    }
    for metric, title in CURVES.items():
        if metric.startswith("generated/"):
            name = metric.removeprefix("generated/")
            lines[title] = {
                "real, held out": interval([row.get(name, NAN) for row in study.real.values()]).mean
            }
    return lines


def _command(inputs: Inputs, budget: str) -> str:
    given = {"weights": inputs.weights, "students": inputs.students, "goldberg": inputs.goldberg}
    extra = "".join(f" {name}={name.upper()}" for name, folder in given.items() if folder)
    return f"python scripts/reproduce_epochs.py budget={budget} root=DATA{extra}"


def _machine() -> str:
    """Name the processor, its cores and PyTorch."""
    import torch

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{name}, {os.cpu_count()} cores, {device}, PyTorch {torch.__version__}"
