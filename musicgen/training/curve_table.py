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
    """

    def __init__(self, *, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
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
        self._rows.append({"step": step or 0, **{name: float(value) for name, value in metrics.items()}})

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

    def rows(self) -> list[dict[str, str]]:
        """Read what the file has, cells as they are written; a row that a kill cut off is none."""
        if not self.path.is_file():
            return []
        text = self.path.read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))

    def rewind(self, *, after: int, step: int) -> None:
        """Take rows back.

        Args:
            after: Rows of before, which all stay.
            step: Of the later rows those at this step and above go.
        """
        self.save()
        rows = self.rows()
        self._write(rows[:after] + [row for row in rows[after:] if int(row["step"]) < step])

    def _columns(self) -> list[str]:
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the whole file, whole or not at all."""
        columns = dict.fromkeys(["epoch", "step", *(name for row in rows for name in row)])
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(columns))
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path, text.getvalue().encode())
