"""A score map says when, how fast and in which bar; a cut of it holds what held at its start."""

from dataclasses import replace

import numpy as np
import pytest

from musicgen.music.score_map import Marker, ScoreMap


def changing() -> ScoreMap:
    """Build 4/4 at 60, at quarter 4 3/8 at 120, with pedals at 1, 3, 5."""
    return ScoreMap(
        ticks_per_quarter=100,
        tempo_tick=np.array([0, 400]),
        tempo_us=np.array([1_000_000, 500_000]),
        time_signature_tick=np.array([0, 400]),
        time_signature=np.array([[4, 4], [3, 8]]),
        key_tick=np.array([0]),
        key=np.array([[-3, 1]]),
        pedal_tick=np.array([100, 300, 500]),
        pedal=np.array([[64, 127], [67, 90], [64, 0]]),
        markers=(Marker(200, "A"),),
    )


def test_seconds_follow_the_tempo() -> None:
    score = changing()
    assert score.seconds(np.array([0, 400, 450, 600])).tolist() == [0.0, 4.0, 4.25, 5.0]
    assert score.seconds(np.array([500])).tolist() == [4.5]
    assert len(score.seconds(np.zeros(0))) == 0


def test_tempo_and_metre_at_a_place() -> None:
    score = changing()
    assert [score.tempo_bpm_at(quarter) for quarter in (0.0, 3.99, 4.0, 100.0)] == [60, 60, 120, 120]
    assert [score.time_signature_at(quarter) for quarter in (3.99, 4.0)] == [(4, 4), (3, 8)]
    plain = replace(score, time_signature_tick=np.zeros(0, np.int64), time_signature=np.zeros((0, 2), int))
    assert plain.time_signature_at(0.0) == (4, 4)


def test_bars_begin_where_metres_say() -> None:
    assert changing().bar_lines(7.5).tolist() == [0, 4, 5.5, 7]
    assert ScoreMap.constant(time_signature=(3, 4)).bar_lines(7.0).tolist() == [0, 3, 6]


def test_a_cut_begins_with_what_held_there_and_lets_pedals_go() -> None:
    part = changing().between(2.0, 5.0)
    assert part.tempo_tick.tolist() == [0, 200]
    assert part.time_signature_tick.tolist() == [0, 200]
    assert (part.key_tick.tolist(), part.key.tolist()) == ([0], [[-3, 1]])
    assert part.pedal_tick.tolist() == [0, 100, 300, 300]
    assert part.pedal.tolist() == [[64, 127], [67, 90], [64, 0], [67, 0]]
    assert part.markers == (Marker(0, "A"),)
    seconds = part.seconds(np.array([0, 200, 300]))
    assert seconds == pytest.approx(changing().seconds(np.array([200, 400, 500])) - 2.0)


def test_a_cut_behind_the_last_change_keeps_the_last_tempo() -> None:
    part = changing().between(9.0, 12.0)
    assert (part.tempo_tick.tolist(), part.tempo_us.tolist()) == ([0], [500_000])
    assert part.time_signature.tolist() == [[3, 8]]
    assert part.pedal.tolist() == [[67, 90], [67, 0]]


def test_other_ticks_mean_the_same_times() -> None:
    fine = changing().rescaled(800)
    assert fine.ticks_per_quarter == 800
    assert fine.seconds(np.array([3200, 4800])).tolist() == [4.0, 5.0]
    assert fine.markers == (Marker(1600, "A"),)


def test_a_tempo_holds_from_its_place_on() -> None:
    slow = changing().with_tempo(30.0, from_quarter=3.0)
    assert slow.seconds(np.array([300, 500])).tolist() == [3.0, 7.0]
