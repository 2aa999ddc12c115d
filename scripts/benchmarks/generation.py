"""Rows: codes drawn a second, alone and in batches, and a whole piece from nothing to notes."""

import torch

from benchmarks.measure import Bench, Row, forget_peak, in_turn, peak_mib, row_of, seconds
from benchmarks.reference_transformer import ReferenceGpt, sample
from musicgen.generation.generate import generate_pieces
from musicgen.generation.sampling import DrawRequest, Sampling
from musicgen.models.bottlenecks.base import Vocabulary
from musicgen.models.bottlenecks.codebook import VectorQuantizer
from musicgen.models.convolutional import ConvolutionalAutoencoder
from musicgen.models.priors.base import Prior
from musicgen.models.priors.flat import Transformer
from musicgen.models.priors.two_level import TwoLevelTransformer

_CODES = 16  # a quarter
_WAYS = {
    "generation_batch_1": (1, 5),
    "generation_batch_16": (16, None),
    "generation_batch_64": (64, 25),
}
_PIECE_QUARTERS = 128
_PIECE_LIMIT_S = 3


def generation(bench: Bench) -> list[Row]:
    """Draw codes with the default network, against a block that is read again for every code."""
    torch.manual_seed(0)
    network = Transformer(vocabulary=Vocabulary(_CODES, 1, 16)).to(bench.device).eval()
    theirs = ReferenceGpt().to(bench.device)
    rows = []
    for name, (batch, mark) in _WAYS.items():

        def ours(batch: int = batch) -> float:
            def work() -> None:
                generator = torch.Generator().manual_seed(0)
                request = DrawRequest(bench.size.codes // _CODES, generator, batch=batch)
                Sampling().draw(network, request)

            return batch * bench.size.codes / seconds(work, device=bench.device)

        def reference() -> float:
            def work() -> None:
                sample(theirs, num_codes=bench.size.codes, device=bench.device)

            return bench.size.codes / seconds(work, device=bench.device)

        rates, reference_rates, peak, reference_peak = in_turn(ours, reference, repeats=bench.size.repeats)
        row = row_of(
            name,
            ours=rates,
            reference=reference_rates,
            unit="tokens/s",
            mark=mark,
            peak_mib=peak,
            reference_peak_mib=reference_peak,
            note=f"{bench.size.codes} codes a piece; reference alone and without a cache",
        )
        rows.append(row)
    return [*rows, _two_levels(bench, network), _piece(bench, network)]


def _two_levels(bench: Bench, flat: Transformer) -> Row:
    """Draw codes with two levels, 64 quarters at once, against the flat prior and its twelve, both cached."""
    network = TwoLevelTransformer(vocabulary=flat.vocabulary).to(bench.device).eval()

    def rate(prior: Prior) -> float:
        request = DrawRequest(bench.size.codes // _CODES, torch.Generator().manual_seed(0))
        return bench.size.codes / seconds(lambda: Sampling().draw(prior, request), device=bench.device)

    rates, flat_rates, peak, flat_peak = in_turn(
        lambda: rate(network), lambda: rate(flat), repeats=bench.size.repeats
    )
    return row_of(
        "generation_two_levels",
        ours=rates,
        reference=flat_rates,
        unit="tokens/s",
        mark=1,
        peak_mib=peak,
        reference_peak_mib=flat_peak,
        note=f"{bench.size.codes} codes, 64 quarters at once; reference the flat prior with its 12",
    )


def _piece(bench: Bench, network: Transformer) -> Row:
    """Write a piece of 128 quarters: codes, slices and notes."""
    autoencoder = ConvolutionalAutoencoder(VectorQuantizer()).to(bench.device).eval()
    quarters = _PIECE_QUARTERS if bench.size.name != "tiny" else 4

    def work() -> None:
        generate_pieces(
            autoencoder, network, num_pieces=1, num_quarters=quarters, seed=0, sampling=Sampling()
        )

    forget_peak()
    work()
    peak = peak_mib()
    times = [seconds(work, device=bench.device) for _ in range(bench.size.repeats)]
    return row_of(
        "generation_piece",
        ours=times,
        reference=None,
        unit="s",
        mark=_PIECE_LIMIT_S,
        limit=True,
        peak_mib=peak,
        note=f"a piece of {quarters} quarters, decoded to notes",
    )
