"""Pictures of how a piece comes back to itself."""

import numpy as np
import pytest

from musicgen.music.notes import Performance
from musicgen.music.render.form_diagram import WIDTH_IN, form_image
from musicgen.training.tensorboard_logger import CARD_WIDTH_IN
from tests.conftest import etude, notes


@pytest.mark.parametrize("width_in", [CARD_WIDTH_IN, WIDTH_IN])
@pytest.mark.parametrize("piece", [etude(0, num_quarters=48), notes([])])
def test_nothing_is_cut_off_at_the_edge(piece: Performance, width_in: float):
    image = form_image(piece, title="Etude", width_in=width_in)
    assert image.shape[1] == round(100 * width_in)
    assert (image < 255).any()
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((np.asarray(edge) == 255).all() for edge in edges)
