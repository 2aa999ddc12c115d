"""Write the table of metrics into a model's card.

python scripts/model_card.py models/giantmidi-small
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from musicgen.measure.spec import ARROWS, spec_of

BEGIN, END = "<!-- metrics -->", "<!-- /metrics -->"
SHOWN = (  # metric, and what stands beside it
    ("val/bits_per_quarter", ("baseline/chain/bits_per_quarter",)),
    ("vq_vae/val/bce", ("baseline/pitch/bce",)),
    ("vq_vae/val/cell_f1", ()),
    ("vq_vae/val/onset_f1", ()),
    ("vq_vae/val/perplexity", ()),
    ("transformer/val/nats_per_code", ("baseline/bigram/nats_per_code",)),
)


def metrics_table(metrics: dict[str, Any]) -> str:
    """Write the headline metrics, and those of generated pieces beside real ones, in Markdown.

    Args:
        metrics: `metrics.json`; null for one without a value.
    """
    rows = ["| metric | model | beside | |", "|---|---|---|---|"]
    for name, others in SHOWN:
        if metrics.get(name) is not None:
            beside = ", ".join(
                f"{other} {_number(metrics.get(other))}" for other in others if other in metrics
            )
            rows.append(f"| `{name}` | {_number(metrics[name])} | {beside} | {_arrow(name)} |")
    for name in sorted(metrics):
        kind, _, rest = name.partition("/")
        if kind == "generated" and metrics[name] is not None:
            real = metrics.get(f"real/{rest}")
            beside = "" if real is None else f"real {_number(real)}"
            rows.append(f"| `{name}` | {_number(metrics[name])} | {beside} | {_arrow(name)} |")
    return "\n".join(rows)


def write_table(card: Path, table: str) -> None:
    """Put a table between the marks of a card.

    Raises:
        ValueError: The card has no such marks.
    """
    text = card.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{card} has no place for a table; put {BEGIN} and {END} where it belongs")
    card.write_text(pattern.sub(lambda found: f"{BEGIN}\n{table}\n{END}", text), encoding="utf-8")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _arrow(name: str) -> str:
    return ARROWS[spec_of(name).better]  # pyright: ignore[reportArgumentType]


def main() -> None:
    """Write the table of the one model below the folder."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    found = sorted(folder.glob("*/*/metrics.json"))
    if len(found) != 1:
        command = f"musicgen export run=DIR to={folder}/PACKAGE/NAME"
        sys.exit(f"{folder} holds {len(found)} models, not one; put one there with {command}")
    metrics = json.loads(found[0].read_text(encoding="utf-8"))
    write_table(folder / "README.md", metrics_table(metrics))
    print(folder / "README.md")


if __name__ == "__main__":
    main()
