"""CSV logger that continues its table when a run resumes."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from musicgen.files.atomic import write_atomically


class CurveTable(Logger):
    """Write a CSV file with a row per logging call and a column per metric.

    Lightning's CSV logger starts a new file for each process, and a killed run loses up to a hundred rows
    before its last checkpoint.

    Args:
        path: The file; existing rows are kept.

    Attributes:
        stage: Value of the stage column; empty outside stages.
    """

    def __init__(self, *, path: str | Path) -> None:
        super().__init__()
        self.path, self.stage = Path(path), ""
        self._rows: list[dict[str, Any]] = []  # not written yet

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.stem

    @property
    def version(self) -> str:
        """Empty: there is one table per run."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a row; `save` writes it to disk."""
        values = {name: float(value) for name, value in metrics.items()}
        self._rows.append({"stage": self.stage, "step": step or 0, **values})

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `.hydra/config.yaml` has the hyperparameters."""

    @rank_zero_only
    def save(self) -> None:
        """Append new rows; rewrite the file if they have new columns."""
        columns, rows = self._columns(), self._rows
        self._rows = []
        if any(name not in columns for row in rows for name in row):
            self._write([*self.rows(), *rows])
        elif rows:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, columns).writerows(rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the remaining rows."""
        self.save()

    def rows(self, stage: str | None = None) -> list[dict[str, str]]:
        """Read the rows of a stage, or all, as text; a truncated last row is ignored."""
        if not self.path.is_file():
            return []
        text = self.path.read_text(encoding="utf-8")
        rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
        return [row for row in rows if stage is None or row.get("stage") == stage]

    @rank_zero_only
    def rewind(self, stage: str, *, rows: int) -> None:
        """Remove the rows of a stage after the first `rows`.

        Args:
            stage: Name of the stage; other rows are kept.
            rows: Number of rows to keep.
        """
        self.save()
        kept, seen = [], 0
        for row in self.rows():
            seen += row.get("stage") == stage
            if row.get("stage") != stage or seen <= rows:
                kept.append(row)
        self._write(kept)

    def _columns(self) -> list[str]:
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the whole file atomically."""
        columns = dict.fromkeys(["stage", "epoch", "step", *(name for row in rows for name in row)])
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path, text.getvalue().encode())
