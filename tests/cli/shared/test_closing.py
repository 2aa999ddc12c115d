"""What a training says at its end."""

from pathlib import Path

from musicgen.cli.shared.closing import closing_lines


def test_the_end_names_metrics_trivial_values_and_where_to_look() -> None:
    metrics = {"vq_vae/val/bce": 0.0294, "baseline/pitch/bce": 0.1283, "vq_vae/val/perplexity": 14.1}
    lines = closing_lines(metrics, Path("runs/a"))
    assert lines[1].split() == ["BCE", ".0294", "↓", "trivial", ".128"]
    assert lines[2].split() == ["Code", "perplexity", "14.1", "↑"]
    assert "runs/a/generated" in lines[-2]
    assert lines[-1].endswith("musicgen evaluate run=runs/a")
    assert max(map(len, lines)) <= 80


def test_without_an_evaluation_nothing_is_said() -> None:
    assert closing_lines({}, Path("runs/a")) == []
