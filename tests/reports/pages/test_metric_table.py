"""The metrics of one run as tables."""

from musicgen.reports.pages.metric_table import metric_tables, metrics_text

METRICS = {
    "generated/polyphony": 2.0,
    "real/polyphony": 2.5,
    "vq_vae/val/bce": 0.01,
    "real/pitch_range": 40.0,
    "generated/their_own": 1.0,
}


def test_generated_metrics_stand_beside_real_ones_by_group():
    tables = metric_tables(METRICS)
    assert [table.title for table in tables] == ["Headline", "Texture", "Other", "Pitch"]
    texts = {
        line.cells[0].value: [cell.text for cell in line.cells] for table in tables for line in table.lines
    }
    assert texts["vq_vae/val/bce"][:3] == ["BCE ↓", "0.01000", ""]
    assert texts["generated/polyphony"][:3] == ["Polyphony →", "2.000", "2.500"]
    assert texts["real/pitch_range"][:3] == ["Pitch range, held-out real", "40", ""]
    assert texts["generated/their_own"][0] == "Their own"
    assert texts["generated/polyphony"][3].startswith("How many pitches sound at once")
    assert "real/polyphony" not in texts


def test_all_metrics_are_one_markdown_text():
    text = metrics_text(METRICS)
    assert "| Polyphony → | 2.000 | 2.500 |" in text
    assert text.count("| metric |") == 4
