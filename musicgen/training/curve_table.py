"""All metrics of a run as one table, with which a run that was killed goes on."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from musicgen.files.atomic import write_atomically


class CurveTable(Logger):
    """Write a CSV file: a row each time something is logged, a column a metric, empty cells elsewhere.

    Lightning's own logger begins another file each time a run is started, and a run that is killed loses up
    to a hundred rows that its checkpoint knows.

    Args:
        path: The file; rows that it has stay.

    Attributes:
        stage: Written into each row; empty for what belongs to no stage.
    """

    def __init__(self, *, path: str | Path) -> None:
        super().__init__()
        self.path, self.stage = Path(path), ""
        self._rows: list[dict[str, Any]] = []  # not written yet

    @property
    def name(self) -> str:
        """Give the file's name."""
        return self.path.stem

    @property
    def version(self) -> str:
        """Give none: there is one table a run."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take a row; `save` brings it to the disk."""
        values = {name: float(value) for name, value in metrics.items()}
        self._rows.append({"stage": self.stage, "step": step or 0, **values})

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Leave out what `.hydra/config.yaml` has."""

    @rank_zero_only
    def save(self) -> None:
        """Append the rows that came since; the file is written anew where they bring columns."""
        columns, rows = self._columns(), self._rows
        self._rows = []
        if any(name not in columns for row in rows for name in row):
            self._write([*self.rows(), *rows])
        elif rows:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, columns).writerows(rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()

    def rows(self, stage: str | None = None) -> list[dict[str, str]]:
        """Read the rows of a stage, or all, cells as they are written; a row that a kill cut off is none."""
        if not self.path.is_file():
            return []
        text = self.path.read_text(encoding="utf-8")
        rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
        return [row for row in rows if stage is None or row.get("stage") == stage]

    @rank_zero_only
    def rewind(self, stage: str, *, rows: int) -> None:
        """Take back the rows of a stage but for the first ones.

        Args:
            stage: Its name; rows of others stay.
            rows: How many stay.
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
        """Write the whole file, whole or not at all."""
        columns = dict.fromkeys(["stage", "epoch", "step", *(name for row in rows for name in row)])
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path, text.getvalue().encode())
