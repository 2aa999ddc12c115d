"""The renderer plays notes in order: what comes later is read, what will be played is not."""

import pytest
import torch
from torch.nn import functional

from musicgen.models.renderer.network import Renderer

SIZES = (8, 4, 4, 16)


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(num_features=6, sizes=SIZES, width=16, depth=2, memory=12).eval()


def batch(notes: int = 9, pieces: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    features = torch.randn(pieces, notes, 6)
    classes = torch.stack([torch.randint(0, size, (pieces, notes)) for size in SIZES], dim=-1)
    before = torch.cat([torch.tensor(SIZES).expand(pieces, 1, -1), classes[:, :-1]], dim=1)
    return features, before, classes


def test_logits_depend_on_no_later_note_that_was_played(renderer: Renderer):
    features, before, classes = batch()
    whole = renderer(features, before, classes)
    changed_before, changed = before.clone(), classes.clone()
    changed[:, 5] = (classes[:, 5] + 1) % torch.tensor(SIZES)
    changed_before[:, 6] = changed[:, 5]
    other = renderer(features, changed_before, changed)
    for number, (one, two) in enumerate(zip(whole, other, strict=True)):
        assert torch.equal(one[:, :5], two[:, :5])
        assert torch.equal(one[:, 5], two[:, 5]) == (number == 0)  # velocity comes before what is given it
        assert not torch.equal(one[:, 6], two[:, 6])


def test_logits_depend_on_what_is_written_before_and_after(renderer: Renderer):
    features, before, classes = batch()
    features.requires_grad_()
    renderer(features, before, classes)[0][0, 4].sum().backward()
    assert features.grad is not None
    assert (features.grad[0].abs().sum(dim=-1) > 0).all()
    assert features.grad[1].abs().sum() == 0


def test_drawing_keeps_what_is_given_and_follows_the_logits(renderer: Renderer):
    features, _, classes = batch()
    given = torch.full_like(classes, -1)
    given[:, :4] = classes[:, :4]
    first = torch.ones(2, 9, dtype=torch.bool)
    first[:, 6] = False

    def draw(temperature: float) -> torch.Tensor:
        generator = torch.Generator().manual_seed(3)
        return renderer.draw(
            features, given, begins_chord=first, generator=generator, temperature=temperature
        )

    drawn = draw(1.0)
    assert torch.equal(drawn[:, :4], classes[:, :4])
    assert torch.equal(drawn, draw(1.0))
    assert torch.equal(drawn[:, 6, -1], drawn[:, 5, -1])  # one pedal for a chord
    assert (drawn >= 0).all()
    assert (drawn < torch.tensor(SIZES)).all()
    likeliest = draw(1e-4)
    before = torch.cat([torch.tensor(SIZES).expand(2, 1, -1), likeliest[:, :-1]], dim=1)
    logits = renderer(features, before, likeliest)
    assert torch.equal(logits[0][:, 4:].argmax(dim=-1), likeliest[:, 4:, 0])


def test_one_batch_is_learned_by_heart(renderer: Renderer):
    features, before, classes = batch()
    optimizer = torch.optim.Adam(renderer.parameters(), lr=1e-2)

    def loss() -> torch.Tensor:
        logits = renderer(features, before, classes)
        parts = [functional.cross_entropy(one.mT, classes[..., at]) for at, one in enumerate(logits)]
        return torch.stack(parts).sum()

    begin = loss().item()
    for _ in range(80):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.1 * begin


@pytest.mark.parametrize("setting", [{"width": 0}, {"dropout": 1.0}, {"memory": 0}])
def test_sizes_out_of_range_are_refused(setting: dict[str, float]):
    with pytest.raises(ValueError, match=f"renderer.{next(iter(setting))}="):
        Renderer(num_features=6, sizes=SIZES, **setting)  # type: ignore[arg-type]


def test_a_temperature_of_nothing_is_refused(renderer: Renderer):
    features, _, classes = batch()
    first = torch.ones(2, 9, dtype=torch.bool)
    with pytest.raises(ValueError, match="render_temperature=0"):
        renderer.draw(features, classes, begins_chord=first, generator=torch.Generator(), temperature=0.0)
