from pathlib import Path

import pytest
import sweep_speed


@pytest.mark.long
def test_the_short_form_prints_both_times_and_their_ratio(
    tiny: list[str], midi_folder: Path, monkeypatch, capsys
) -> None:
    monkeypatch.delenv("GIANTMIDI_ROOT", raising=False)
    own = [one for one in tiny if not one.startswith(("data", "epochs", "max_epochs", "threads"))]
    sweep_speed.main(["--only", "jobs", "--jobs", "2", "--updates", "8", *own])
    *_, beside, after, ratio = capsys.readouterr().out.splitlines()
    seconds = [float(line.split(" s ")[0].split()[-1]) for line in (beside, after)]
    assert float(ratio.split(":")[1].split(",")[0]) == pytest.approx(seconds[0] / seconds[1], abs=0.02)


def test_a_command_that_fails_is_told(capsys) -> None:
    with pytest.raises(SystemExit, match="no verb 'trian'"):
        sweep_speed.musicgen("trian")


def test_lines_give_medians(capsys) -> None:
    found = [sweep_speed.Took(clock_s=seconds, cpu_s=2 * seconds) for seconds in (9.0, 1.0, 2.0)]
    assert sweep_speed.told("name", found) == 2.0
    assert "2.00 s     4.00 CPU-seconds" in capsys.readouterr().out
