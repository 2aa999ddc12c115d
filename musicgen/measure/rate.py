"""Bits per quarter: what codes and the decoder need together, in one unit for all models."""

import math


def code_bits(nats_per_code: float, *, codes_per_quarter: int) -> float:
    """Compute what the codes of a quarter need under a prior, in bits.

    Args:
        nats_per_code: Mean cross-entropy of the prior.
        codes_per_quarter: Number of codes that describe a quarter.
    """
    return codes_per_quarter * nats_per_code / math.log(2)


def bits_per_quarter(nats_per_code: float, *, codes_per_quarter: int, decoder_bits: float) -> float:
    """Bound -log2 p(quarter) from above by the bits of the codes and those of the decoder.

    Args:
        nats_per_code: Of any prior over the codes.
        codes_per_quarter: Number of codes that describe a quarter.
        decoder_bits: What the decoder needs for a quarter whose codes are known.

    Returns:
        Bits per quarter; compares runs of any codebook, any cell model, any prior and any baseline.
    """
    return code_bits(nats_per_code, codes_per_quarter=codes_per_quarter) + decoder_bits
