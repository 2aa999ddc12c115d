"""musicgen generate: write new pieces from a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.asked_pieces import asked_of, asked_pieces, changes_prompt, is_rendered, wishes_of
from musicgen.cli.shared.generated_page import write_generated_page
from musicgen.cli.shared.training_index import training_index
from musicgen.files.run_folders import run_label

if TYPE_CHECKING:
    from musicgen.generation.generate import GeneratedPiece
    from musicgen.generation.prompts import Prompt
    from musicgen.generation.rendering import Rendering
    from musicgen.generation.writing import Labels
    from musicgen.measure.copying.index import CopyIndex
    from musicgen.measure.ranking import RankedPiece


def generate(config: DictConfig) -> None:
    """Sample pieces from a run folder, from nothing or from a prompt, and say where they are."""
    from musicgen.generation.drawing.chosen import candidates_for
    from musicgen.generation.loaded_run import load
    from musicgen.generation.prompts import continue_prompt, read_prompt
    from musicgen.generation.rendering import render_piece
    from musicgen.generation.writing import write_pieces
    from musicgen.reports.pages.evaluation_page import PageExtent
    from musicgen.training.threads import use_threads

    extent = PageExtent(**config.page)
    use_threads(config.threads)
    run, prompt = load(config.run), None
    if config.prompt is not None:
        part = {"num_quarters": config.prompt_quarters, "bars": config.prompt_bars}
        prompt = read_prompt(config.prompt, grid=run.grid, **part)
        print(f"{config.prompt}: {prompt.description(is_kept=config.keep_prompt)}")
    is_retouched = changes_prompt(config)
    if not is_retouched and config.loop_bars is None:
        config.best_of = candidates_for(run, asked_of(config), best_of=config.best_of, critic=config.critic)
    pieces = asked_pieces(run, prompt, config)
    ranking = _ranked(pieces, prompt, config) if config.keep else None
    kept = range(len(pieces)) if ranking is None else [piece.number for piece in ranking[: config.keep]]
    if prompt is not None and not is_retouched:
        joined = {"tempo_bpm": config.tempo_bpm, "keep_prompt": config.keep_prompt}
        pieces = [continue_prompt(piece, prompt, **joined) for piece in pieces]
    rendering = None if is_retouched else _rendering(config)  # their other notes stay as they are
    if rendering is not None:
        pieces = [
            render_piece(piece, rendering, number=number) if number in kept else piece
            for number, piece in enumerate(pieces)
        ]
    folder = Path(HydraConfig.get().runtime.output_dir)
    paths = write_pieces(
        [pieces[number] for number in kept],
        folder,
        formats=config.formats,
        labels=[_labels(config, number) for number in kept],
        as_played=prompt is not None and prompt.on_beats,
        soundfont=config.soundfont,
    )
    if extent.max_pieces:
        shown = [(f"{place:03d}.mid", pieces[number].performance) for place, number in enumerate(kept)]
        paths.append(write_generated_page(folder, shown, facts=_facts(config), extent=extent))
    print(*paths, sep="\n")


def _rendering(config: DictConfig) -> "Rendering | None":
    """Read what plays the pieces; None where they stay as the grid has them."""
    from musicgen.generation.rendering import Rendering, labels_to_render, load_renderer

    if not is_rendered(config):
        return None
    renderer = load_renderer(config.run).module
    labels = labels_to_render(renderer, {"composer": config.composer, "era": config.era})
    return Rendering(renderer, seed=config.seed, temperature=config.render_temperature, labels=labels)


def _facts(config: DictConfig) -> list[tuple[str, str]]:
    """Return what the page says below its heading."""
    chosen = {name: value for name, value in _sampling(config).items() if value is not None}
    sampling = ", ".join(f"{name}={value}" for name, value in chosen.items())
    facts = [("run", run_label(config.run)), ("seed", str(config.seed)), ("sampling", sampling)]
    return [*facts, ("prompt", Path(config.prompt).name)] if config.prompt is not None else facts


def _sampling(config: DictConfig) -> dict[str, Any]:
    """Return how codes are drawn, by dotted names, as they are typed after `sampling.`."""
    from musicgen.reports.runs.settings import typed_settings

    settings: Any = OmegaConf.to_container(config.sampling, resolve=True)
    return typed_settings(settings)


def _ranked(
    pieces: "Sequence[GeneratedPiece]", prompt: "Prompt | None", config: DictConfig
) -> "list[RankedPiece]":
    """Rank pieces by what is new in them, and show the table."""
    from rich.console import Console
    from rich.table import Table

    from musicgen.measure.copying.index import CopyIndex
    from musicgen.measure.ranking import rank_pieces
    from musicgen.music.theory.keys import estimate_key

    known = _training_pieces(Path(config.run))
    key = None
    if prompt is not None:
        key = estimate_key(prompt.performance)
        known.append(CopyIndex.from_performances([("the prompt", prompt.performance)]))
    new = [piece.performance.between_quarters(piece.prompt_quarters, float("inf")) for piece in pieces]
    ranking = rank_pieces(new, key=key, known=known)
    table = Table("rank", "piece", f"in {key.name if key else 'its key'}", "crumbs", "copied notes", "")
    for rank, piece in enumerate(ranking):
        values = (f"{piece.in_key:.0%}", f"{piece.crumbs:.0%}", f"{piece.copied_notes:.0f}")
        table.add_row(str(rank + 1), str(piece.number), *values, "kept" if rank < config.keep else "")
    Console().print(table)
    return ranking


def _training_pieces(run: Path) -> "list[CopyIndex]":
    """Index what the run learned from, if it is still there."""
    try:
        return [training_index(run)]
    except (ValueError, OSError) as error:
        print(f"Copies of training pieces are not ranked, since those cannot be read: {error}")
        return []


def _labels(config: DictConfig, number: int) -> "Labels":
    """Return what the file of a piece says of its origin."""
    from musicgen.generation.writing import Labels

    texts = [f"{name}: {value}" for name, value in wishes_of(config).items()]
    is_played = is_rendered(config) and not changes_prompt(config)
    texts.append(f"rendered: {'yes' if is_played else 'no'}")
    if config.prompt is not None:
        texts.append(f"prompt: {Path(config.prompt).name}")
    return Labels.of_origin(
        config.run,
        seed=config.seed,
        place=f"piece {number} of {config.num_pieces}",
        settings=_sampling(config),
        more=texts,
    )


def main() -> None:
    """Run the verb."""
    launch(generate, verb="generate")
