from pathlib import Path

import pytest
from model_card import BEGIN, END, metrics_table, write_table

METRICS = {
    "val/bits_per_quarter": 31.25,
    "baseline/chain/bits_per_quarter": 44.9,
    "vq_vae/val/bce": 0.05,
    "baseline/pitch/bce": 0.11,
    "transformer/val/nats_per_code": None,
    "generated/polyphony": 3.5,
    "real/polyphony": 4.0,
}


def test_metrics_stand_beside_what_they_are_to_be_compared_with():
    table = metrics_table(METRICS)
    assert "| `vq_vae/val/bce` | 0.05 | baseline/pitch/bce 0.11 | ↓ |" in table
    assert "| `val/bits_per_quarter` | 31.25 | baseline/chain/bits_per_quarter 44.9 | ↓ |" in table
    assert "| `generated/polyphony` | 3.5 | real 4 |" in table
    assert "nats_per_code" not in table


def test_the_table_takes_the_place_of_the_last_one_and_nothing_else(tmp_path: Path):
    card = tmp_path / "README.md"
    card.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for table in ("first", "second"):
        write_table(card, table)
    assert card.read_text() == f"before\n{BEGIN}\nsecond\n{END}\nafter\n"
    card.write_text("no place")
    with pytest.raises(ValueError, match="no place for a table"):
        write_table(card, "table")
