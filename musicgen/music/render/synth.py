"""Let notes sound with a small additive piano."""

import numpy as np
from jaxtyping import Float32

from musicgen.music.notes import Performance

SAMPLE_RATE = 16_000
_PARTIALS = 8
_INHARMONICITY = 4e-4  # stiff strings sharpen their upper partials
_ATTACK_S, _RELEASE_S = 0.004, 0.12
_LONGEST_S = 12.0  # every tone has died away by then
_SILENT = 1e-3
_PEAK = 0.9
_BLOCK = 256


def synthesize(
    performance: Performance,
    *,
    sample_rate: int = SAMPLE_RATE,
    max_s: float | None = None,
    gain: float | None = None,
) -> Float32[np.ndarray, " samples"]:
    """Add up a few decaying partials for each note.

    Low strings ring longer than high ones, upper partials die sooner, and a note is damped at
    its end. All notes of one pitch share one tone, so a piece costs little more than its sum.

    Args:
        performance: the notes; their times in seconds count.
        sample_rate: samples a second, 8,000 or more.
        max_s: where to stop, in seconds; the end of the last note by default.
        gain: factor on the samples, which are then cut off at 1; None brings the loudest one to 0.9.

    Returns:
        One channel; silence for no notes.

    Raises:
        ValueError: for a sample rate below 8,000 or a negative `max_s`.
    """
    if sample_rate < 8000:
        raise ValueError(f"sample_rate={sample_rate} is too low for a piano; use 8000 or more")
    if max_s is not None and not max_s >= 0:
        raise ValueError(f"max_s={max_s} is no length; use 0 or more seconds, or None")
    length_s = performance.duration_s + _RELEASE_S if len(performance) else 0.0
    length = round(min(length_s, length_s if max_s is None else max_s) * sample_rate)
    mix = np.zeros(length, np.float32)
    release = _release(sample_rate)
    for pitch in np.unique(performance.pitch).tolist():
        chosen = np.flatnonzero(performance.pitch == pitch)
        onset = np.rint(performance.onset_s[chosen] * sample_rate).astype(np.int64)
        held = np.rint(performance.offset_s[chosen] * sample_rate).astype(np.int64) - onset
        loudness = (performance.velocity[chosen] / 127.0) ** 1.5
        tone = _tone(pitch, sample_rate, int(held.max()) + len(release))
        for begin, number, loud in zip(onset.tolist(), held.tolist(), loudness.tolist(), strict=True):
            _add(mix, tone, release, begin, number, loud)
    return scaled(mix, peak=_PEAK, gain=gain)


def scaled(
    samples: Float32[np.ndarray, "*shape"], *, peak: float, gain: float | None
) -> Float32[np.ndarray, "*shape"]:
    """Bring the loudest sample to a peak, or apply a gain and cut off what is beyond 1."""
    if gain is not None:
        return np.clip(samples * np.float32(gain), -1.0, 1.0)
    loudest = float(np.abs(samples).max(initial=0.0))
    return samples * np.float32(peak / loudest) if loudest > 0 else samples


def _tone(pitch: int, sample_rate: int, length: int) -> np.ndarray:
    """Make the undamped tone of a pitch.

    A partial is the imaginary part of a decaying exponential. With time in blocks, t = 256 a + b,
    exp(z t) = exp(z 256 a) exp(z b), so the sum over partials is a product of two matrices.
    """
    pitch_hz = 440 * 2 ** ((pitch - 69) / 12)
    decay = 0.6 * 2 ** ((pitch - 60) / 20)  # per second, of the fundamental
    number = np.arange(1, _PARTIALS + 1)
    frequency = pitch_hz * number * np.sqrt(1 + _INHARMONICITY * number**2)
    number, frequency = number[frequency < 0.45 * sample_rate], frequency[frequency < 0.45 * sample_rate]
    rate = (-decay * (1 + 0.35 * (number - 1)) + 2j * np.pi * frequency) / sample_rate
    rings = int(min(_LONGEST_S, -np.log(_SILENT) / decay) * sample_rate)
    blocks = -(-min(length, rings) // _BLOCK)
    coarse = np.exp(np.outer(np.arange(blocks) * _BLOCK, rate)) * number**-1.3
    fine = np.exp(np.outer(rate, np.arange(_BLOCK)))
    left = np.concatenate((np.real(coarse), np.imag(coarse)), axis=1).astype(np.float32)
    right = np.concatenate((np.imag(fine), np.real(fine)), axis=0).astype(np.float32)
    tone = (left @ right).ravel()
    attack = min(round(_ATTACK_S * sample_rate), len(tone))
    tone[:attack] *= np.linspace(0, 1, attack, dtype=np.float32)
    fade = min(_BLOCK, len(tone))
    tone[len(tone) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return tone


def _release(sample_rate: int) -> np.ndarray:
    """Damp a string: from 1 to 0 within the release time."""
    time = np.linspace(0, 1, round(_RELEASE_S * sample_rate), dtype=np.float32)
    return np.exp(-5 * time) * (1 - time)


def _add(mix: np.ndarray, tone: np.ndarray, release: np.ndarray, begin: int, held: int, gain: float) -> None:
    """Add a note to the mix, cut at the mix's end."""
    held = min(held, len(tone))
    end = min(held + len(release), len(tone), len(mix) - begin)
    sounding = min(held, end)
    if end <= 0:
        return
    mix[begin : begin + sounding] += gain * tone[:sounding]
    mix[begin + sounding : begin + end] += gain * tone[sounding:end] * release[: end - sounding]
