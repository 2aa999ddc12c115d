"""Join a prompt, as it was played, with the music that continues it."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int16, UInt8

from musicgen.generation.generate import GeneratedPiece
from musicgen.generation.prompts import Prompt
from musicgen.music.notes import Performance
from musicgen.music.packing import TICKS_PER_QUARTER
from musicgen.music.score_map import SEAM, ScoreMap

_MAX_TICKS_PER_QUARTER = 0x7FFF
_NEAR_SEMITONES = 6.0


@dataclass(frozen=True, eq=False)
class _NewNotes:
    """What a piece holds behind its prompt, in quarters from the seam."""

    pitch: Int16[np.ndarray, " notes"]
    onset: Float64[np.ndarray, " notes"]
    offset: Float64[np.ndarray, " notes"]


def continue_prompt(
    piece: GeneratedPiece, prompt: Prompt, *, tempo_bpm: float | None = None, keep_prompt: bool = True
) -> GeneratedPiece:
    """Put the prompt back as it was played, and what is new behind it.

    The prompt's notes keep their times, velocities and pedals. What is new goes on in the last tempo and
    metre of the prompt, each note as loud as the prompt's notes near its pitch are on average. A note that
    was cut at the seam lasts as long as the model holds it. A marker stands at the seam.

    Args:
        piece: Generated from the prompt's slices.
        prompt: What it continues.
        tempo_bpm: Quarters a minute of what is new; None takes the prompt's last tempo.
        keep_prompt: False leaves only what is new, which then begins at 0.
    """
    new, held_until = _behind_the_seam(piece, prompt)
    seam, played = prompt.seam_quarters, prompt.performance
    score = _score(prompt, tempo_bpm)
    velocity = velocities_like(new.pitch, played)
    if not keep_prompt:
        score = score.between(seam, math.inf)
        performance = performed(score, new.pitch, new.onset, new.offset, velocity)
        new_quarters = slice(piece.prompt_quarters, None)
        return replace(
            piece,
            codes=piece.codes[new_quarters],
            packed=piece.packed[new_quarters],
            performance=performance,
            prompt_quarters=0,
        )
    performance = performed(
        score.with_marker(SEAM, quarter=seam),
        np.concatenate([played.pitch, new.pitch]),
        np.concatenate([played.onset_quarters, seam + new.onset]),
        np.concatenate([np.where(prompt.held, held_until, played.offset_quarters), seam + new.offset]),
        np.concatenate([played.velocity, velocity]),
    )
    return replace(piece, performance=performance)


def _behind_the_seam(
    piece: GeneratedPiece, prompt: Prompt
) -> tuple[_NewNotes, Float64[np.ndarray, " prompt_notes"]]:
    """Return what is new, and how long each of the prompt's notes lasts where it was cut at the seam.

    A run of cells across the seam is a held note where the prompt's note was cut there, and a new one where
    the prompt's note ended.
    """
    notes, played = piece.performance, prompt.performance
    onset, offset = (
        notes.onset_quarters - piece.prompt_quarters,
        notes.offset_quarters - piece.prompt_quarters,
    )
    across = (onset < 0) & (offset > 0)
    held_until = played.offset_quarters.copy()
    is_held: Bool[np.ndarray, " notes"] = np.zeros(len(notes), bool)
    for index in np.flatnonzero(across):
        mine = np.flatnonzero(prompt.held & (played.pitch == notes.pitch[index]))
        held_until[mine[-1:]] = prompt.seam_quarters + offset[index]
        is_held[index] = len(mine) > 0
    is_new = (offset > 0) & ~is_held
    return _NewNotes(notes.pitch[is_new], np.maximum(onset[is_new], 0.0), offset[is_new]), held_until


def _score(prompt: Prompt, tempo_bpm: float | None) -> ScoreMap:
    """Return the prompt's map up to the seam, in ticks of the grid, and the tempo from there on."""
    seam = prompt.seam_quarters
    score = scaled_to_grid(prompt.score.between(0.0, seam))
    return score if tempo_bpm is None else score.with_tempo(tempo_bpm, from_quarter=seam)


def scaled_to_grid(score: ScoreMap) -> ScoreMap:
    """Return a map in ticks that the grid's ticks are whole numbers of, if a file can have so many."""
    common = math.lcm(score.ticks_per_quarter, TICKS_PER_QUARTER)
    return score.rescaled(common) if common <= _MAX_TICKS_PER_QUARTER else score


def velocities_like(pitch: Int16[np.ndarray, " new"], played: Performance) -> UInt8[np.ndarray, " new"]:
    """Average the velocities of the notes that were played, those near in pitch most."""
    pitches, place = np.unique(pitch, return_inverse=True)
    distance = (pitches[:, None] - np.arange(128)) / _NEAR_SEMITONES
    weight = np.exp(-0.5 * distance**2) + 1e-9
    number = np.bincount(played.pitch, minlength=128)
    total = np.bincount(played.pitch, weights=played.velocity, minlength=128)
    return np.rint((weight @ total) / (weight @ number)).astype(np.uint8)[place]


def performed(
    score: ScoreMap, pitch: np.ndarray, onset: np.ndarray, offset: np.ndarray, velocity: np.ndarray
) -> Performance:
    """Make a performance of notes whose times are in quarters of a map."""
    ticks = score.ticks_per_quarter
    return Performance.from_arrays(
        pitch,
        onset_s=score.seconds(onset * ticks),
        offset_s=score.seconds(offset * ticks),
        onset_quarters=onset,
        offset_quarters=offset,
        velocity=velocity,
        score=score,
    )
