"""The csv files of the page."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from reproduction.claims import Finding, interval
from reproduction.readings import Reading
from reproduction.study import STUDENT_FILES, Study, curve_pieces, curve_values
from reproduction.sweeps import GOLDBERG, IMPORTED, Inputs
from reproduction.tables import write_csv


def write_records(
    study: Study, found: Sequence[Finding], inputs: Inputs, folder: Path, *, curves: Iterable[str]
) -> None:
    """Write what was measured: `runs.csv`, `pieces.csv`, `claims.csv`, `curves.csv`.

    Args:
        study: All that was measured.
        found: What it says of each claim.
        inputs: Where things came from.
        folder: Where the files go.
        curves: Metrics that are followed over epochs.
    """
    write_csv(folder / "runs.csv", _runs(study, inputs))
    write_csv(folder / "pieces.csv", _pieces(study))
    write_csv(folder / "claims.csv", [_claim(one) for one in found])
    write_csv(folder / "curves.csv", [row for metric in curves for row in _curve(study, metric)])


def portable(text: str, inputs: Inputs) -> str:
    """Write the machine's own folders as names that a reader replaces."""
    given = {inputs.runs: "RUNS", inputs.weights: "WEIGHTS", inputs.goldberg: "GOLDBERG"}
    names = {str(folder): name for folder, name in given.items() if folder is not None}
    roots = [setting.partition("=")[2] for setting in inputs.data if setting.startswith("data.root=")]
    names |= dict.fromkeys(roots, "DATA")
    for folder, name in names.items():
        text = text.replace(folder, name)
    return text


def _runs(study: Study, inputs: Inputs) -> list[dict[str, object]]:
    return [
        {
            **_named(one),
            "training_s": one.seconds,
            "commit": one.commit,
            "command": portable(_command(one), inputs),
            **one.metrics,
            **{f"correct/{name}": value for name, value in one.whole.items()},
        }
        for one in study.readings
    ]


def _named(one: Reading) -> dict[str, object]:
    return dict(zip(("arm", "epochs", "seed"), one.key, strict=True))


def _command(one: Reading) -> str:
    """Write the command that repeats one run by itself."""
    verb = "import" if one.key[0] in (IMPORTED, GOLDBERG) else "train"
    return " ".join(["python -m musicgen", verb, *one.run.overrides])


def _pieces(study: Study) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {**_named(one), "piece": number, **metrics}
        for one in study.readings
        for number, metrics in enumerate(one.generated)
    ]
    rows += [{"arm": "report", "piece": STUDENT_FILES[label], **row} for label, row in study.students.items()]
    return rows + [{"arm": "real", "piece": name, **row} for name, row in study.real.items()]


def _claim(one: Finding) -> dict[str, object]:
    intervals = {
        f"{part}/{key}": value
        for part in ("five", "ten", "over_seeds", "over_pieces", "real")
        for key, value in asdict(getattr(one, part)).items()
    }
    return {
        "sentence": one.claim.sentence,
        "metric": one.claim.metric,
        "claimed": "rises" if one.claim.rises else "falls",
        "verdict": one.verdict,
        "margin": one.margin,
        **intervals,
    }


def _curve(study: Study, metric: str) -> list[dict[str, object]]:
    over_seeds, over_pieces = curve_values(study, metric), curve_pieces(study, metric)
    rows: list[dict[str, object]] = []
    for epochs, values in over_seeds.items():
        parts = {"over_seeds": interval(values), "over_pieces": interval(over_pieces[epochs])}
        numbers = {
            f"{part}/{key}": value for part, one in parts.items() for key, value in asdict(one).items()
        }
        rows.append({"metric": metric, "epochs": epochs, **numbers})
    return rows
