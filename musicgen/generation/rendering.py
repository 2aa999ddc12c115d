"""Play generated notes as a renderer has learned it: loudness, timing, release and pedal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, Int64

from musicgen.checkpoint import Network, load_network
from musicgen.generation.asking.asked import nearest_name
from musicgen.generation.generate import GeneratedPiece
from musicgen.models.conditioners.labels import NOTHING, LabelConditioner
from musicgen.models.renderer.network import Renderer
from musicgen.music.expression.attributes import (
    ATTRIBUTES,
    UNKNOWN,
    Classes,
    begins_chord,
    not_early,
    perform,
    played_on_grid,
)
from musicgen.music.expression.features import note_features
from musicgen.music.notes import Performance
from musicgen.music.score_map import ScoreMap

STAGE = "renderer"
_SLACK_QUARTERS = 1e-6


@dataclass(frozen=True)
class Rendering:
    """How pieces are played.

    Attributes:
        renderer: The network, in evaluation mode.
        seed: Of the draws; each piece has its own, whatever other pieces there are.
        temperature: Below 1 the likelier classes are drawn more often; above 0.
        labels: What the renderer is told of all pieces, see `renderer_labels`; None for nothing.
    """

    renderer: Renderer
    seed: int = 0
    temperature: float = 1.0
    labels: Int[torch.Tensor, "1 fields"] | None = None

    def play(self, flat: Performance, *, given: Classes | None = None, number: int = 0) -> Performance:
        """Play notes of the grid.

        Args:
            flat: Notes on the grid.
            given: Classes of notes that are known already; `UNKNOWN` where they are to be drawn.
            number: Of the piece, a part of the seed.
        """
        classes = self.classes(flat, given=given, number=number)
        random = np.random.default_rng([self.seed, number])
        return perform(flat, classes, random=random, ticks=self.renderer.ticks)

    def classes(self, flat: Performance, *, given: Classes | None = None, number: int = 0) -> Classes:
        """Draw the class of each attribute of each note; arguments as for `play`."""
        if given is None:
            given = np.full((len(flat), len(ATTRIBUTES)), UNKNOWN, np.int64)
        if not len(flat):
            return given
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        drawn = self.renderer.draw(
            torch.from_numpy(note_features(flat))[None],
            torch.from_numpy(given)[None],
            begins_chord=torch.from_numpy(begins_chord(flat.onset_quarters))[None],
            generator=torch.Generator().manual_seed(seed),
            labels=self.labels,
            temperature=self.temperature,
        )
        return drawn[0].numpy()


def has_renderer(run: str | Path) -> bool:
    """Whether a run has trained a renderer."""
    return (Path(run) / "checkpoints" / f"{STAGE}.ckpt").is_file()


def require_renderer(run: str | Path) -> None:
    """Check that a run has trained a renderer.

    Raises:
        FileNotFoundError: It has not.
    """
    if not has_renderer(run):
        raise FileNotFoundError(
            f"{run} has no renderer; train one on performances such as data=giantmidi, with "
            "stages=[vq_vae,transformer,renderer,generate,evaluate], or use render=false"
        )


def load_renderer(run: str | Path) -> Network[Renderer]:
    """Build the renderer of a run folder from its best checkpoint.

    Raises:
        FileNotFoundError: The run has trained none.
        ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
    """
    require_renderer(run)
    return load_network(Path(run), STAGE, Renderer)


def renderer_labels(
    renderer: Renderer, pieces: Sequence[tuple[str, str]]
) -> Int64[np.ndarray, "pieces fields"] | None:
    """Look up the labels of pieces; None for a renderer that is told nothing.

    Args:
        renderer: The network.
        pieces: Composer and era of each piece.
    """
    conditioner = renderer.conditioner
    if not isinstance(conditioner, LabelConditioner):
        return None
    place = {"composer": 0, "era": 1}
    rows = [[conditioner.number(name, piece[place[name]]) for name in conditioner.fields] for piece in pieces]
    return np.array(rows, np.int64).reshape(len(pieces), len(conditioner.fields))


def render_piece(piece: GeneratedPiece, rendering: Rendering, *, number: int = 0) -> GeneratedPiece:
    """Play a generated piece; what the prompt holds stays as it was played.

    Args:
        piece: With the notes that go to the file: those of its prompt first, up to the seam marker.
        rendering: How it is played.
        number: Of the piece, a part of the seed.
    """
    played = piece.performance
    seam = played.score.seam_quarters if played.score else None
    if seam is None or not len(played):
        return replace(piece, performance=rendering.play(played, number=number))
    return replace(piece, performance=_behind(played, seam, rendering, number=number))


def labels_to_render(
    renderer: Renderer, asked: Mapping[str, str | None]
) -> Int[torch.Tensor, "1 fields"] | None:
    """Find the labels of what is asked for, such as `{"composer": "Chopin"}`.

    Fields that the renderer was told nothing of are left out.

    Args:
        renderer: The network.
        asked: A name by field; None leaves a field open.

    Raises:
        ValueError: It knows no name that is near.
    """
    conditioner = renderer.conditioner
    if not isinstance(conditioner, LabelConditioner):
        return None
    row = []
    for names, name in zip(
        conditioner.names, (asked.get(field) for field in conditioner.fields), strict=True
    ):
        field = conditioner.fields[len(row)]
        known = None if name is None else nearest_name(field, name, names)
        row.append(NOTHING if known is None else conditioner.number(field, known))
    return torch.tensor([row])


def _behind(performance: Performance, seam: float, rendering: Rendering, *, number: int) -> Performance:
    """Play what begins at or after the seam, in the manner of what was played before it."""
    ticks, score = rendering.renderer.ticks, performance.score or ScoreMap.constant()
    whole = played_on_grid(performance, ticks=ticks)
    begin = int(np.rint(performance.onset_quarters[0] * ticks)) // ticks
    is_new = whole.flat.onset_quarters + begin >= seam - _SLACK_QUARTERS
    given = np.where(is_new[:, None], UNKNOWN, whole.classes)
    classes = rendering.classes(whole.flat, given=given, number=number)
    new = replace(
        whole.flat.where(is_new),
        onset_quarters=whole.flat.onset_quarters[is_new] + begin,
        offset_quarters=whole.flat.offset_quarters[is_new] + begin,
        score=score,
    )
    random = np.random.default_rng([rendering.seed, number])
    classes = not_early(classes[is_new], where=new.onset_quarters < seam + 1 / ticks)
    return _joined(performance, perform(new, classes, random=random, ticks=ticks), seam)


def _joined(performance: Performance, new: Performance, seam: float) -> Performance:
    """Put what is played anew behind the notes and the pedals from before the seam."""
    score = performance.score or ScoreMap.constant()
    old = performance.between_quarters(0.0, seam - _SLACK_QUARTERS)
    names = ("onset_s", "offset_s", "onset_quarters", "offset_quarters", "velocity")
    arrays = {name: np.concatenate([getattr(old, name), getattr(new, name)]) for name in names}
    kept = score.pedal_tick <= seam * score.ticks_per_quarter
    moves = new.score if new.score and len(new) else ScoreMap.constant()
    score = replace(
        score,
        pedal_tick=np.concatenate([score.pedal_tick[kept], moves.pedal_tick]),
        pedal=np.concatenate([score.pedal[kept], moves.pedal]),
    )
    return Performance.from_arrays(
        np.concatenate([old.pitch, new.pitch]), counts=performance.counts, score=score, **arrays
    )
