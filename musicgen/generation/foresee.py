"""How long drawing new pieces takes, from a few quarters drawn with fresh networks."""

import time

import torch

from musicgen.generation.generate import PIECES_AT_ONCE
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.generation.tokenize import decode_codes
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior

_DRAWN, _DECODED = 4, 16  # quarters that are timed


def drawing_s(
    autoencoder: Autoencoder, prior: Prior, *, num_pieces: int, num_quarters: int, sampling: Sampling
) -> float:
    """Estimate the seconds of drawing and decoding pieces.

    A quarter takes longer the more there is before it, so those in the middle of a piece are timed.

    Args:
        autoencoder: With any weights; put into evaluation mode.
        prior: With any weights.
        num_pieces: How many pieces.
        num_quarters: Their length.
        sampling: How codes are drawn.
    """
    at_once, random = min(num_pieces, PIECES_AT_ONCE), torch.Generator().manual_seed(0)
    shape = (at_once, max(1, num_quarters // 2) * autoencoder.num_codes)
    prompt = torch.randint(0, prior.num_embeddings, shape, generator=random)
    request = DrawRequest(num_quarters // 2 + 1 + _DRAWN, generator=random, prompt=prompt)
    drawn = iter(sampling.quarters(prior, request))
    next(drawn)  # reads the prompt, too
    began = time.perf_counter()
    for _ in drawn:
        pass
    drawing = (time.perf_counter() - began) / _DRAWN * -(-num_pieces // at_once)
    codes = torch.randint(0, prior.num_embeddings, (_DECODED, autoencoder.num_codes), generator=random)
    autoencoder.eval()
    began = time.perf_counter()
    decode_codes(autoencoder, codes)
    decoding = (time.perf_counter() - began) / _DECODED * num_pieces
    return num_quarters * (drawing + decoding)
