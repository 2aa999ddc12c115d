"""Ask a run the report's questions, and measure the answers: questions.json, tables and pictures.

    python scripts/questions.py run=DIR ask=[fill,attributes]
    python scripts/questions.py run=DIR weights=CLASSIFIER ask=[composer,blend] pairs=[[Chopin,Bach]]

CLASSIFIER is the folder that `musicgen classify` left, trained on the same data: what it holds out, the run
holds out, too. What parts two composers is `musicgen style composer=A against=B`.
"""

import json
import sys
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the parts lie beside this file

from asked.attributes import asked_and_measured, attribute_rows
from asked.blends import blend_rows, blends, draw_blends
from asked.composer import composer_rows, like_a_composer
from asked.fills import seam_rows, seams
from asked.forms import form_rows, forms, loop_rows, loops
from asked.material import Material
from asked.returns import return_rows, returns
from settings import read_settings

QUESTIONS = ("composer", "blend", "attributes", "fill", "return", "form", "loop")


@dataclass
class Settings:
    """The settings of the command line, as key=value.

    Attributes:
        run: The run folder.
        weights: The folder that `musicgen classify` left; composer and blend need it.
        ask: Any of composer, blend, attributes, fill, return, form, loop.
        pairs: Pairs of surnames to blend; by default the first two pairs of composers that are known.
        ways: How to blend: by labels, and by directions in the hidden states.
        forms: Letters of sections that are asked for.
        pieces: Pieces for each composer and seed, share or value.
        num_quarters: Their length.
        guidance: How much what is asked for counts.
        best_of: Draws of each stretch, of which `critic` chooses one, for composer and blend; None takes
            four if there is one.
        critic: Folder of the classifier that chooses, another than `weights`; None takes the run's own.
        seeds: Of the draws; all but composer take the first.
        cases: Gaps that are filled.
        gap_quarters: Their length.
        threads: Of PyTorch.
        out: Where the answers go.
    """

    run: str = "???"
    weights: str | None = None
    ask: list[str] = field(default_factory=lambda: ["attributes", "fill"])
    pairs: list[list[str]] = field(default_factory=list)
    ways: list[str] = field(default_factory=lambda: ["labels", "directions"])
    forms: list[str] = field(default_factory=lambda: ["ABAC", "ABCDEAFG"])
    pieces: int = 40
    num_quarters: int = 128
    guidance: float = 2.0
    best_of: int | None = None
    critic: str | None = None
    seeds: list[int] = field(default_factory=lambda: [0, 1])
    cases: int = 40
    gap_quarters: int = 8
    threads: int = 1
    out: str = "outputs/questions"


def main(arguments: list[str]) -> None:
    """Ask, measure and write."""
    import torch

    try:
        settings = read_settings(Settings, arguments)
    except ValueError as error:
        sys.exit(f"{__doc__}\n{error}")
    if unknown := set(settings.ask) - set(QUESTIONS):
        sys.exit(f"ask={settings.ask}: {', '.join(sorted(unknown))} is unknown; use {', '.join(QUESTIONS)}")
    torch.set_num_threads(settings.threads)
    folder = Path(settings.out)
    folder.mkdir(parents=True, exist_ok=True)
    weights = None if settings.weights is None else Path(settings.weights)
    choice = {"best_of": settings.best_of, "critic": settings.critic}
    material = Material(Path(settings.run), weights, settings.num_quarters, choice=choice)
    answers: dict[str, Any] = {"settings": asdict(settings)}
    for question in settings.ask:
        answers[question], rows = _ask(question, material, settings, folder)
        print(f"\n{question}\n{_table(rows)}")
        text = json.dumps(answers, indent=2, default=_plain) + "\n"
        (folder / "questions.json").write_text(text, encoding="utf-8")


def _ask(question: str, material: Material, settings: Settings, folder: Path) -> tuple[Any, list[list[str]]]:
    """Return the answer to a question, and its table."""
    size = {"pieces": settings.pieces, "guidance": settings.guidance}
    seed = settings.seeds[0]
    if question == "composer":
        answer = like_a_composer(material, **size, seeds=settings.seeds, folder=folder)
        return answer, composer_rows(answer)
    if question == "blend":
        known = list(material.composers())
        pairs = settings.pairs or [list(pair) for pair in zip(known[::2], known[1::2], strict=False)][:2]
        answer = [
            blends(material, (pair[0], pair[1]), **size, seed=seed, ways=settings.ways) for pair in pairs
        ]
        draw_blends(answer, folder / "blends.png")
        return answer, blend_rows(answer)
    if question == "attributes":
        answer = asked_and_measured(material, **size, seed=seed)
        return answer, attribute_rows(answer)
    if question == "return":
        answer = returns(material, pieces=settings.pieces, seed=seed)
        return answer, return_rows(answer)
    if question == "form":
        answer = forms(material, asked=settings.forms, pieces=settings.pieces, seed=seed)
        return answer, form_rows(answer)
    if question == "loop":
        answer = loops(material, pieces=settings.pieces, seed=seed)
        return answer, loop_rows(answer)
    answer = seams(material, cases=settings.cases, gap_quarters=settings.gap_quarters, seed=seed)
    return answer, seam_rows(answer)


def _table(rows: list[list[str]]) -> str:
    """Write a Markdown table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _plain(value: Any) -> Any:
    """Turn results into what JSON knows."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else float(value)  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    main(sys.argv[1:])
