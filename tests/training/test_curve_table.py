"""The table of curves: every row once, through restarts and kills."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from musicgen.training.curve_table import CurveTable

NAMES = st.sampled_from(["vq_vae/val/bce", "vq_vae/step/bce", "transformer/lr"])
ROWS = st.lists(st.dictionaries(NAMES, st.floats(allow_nan=False), min_size=1), max_size=6)


def written(table: CurveTable) -> list[dict[str, float]]:
    return [
        {name: float(cell) for name, cell in row.items() if cell and name != "step"} for row in table.rows()
    ]


@given(batches=st.lists(ROWS, max_size=4))
def test_what_is_logged_is_what_is_read_whenever_it_was_saved_and_whoever_began(
    batches: list[list[dict[str, float]]], tmp_path_factory
):
    path = tmp_path_factory.mktemp("table") / "metrics.csv"
    for batch in batches:
        table = CurveTable(path=path)  # each time by a new process
        for step, row in enumerate(batch):
            table.log_metrics(row, step=step)
        table.save()
    assert written(CurveTable(path=path)) == [row for batch in batches for row in batch]


def test_taking_back_leaves_the_stage_before_and_what_the_checkpoint_knows(tmp_path: Path):
    table = CurveTable(path=tmp_path / "metrics.csv")
    for name in ("vq_vae", "transformer"):
        table.stage = name
        for step in range(4):
            table.log_metrics({f"{name}/step/loss": 1.0}, step=step)
    table.rewind("transformer", rows=2)
    assert [row["step"] for row in table.rows()] == ["0", "1", "2", "3", "0", "1"]


def test_a_row_that_a_kill_cut_off_is_none_and_spoils_no_other(tmp_path: Path):
    table = CurveTable(path=tmp_path / "metrics.csv")
    for step in range(3):
        table.log_metrics({"a": step}, step=step)
    table.save()
    whole = table.path.read_text()
    table.path.write_text(whole[:-2])
    assert [row["step"] for row in table.rows()] == ["0", "1"]
    table.rewind("", rows=3)
    table.log_metrics({"a": 2.0}, step=2)
    table.save()
    assert table.path.read_text() == whole
