"""How long the rest of a work takes, as its bar tells."""

import pytest

from musicgen.files import progress_bar
from musicgen.files.progress_bar import time_left, track


def test_what_is_left_goes_by_weight_not_by_number():
    assert time_left(10.0, done=50, whole=150) == "0:00:20"
    assert time_left(10.0, done=150, whole=150) == "0:00:00"
    assert time_left(10.0, done=0, whole=150) == "-:--:--"


def test_a_bar_counts_items_and_weighs_the_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    now = [0.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: now[0])

    def work():
        for weight in (80, 10, 10):
            now[0] += weight
            yield weight

    assert list(track(work(), description="Reading", total=3, weights=[80, 10, 10])) == [80, 10, 10]
    told = capsys.readouterr().err
    assert "Reading" in told
    assert "3/3 0:00:00" in told


def test_a_bar_that_is_not_shown_says_nothing(capsys: pytest.CaptureFixture[str]):
    assert list(track(range(3), description="Reading", total=3, shown=False)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
