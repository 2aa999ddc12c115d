"""Rendered pieces: new notes are played, a prompt's stay as they were."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from musicgen.generation.generate import GeneratedPiece
from musicgen.generation.rendering import Rendering, labels_to_render, render_piece, renderer_labels
from musicgen.models.conditioners.labels import LabelConditioner
from musicgen.models.renderer.network import Renderer
from musicgen.music.expression.attributes import ATTRIBUTES
from musicgen.music.expression.features import FEATURES
from musicgen.music.grid import from_packed, to_packed
from musicgen.music.score_map import SEAM, ScoreMap
from tests.conftest import etude
from tests.music.expression.test_attributes import played


@pytest.fixture
def renderer() -> Renderer:
    sizes = list(ATTRIBUTES.values())
    return Renderer(num_features=len(FEATURES), sizes=sizes, width=16, depth=1, memory=8).eval()


def generated(seed: int = 0) -> GeneratedPiece:
    packed = to_packed(etude(seed))
    codes = torch.zeros(16, 2, dtype=torch.int64)
    return GeneratedPiece(codes=codes, packed=packed, performance=from_packed(packed), prompt_quarters=0)


def test_a_new_piece_has_many_velocities_and_the_same_notes(renderer: Renderer):
    piece = generated()
    rendered = render_piece(piece, Rendering(renderer)).performance
    assert len(set(rendered.velocity.tolist())) > 10
    assert sorted(rendered.pitch) == sorted(piece.performance.pitch)
    assert rendered.score is not None
    assert len(rendered.score.pedal_tick) > 0
    ticks = [np.sort(np.rint(one.onset_quarters * 32)) for one in (rendered, piece.performance)]
    np.testing.assert_array_equal(*ticks)


def test_each_piece_has_draws_of_its_own_whatever_others_there_are(renderer: Renderer):
    piece, rendering = generated(), Rendering(renderer, seed=4)
    first, again, other = (render_piece(piece, rendering, number=number) for number in (1, 1, 2))
    np.testing.assert_array_equal(first.performance.velocity, again.performance.velocity)
    assert (first.performance.velocity != other.performance.velocity).any()


def test_what_was_played_before_the_seam_stays_and_what_follows_is_played(renderer: Renderer):
    before, seam = played(3), 8.0
    new = from_packed(to_packed(etude(5)))
    score = replace(
        before.score or ScoreMap.constant(), key=np.array([[2, 0]]), key_tick=np.zeros(1, np.int64)
    )
    joined = replace(
        before,
        pitch=np.concatenate([before.pitch[:40], new.pitch[40:]]),
        onset_quarters=np.concatenate([before.onset_quarters[:40], new.onset_quarters[40:]]),
        offset_quarters=np.concatenate([before.offset_quarters[:40], new.offset_quarters[40:]]),
        onset_s=np.concatenate([before.onset_s[:40], new.onset_s[40:]]),
        offset_s=np.concatenate([before.offset_s[:40], new.offset_s[40:]]),
        velocity=np.concatenate([before.velocity[:40], new.velocity[40:]]),
        score=score.between(0.0, seam).with_marker(SEAM, quarter=seam),
    )
    piece = replace(generated(), performance=joined, prompt_quarters=8)
    rendered = render_piece(piece, Rendering(renderer)).performance
    kept, old = rendered.between_quarters(0.0, 7.9), before.between_quarters(0.0, 7.9)
    for name in ("pitch", "onset_quarters", "offset_quarters", "velocity", "onset_s"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(old, name), err_msg=name)
    assert len(rendered) == len(joined)
    for seed in range(5):
        again = render_piece(piece, Rendering(renderer, seed=seed)).performance
        assert len(again.between_quarters(0.0, seam)) == len(old)  # no new note is early at the seam
    assert len(set(rendered.velocity[rendered.onset_quarters > 8.1].tolist())) > 8
    assert rendered.score is not None
    assert rendered.score.key.tolist() == [[2, 0]]
    moves = rendered.score.pedal_tick / rendered.score.ticks_per_quarter
    np.testing.assert_allclose(moves[:16], np.stack([np.arange(8), np.arange(8) + 0.75], axis=1).ravel())
    assert (moves[17:] >= seam).all()
    assert (np.diff(moves) >= 0).all()


def test_labels_are_looked_up_by_name_and_left_open_without(renderer: Renderer):
    assert renderer_labels(renderer, [("Frédéric Chopin", "romantic")]) is None
    assert labels_to_render(renderer, {"composer": "Chopin", "era": None}) is None
    names = [["Frédéric Chopin", "Franz Liszt"], ["classical", "romantic"]]
    renderer.conditioner = LabelConditioner(fields=["composer", "era"], width=16, names=names)
    for table in renderer.conditioner.parameters():
        torch.nn.init.normal_(table)
    assert renderer_labels(renderer, [("Franz Liszt", "modern")]).tolist() == [[2, 0]]
    assert labels_to_render(renderer, {"composer": "chopin", "era": None}).tolist() == [[1, 0]]
    assert labels_to_render(renderer, {"era": "romantic"}).tolist() == [[0, 2]]
    asked = labels_to_render(renderer, {"composer": "Liszt", "era": None})
    told = Rendering(renderer, labels=asked).play(generated().performance)
    other = Rendering(renderer, labels=torch.tensor([[1, 0]])).play(generated().performance)
    assert (told.velocity != other.velocity).any()
    with pytest.raises(ValueError, match="composer=Xyz"):
        labels_to_render(renderer, {"composer": "Xyz"})
