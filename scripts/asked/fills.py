"""Does a filled gap fit? Likelihood at both seams, beside a continuation pasted in and the real music."""

from typing import Any

import numpy as np
import torch

from asked.material import Material, mean_of
from musicgen.generation.edits.filling import GapRequest, fill_gap
from musicgen.generation.edits.seams import quarter_nats
from musicgen.generation.sampling import Sampling
from musicgen.generation.tokenize import encode_packed

SEAM_QUARTERS = 2
WAYS = ("real", "pasted", "filled, 1 draw", "filled, 8 draws")


def seams(material: Material, *, cases: int, gap_quarters: int, seed: int) -> dict[str, Any]:
    """Cut a gap into held-out music, and measure its two seams, in nats a code.

    The left seam is the beginning of the gap given what comes before it; the right one is the beginning of
    what lies behind it given the gap. A continuation pasted in is drawn without regard to what lies behind.

    Args:
        material: The run.
        cases: How many gaps, spread over the held-out pieces.
        gap_quarters: Their length.
        seed: Of the draws.

    Returns:
        By way: the mean at each seam with its interval over cases; and `fits better`, the share of cases in
        which a filled gap has the likelier right seam than the one pasted in, and the mean difference.
    """
    found: dict[str, dict[str, list[float]]] = {way: {"left": [], "right": []} for way in WAYS}
    for number, (codes, start) in enumerate(_cases(material, cases=cases, gap_quarters=gap_quarters)):
        stop = start + gap_quarters
        before, behind = codes[None, :start], codes[None, stop:]
        prior, sampling = material.run.prior, Sampling()
        none = torch.zeros(1, 0, codes.shape[1], dtype=torch.int64)
        asked = {
            "pasted": GapRequest(before, none, gap_quarters, 1, seed + number, candidates=1),
            "filled, 1 draw": GapRequest(before, behind, gap_quarters, 1, seed + number, candidates=1),
            "filled, 8 draws": GapRequest(before, behind, gap_quarters, 1, seed + number, candidates=8),
        }
        gaps = {way: fill_gap(prior, request, sampling=sampling) for way, request in asked.items()}
        for way, gap in {"real": codes[None, start:stop], **gaps}.items():
            piece = torch.cat([before, gap, behind[:, :SEAM_QUARTERS]], dim=1)
            for side, first in (("left", start), ("right", stop)):
                nats = quarter_nats(prior, piece, first=first, stop=first + SEAM_QUARTERS)
                found[way][side].append(float(nats.mean()))
    results: dict[str, Any] = {
        way: {side: mean_of(values) for side, values in sides.items()} for way, sides in found.items()
    }
    pasted = np.array(found["pasted"]["right"])
    for way in WAYS[2:]:
        gain = pasted - np.array(found[way]["right"])
        results[way] |= {"fits better": float(np.mean(gain > 0)), "gain": mean_of(gain)}
    return results | {"cases": len(pasted), "aims": material.run.can.aims}


def _cases(material: Material, *, cases: int, gap_quarters: int) -> list[tuple[torch.Tensor, int]]:
    """Choose gaps in held-out pieces: codes of a piece, and the first quarter of the gap."""
    run, needed = material.run, 2 * SEAM_QUARTERS + gap_quarters
    pieces = [
        np.array(material.prepared.splits[name].piece(number))
        for name in ("val", "test")
        for number in range(len(material.prepared.splits[name].pieces))
    ]
    long_enough = [piece for piece in pieces if len(piece) >= needed]
    if not long_enough:
        raise ValueError(f"no held-out piece has {needed} quarters; use a smaller gap_quarters")
    per_piece = -(-cases // len(long_enough))
    chosen = []
    for piece in long_enough:
        last = len(piece) - gap_quarters - SEAM_QUARTERS
        starts = np.linspace(SEAM_QUARTERS, last, per_piece + 2)[1:-1].astype(int)
        codes = torch.from_numpy(encode_packed(run.autoencoder, piece))
        chosen += [(codes, start) for start in np.unique(starts).tolist()]
    return chosen[:cases]


def seam_rows(results: dict[str, Any]) -> list[list[str]]:
    """Return the table: way, both seams, share of cases that fit better than a continuation pasted in."""
    rows = [["gap", "left seam", "right seam", "fits better", "gain"]]
    for way in WAYS:
        found = results[way]
        better = f"{found['fits better']:.2f}" if "fits better" in found else ""
        rows.append([way, str(found["left"]), str(found["right"]), better, str(found.get("gain", ""))])
    return rows
