"""The sound of a passage, so that passages laid over each other are the whole piece."""

from dataclasses import replace

import numpy as np

from musicgen.music.notes import Performance
from musicgen.music.render.sound import Sound, find_soundfont, render
from musicgen.music.score_map import ScoreMap

LONGEST_PASSAGE_S = 30.0
_RING_S = 12.0  # how long notes may go on sounding behind the passage in which they begin
_SAMPLED_GAIN, _TONE_GAIN = 5.0, 0.3


def passage_sound(performance: Performance, *, begin_s: float, end_s: float) -> Sound:
    """Render the notes that begin in a passage, with all that rings on behind it.

    Every note sounds in one passage only, and a synthesiser adds notes up; so passages that are played one
    over the other, each from its own beginning, sound like the piece in one go. The gain is the same for
    all, unlike that of `render` by itself.

    Args:
        performance: The notes.
        begin_s: Beginning of the passage, in seconds.
        end_s: Its end, in seconds.
    """
    keep = (performance.onset_s >= begin_s) & (performance.onset_s < end_s)
    score = performance.score or ScoreMap.constant()
    moved = _moved_score(score, begin_s)
    length_s = end_s - begin_s + _RING_S
    part = Performance.from_arrays(
        performance.pitch[keep],
        onset_s=performance.onset_s[keep] - begin_s,
        offset_s=np.minimum(performance.offset_s[keep] - begin_s, length_s),
        onset_quarters=performance.onset_quarters[keep],
        offset_quarters=performance.offset_quarters[keep],
        velocity=performance.velocity[keep],
        score=moved,
    )
    gain = _TONE_GAIN if find_soundfont() is None else _SAMPLED_GAIN
    return render(part, max_s=length_s, gain=gain)


def _moved_score(score: ScoreMap, begin_s: float) -> ScoreMap:
    """Return the pedals' moves from a place on, in a clock of seconds; what is down there stays down."""
    from musicgen.music.score_map import PEDALS

    ticks_per_second = 9600
    at_s = score.seconds(score.pedal_tick)
    before = at_s < begin_s
    down = {int(number): int(value) for number, value in score.pedal[before]}
    held = [(number, value) for number, value in down.items() if number in PEDALS and value]
    ticks = np.rint((at_s[~before] - begin_s) * ticks_per_second).astype(np.int64)
    clock = ScoreMap.constant(tempo_bpm=60.0, ticks_per_quarter=ticks_per_second)
    return replace(
        clock,
        pedal_tick=np.concatenate([np.zeros(len(held), np.int64), ticks]),
        pedal=np.concatenate([np.array(held, np.int64).reshape(-1, 2), score.pedal[~before]]),
    )
