"""Draw piano rolls that a person can read."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from musicgen.music.notes import LOWEST_PITCH
from musicgen.music.packing import NUM_PITCHES, TICKS_PER_QUARTER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with any kind of colour vision.
_HELD, _ONSET = (0x56, 0xA0, 0xD3), (0x0B, 0x2A, 0x4A)
_RIGHT, _MISSED, _INVENTED = (0x55, 0x55, 0x55), (0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)
_OCTAVE_LINE, _BAR_LINE, _SEAM_LINE = "#d9d9d9", "#b0b0b0", "#d55e00"
_QUARTERS_PER_BAR = 4
_ONSET_TICKS = 3  # an onset is drawn darker for this long, so that it shows in a long piece
_BEFORE_SEAM_QUARTERS = 16  # how much of a prompt is shown, where not all fits
_DOTS_PER_INCH = 100
WIDTH_IN = 12.0
_SYSTEM_HEIGHTS_IN = 1.5, 2.3  # least and greatest; narrow pictures have lower systems
_LEFT_IN, _RIGHT_IN, _TOP_IN, _BOTTOM_IN = 0.36, 0.14, 0.26, 0.4  # room for labels at the edges
_GAP_IN, _TITLE_IN = 0.27, 0.22  # between systems, for the labels of quarters, and for a title

Rgb = UInt8[np.ndarray, "height width 3"]


def draw_roll(
    roll: Shaped[np.ndarray, "88 ticks"],
    ax: "Axes",
    *,
    pitch_range: tuple[int, int] | None = None,
    title: str = "",
) -> None:
    """Draw a piano roll: pitch upwards with a line at each C, quarters to the right with bar lines.

    Args:
        roll: cells, lowest pitch (A0) first. Truth values are drawn as notes whose onsets are
            darker; probabilities (0 to 1) as greys.
        ax: where to draw.
        pitch_range: lowest and highest MIDI number to show; all that sounds by default.
        title: text above.
    """
    _show(_coloured(roll), ax, pitch_range=pitch_range or sounding_range(roll), title=title)


def roll_image(
    slices: Shaped[np.ndarray, "quarters 88 32"],
    *,
    max_quarters: int = 128,
    quarters_per_system: int = 32,
    seam_quarter: int | None = None,
    first_quarter: int = 0,
    title: str = "",
    width_in: float = WIDTH_IN,
) -> Rgb:
    """Draw a piece as a picture, in systems one below the other, as on a page.

    Args:
        slices: sounding cells (bool) or their probabilities.
        max_quarters: as much is drawn at most, and the title says what. Of a continuation that is what is
            new, after the last bars of the prompt.
        quarters_per_system: quarters in a line.
        seam_quarter: where new music begins behind a prompt; a line is drawn there.
        first_quarter: number of the first slice; all quarters here and on the picture are counted from it.
        title: text above.
        width_in: width in inches of 100 pixels; texts keep their size, so a narrow picture can be shrunk.

    Returns:
        Red, green and blue, (height, width, 3).
    """
    new = None if seam_quarter is None else seam_quarter - first_quarter
    begin = _first_shown(len(slices), max_quarters=max_quarters, seam_quarter=new)
    end = min(begin + max_quarters, len(slices))
    if end - begin < len(slices):
        numbers = [first_quarter + place for place in (begin, end, len(slices))]
        title = "{} (quarters {} to {} of {})".format(title, *numbers).strip()
    if seam_quarter is not None:
        title = f"{title} new from quarter {seam_quarter}".strip()
    roll = _line(slices[begin:end])
    colours, pitch_range = _coloured(roll), sounding_range(roll)
    starts = range(0, max(end - begin, 1), quarters_per_system)
    length = min(quarters_per_system, end - begin) or quarters_per_system
    figure, axes = _figure(len(starts), width_in=width_in, gap_in=_GAP_IN)
    for start, ax in zip(starts, axes, strict=True):
        part = colours[:, start * TICKS_PER_QUARTER : (start + quarters_per_system) * TICKS_PER_QUARTER]
        left = first_quarter + begin + start
        _show(part, ax, pitch_range=pitch_range, title="", first_quarter=left, quarters=length)
        if seam_quarter is not None and left <= seam_quarter < left + length:
            ax.axvline(seam_quarter, color=_SEAM_LINE, linewidth=1.5, zorder=3, clip_on=False)
    axes[0].set_title(title, fontsize=9, loc="left")
    return rendered(figure)


def _first_shown(total: int, *, max_quarters: int, seam_quarter: int | None) -> int:
    """Return the first quarter to draw, at the beginning of a line of bars."""
    if seam_quarter is None or total <= max_quarters:
        return 0
    before = min(_BEFORE_SEAM_QUARTERS, max_quarters // 2)
    near = max(seam_quarter - before, 0) // _QUARTERS_PER_BAR
    last = -(-(total - max_quarters) // _QUARTERS_PER_BAR)
    return min(near, last) * _QUARTERS_PER_BAR


def comparison_image(
    original: Bool[np.ndarray, "_ 88 32"],
    reconstruction: Shaped[np.ndarray, "_ 88 32"],
    *,
    max_quarters: int = 32,
    width_in: float = WIDTH_IN,
) -> Rgb:
    """Draw an original, below it the probabilities of its reconstruction, below that what went wrong.

    Args:
        original: sounding cells.
        reconstruction: probability of each cell, as many quarters.
        max_quarters: what lies behind is left out.
        width_in: width in inches of 100 pixels.

    Returns:
        Red, green and blue, (height, width, 3).

    Raises:
        ValueError: when the shapes differ.
    """
    if original.shape != reconstruction.shape:
        raise ValueError(
            f"original has shape {original.shape}, reconstruction {reconstruction.shape}; give as many"
        )
    truth = _line(original[:max_quarters]).astype(bool)
    guess = _line(reconstruction[:max_quarters]).astype(np.float32)
    pitch_range = sounding_range(truth | (guess > 0.5))
    figure, (top, middle, bottom) = _figure(3, width_in=width_in, gap_in=_GAP_IN + _TITLE_IN)
    draw_roll(truth, top, pitch_range=pitch_range, title="Original")
    draw_roll(guess, middle, pitch_range=pitch_range, title="Probability that a cell sounds")
    differences = {
        _RIGHT: truth & (guess > 0.5),
        _MISSED: truth & (guess <= 0.5),
        _INVENTED: (guess > 0.5) & ~truth,
    }
    _show(_painted(differences), bottom, pitch_range=pitch_range, title="At 0.5")
    _explain(bottom, {"right": _RIGHT, "missed": _MISSED, "invented": _INVENTED})
    return rendered(figure)


def sounding_range(roll: Shaped[np.ndarray, "88 ticks"]) -> tuple[int, int]:
    """Return the lowest and highest MIDI number of the octaves C to B that sound, three octaves at least."""
    sounding = np.flatnonzero((roll > 0.5).any(axis=1)) + LOWEST_PITCH
    low, high = (int(sounding[0]), int(sounding[-1])) if len(sounding) else (60, 60)
    low, high = min(low // 12 * 12, 48), max(high // 12 * 12 + 11, 83)
    return max(low, LOWEST_PITCH), min(high, LOWEST_PITCH + NUM_PITCHES - 1)


def _line(slices: np.ndarray) -> np.ndarray:
    return slices.transpose(1, 0, 2).reshape(NUM_PITCHES, len(slices) * TICKS_PER_QUARTER)


def _coloured(roll: np.ndarray) -> np.ndarray:
    """Turn cells into colours: notes with darker onsets, or probabilities as greys."""
    if roll.dtype != bool:
        grey = (255 * (1 - np.clip(roll, 0, 1))).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    is_onset = roll.copy()
    is_onset[:, 1:] &= ~roll[:, :-1]
    near = is_onset.copy()
    for later in range(1, _ONSET_TICKS):
        near[:, later:] |= is_onset[:, :-later]
    return _painted({_HELD: roll, _ONSET: roll & near})


def _painted(layers: dict[tuple[int, int, int], np.ndarray]) -> np.ndarray:
    colours = np.full((*next(iter(layers.values())).shape, 3), 255, np.uint8)
    for colour, where in layers.items():
        colours[where] = colour
    return colours


def _show(
    colours: np.ndarray,
    ax: "Axes",
    *,
    pitch_range: tuple[int, int],
    title: str,
    first_quarter: int = 0,
    quarters: int = 1,
) -> None:
    """Show colours on axes that are at least `quarters` long."""
    low, high = pitch_range
    end = first_quarter + colours.shape[1] / TICKS_PER_QUARTER
    if colours.shape[1]:
        extent = (first_quarter, end, LOWEST_PITCH - 0.5, LOWEST_PITCH + NUM_PITCHES - 0.5)
        ax.imshow(colours, origin="lower", aspect="auto", extent=extent, interpolation="antialiased")
    right = max(end, first_quarter + quarters)
    ax.set_xlim(first_quarter, right)
    ax.set_ylim(low - 0.5, high + 0.5)
    c_pitches = range(-(-low // 12) * 12, high + 1, 12)
    ax.set_yticks(c_pitches, [f"C{pitch // 12 - 1}" for pitch in c_pitches])
    ax.hlines([pitch - 0.5 for pitch in c_pitches], first_quarter, right, colors=_OCTAVE_LINE, linewidth=0.6)
    bars = np.arange(
        -(-first_quarter // _QUARTERS_PER_BAR) * _QUARTERS_PER_BAR, right + 1e-9, _QUARTERS_PER_BAR
    )
    ax.vlines(bars, low - 0.5, high + 0.5, colors=_BAR_LINE, linewidth=0.6)
    ax.set_xticks(bars[:: max(1, len(bars) // 17)])
    ax.tick_params(length=2, labelsize=8)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.set_title(title, fontsize=9, loc="left")


def _explain(ax: "Axes", meanings: dict[str, tuple[int, int, int]]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=f"#{bytes(colour).hex()}", label=name) for name, colour in meanings.items()]
    ax.legend(
        handles=patches,
        ncols=len(patches),
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0.2,
        frameon=False,
        fontsize=8,
        handlelength=1,
    )


def _figure(systems: int, *, width_in: float, gap_in: float) -> tuple["Figure", list["Axes"]]:
    """Put systems at fixed places: a layout that measures texts takes most of the time."""
    from matplotlib.figure import Figure

    least, greatest = _SYSTEM_HEIGHTS_IN
    height_in = 0.4 + min(greatest, max(least, width_in / 5)) * systems
    figure = Figure(figsize=(width_in, height_in), dpi=_DOTS_PER_INCH, facecolor="white")
    room_in = height_in - _TOP_IN - _BOTTOM_IN - gap_in * (systems - 1)
    size = (1 - (_LEFT_IN + _RIGHT_IN) / width_in, room_in / systems / height_in)
    step_in = room_in / systems + gap_in
    lowest = [_BOTTOM_IN + number * step_in for number in reversed(range(systems))]
    axes = [figure.add_axes((_LEFT_IN / width_in, bottom_in / height_in, *size)) for bottom_in in lowest]
    axes[-1].set_xlabel("quarters", fontsize=8)
    return figure, axes


def rendered(figure: "Figure") -> Rgb:
    """Render a matplotlib figure: red, green and blue, (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()
