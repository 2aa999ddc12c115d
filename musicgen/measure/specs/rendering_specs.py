"""The metrics of renderings: how notes of the grid are played."""

import math
from collections.abc import Iterable

from musicgen.measure.metric_spec import Better, MetricSpec

_SHARE, _POSITIVE = (0.0, 1.0), (0.0, math.inf)
_COMPARED = {
    "velocity": ("Velocity", "velocities"),
    "gap": ("Inter-onset", "times between onsets, in seconds"),
    "duration": ("Duration", "times for which keys are held, in seconds"),
    "pedal": ("Pedal", "times for which the sustain pedal is held, in seconds"),
}
_HALVES = "half of the pieces against the other half as it was played, over a hundred halvings"


def _specs(
    unit: str,
    bounds: tuple[float, float],
    rows: Iterable[tuple[str, str, str]],
    *,
    better: Better = "none",
    chart: str = "",
) -> list[MetricSpec]:
    """Describe metrics of one unit, each a row of name, title and meaning."""
    return [
        MetricSpec(
            name=name,
            title=title,
            unit=unit,
            better=better,
            bounds=bounds,
            meaning=meaning,
            chart=chart,
            group="Rendering",
        )
        for name, title, meaning in rows
    ]


RENDERING: tuple[MetricSpec, ...] = (
    *_specs(
        "nats a note",
        _POSITIVE,
        [
            ("nats_per_note", "Nats a note", "What the renderer needs to say how a note is played."),
            ("velocity_nats", "Nats of velocity", "Its part for velocity, out of 32 classes."),
            ("timing_nats", "Nats of timing", "Its part for where in its tick a note begins, out of 16."),
            ("release_nats", "Nats of release", "Its part for where the key is let go, out of 16 classes."),
            ("pedal_nats", "Nats of pedal", "Its part for the pedal until the next chord, out of 16."),
        ],
        better="lower",
        chart="Renderer",
    ),
    *_specs(
        "bits",
        _SHARE,
        [
            (
                f"{name}_divergence",
                f"{title} divergence",
                f"Jensen-Shannon divergence of histograms of {meaning}: {_HALVES}.",
            )
            for name, (title, meaning) in _COMPARED.items()
        ],
        better="lower",
    ),
    *_specs(
        "",
        _SHARE,
        [
            (f"{name}_overlap", f"{title} overlap", f"Common area of histograms of {meaning}: {_HALVES}.")
            for name, (title, meaning) in _COMPARED.items()
        ],
        better="higher",
    ),
    *_specs(
        "MIDI velocity",
        _POSITIVE,
        [
            ("velocity_mae", "Velocity error", "Mean distance of a note's velocity from the one played."),
            ("mean_velocity_mae", "Velocity error of the mean", "The same for the mean of four renderings."),
        ],
        better="lower",
    ),
    *_specs(
        "",
        (-1.0, 1.0),
        [
            (
                "velocity_correlation",
                "Velocity correlation",
                "Correlation of the velocities of a piece's notes with those with which they were played.",
            ),
            (
                "mean_velocity_correlation",
                "Velocity correlation of the mean",
                "The same for the mean of four renderings.",
            ),
        ],
        better="higher",
    ),
    *_specs(
        "of real",
        _POSITIVE,
        [
            (
                "velocity_spread",
                "Velocity spread",
                "Standard deviation of a piece's velocities over that of the piece as played; 1 is right.",
            ),
            (
                "mean_velocity_spread",
                "Velocity spread of the mean",
                "The same for the mean of four renderings, which is too even.",
            ),
        ],
    ),
    *_specs(
        "",
        _SHARE,
        [("pedal_share", "Pedal share", "Share of the time in which the sustain pedal is down.")],
    ),
)
"""What `rendered/…`, `baseline/flat/…` and `real/…` mean in `metrics.json`, and the renderer's curves."""
