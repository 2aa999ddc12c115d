"""Values in the grammar of Hydra's command line."""

import re


def quoted(value: str) -> str:
    """Put a value into single quotes as Hydra's grammar reads them."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + (r"\'" if found[2] else ""), value)
    return f"'{escaped}'"
