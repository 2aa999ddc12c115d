"""The script that asks a run questions answers them on a tiny run."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "questions.py"


@pytest.fixture(scope="module")
def script() -> dict:
    return runpy.run_path(str(SCRIPT))


def test_gaps_are_filled_and_measured(script: dict, tiny_run: Path, tmp_path: Path, capsys) -> None:
    asked = [
        f"run={tiny_run}",
        "ask=[fill,attributes]",
        "cases=3",
        "gap_quarters=2",
        f"out={tmp_path}",
    ]
    script["main"](asked)
    answers = json.loads((tmp_path / "questions.json").read_text())
    fill = answers["fill"]
    assert fill["cases"] == 3
    assert fill["aims"] is False
    assert fill["real"]["left"]["low"] <= fill["real"]["left"]["value"] <= fill["real"]["left"]["high"]
    assert 0 <= fill["filled, 8 draws"]["fits better"] <= 1
    assert answers["attributes"] == {}
    assert "| gap | left seam | right seam |" in capsys.readouterr().out


def test_recall_is_measured_on_held_out_codes_and_new_pieces(
    script: dict, tiny_run: Path, tmp_path: Path
) -> None:
    script["main"]([f"run={tiny_run}", "ask=[return]", "pieces=2", "num_quarters=16", f"out={tmp_path}"])
    answer = json.loads((tmp_path / "questions.json").read_text())["return"]
    nats = answer["nats"]
    gain = nats["without recall"]["value"] - nats["with recall"]["value"]
    assert nats["gain"]["value"] == pytest.approx(gain, abs=1e-6)
    rates = answer["repeated_interval_rate"]  # a hardly trained network may write silence, which has none
    assert rates.keys() == {"without recall", "with recall", "real"}
    assert 0 <= rates["real"]["value"] <= 1
    assert answer["scale_consistency"]["real"]["value"] > 0.5


@pytest.mark.gate
def test_forms_and_loops_are_measured(script: dict, tiny_run: Path, tmp_path: Path) -> None:
    asked = ["ask=[form,loop]", "forms=[ABA]", "pieces=3", "num_quarters=24", f"out={tmp_path}"]
    script["main"]([f"run={tiny_run}", *asked])
    answers = json.loads((tmp_path / "questions.json").read_text())
    assert answers["form"].keys() == {"no form", "ABA", "real"}
    assert 0 <= answers["form"]["real"]["repeated_interval_rate"]["value"] <= 1
    closes = answers["loop"]
    assert closes["8"]["nats"]["value"] < closes["1"]["nats"]["value"]
    assert closes["8"]["closes"] >= closes["1"]["closes"]


def test_an_unknown_question_ends_with_those_that_are_known(script: dict, tiny_run: Path) -> None:
    with pytest.raises(SystemExit, match="taste is unknown; use composer, blend, attributes, fill"):
        script["main"]([f"run={tiny_run}", "ask=[taste]"])


def test_the_rank_correlation_is_that_of_the_ranks(script: dict) -> None:
    material = sys.modules["asked.material"]
    random = np.random.default_rng(0)
    asked = np.repeat(np.arange(5.0), 8)
    found = material.rank_correlation(asked, np.exp(asked) + 0.01 * random.random(40))
    assert found.value == pytest.approx(0.98, abs=0.02)
    assert found.low <= found.value <= found.high
    nothing = material.rank_correlation(asked, random.random(40))
    assert nothing.low < 0 < nothing.high
    assert np.isnan(material.rank_correlation(asked, np.zeros(40)).value)


def test_the_coefficient_of_a_curve_is_that_of_its_means(script: dict) -> None:
    correlation = script["draw_blends"].__globals__["curve_correlation"]
    rising = [[0.0, 0.2], [0.15, 0.25], [0.2, 0.6], [0.5, 0.7], [0.9, 1.0]]
    found = correlation(rising)
    assert found.value == pytest.approx(1)
    assert 0.5 < found.low < found.high == pytest.approx(1)
    assert correlation(rising[::-1]).value == pytest.approx(-1)
