"""Bits per quarter of codes and decoder, comparable between models."""

import math


def code_bits(nats_per_code: float, *, codes_per_quarter: int) -> float:
    """Compute the bits per quarter of the codes under a prior.

    Args:
        nats_per_code: Mean cross-entropy of the prior.
        codes_per_quarter: Number of codes per quarter.
    """
    return codes_per_quarter * nats_per_code / math.log(2)


def bits_per_quarter(nats_per_code: float, *, codes_per_quarter: int, decoder_bits: float) -> float:
    """Bound -log2 p(quarter) from above by the bits of the codes and those of the decoder.

    Args:
        nats_per_code: Mean cross-entropy of a prior.
        codes_per_quarter: Number of codes per quarter.
        decoder_bits: Bits per quarter of the decoder, given the codes.

    Returns:
        Bits per quarter, comparable between all bottlenecks, cell models, priors and baselines.
    """
    return code_bits(nats_per_code, codes_per_quarter=codes_per_quarter) + decoder_bits
