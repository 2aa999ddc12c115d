"""The pieces that `generate` is asked for: new ones, loops, or a prompt continued or changed."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.config.tree import plain

if TYPE_CHECKING:
    from musicgen.generation.asking.asked import Asked
    from musicgen.generation.generate import GeneratedPiece
    from musicgen.generation.loaded_run import LoadedRun
    from musicgen.generation.prompts import Prompt

DEFAULT_TEMPO_BPM = 120.0


def changes_prompt(config: DictConfig) -> bool:
    """Whether parts of a prompt are written anew, instead of what follows it."""
    return config.fill is not None or config.vary is not None


def is_rendered(config: DictConfig) -> bool:
    """Whether pieces are played by a renderer.

    Raises:
        FileNotFoundError: That is asked for, and the run has none.
    """
    from musicgen.generation.rendering import has_renderer, require_renderer

    if config.render:
        require_renderer(config.run)
    return has_renderer(config.run) if config.render is None else config.render


def asked_pieces(run: "LoadedRun", prompt: "Prompt | None", config: DictConfig) -> "list[GeneratedPiece]":
    """Write the pieces that a config of `generate` asks for.

    Args:
        run: The run.
        prompt: The prompt as the run reads it; None without one.
        config: Of `generate`.

    Raises:
        ValueError: The run does not know what is asked for.
    """
    with _steering(run, config):
        if config.loop_bars is not None:
            return _loops(run, config)
        return _retouched(run, config) if changes_prompt(config) else _written(run, prompt, config)


def _written(run: "LoadedRun", prompt: "Prompt | None", config: DictConfig) -> "list[GeneratedPiece]":
    """Write new pieces, or what continues a prompt."""
    from musicgen.generation.drawing.chosen import drawing_of
    from musicgen.generation.generate import generate_pieces
    from musicgen.generation.key_plan import KeyPlan

    packed = None if prompt is None else prompt.packed
    return generate_pieces(
        run.autoencoder,
        run.prior,
        num_pieces=config.num_pieces,
        num_quarters=config.num_quarters,
        seed=config.seed,
        sampling=drawing_of(
            run,
            asked_of(config),
            instantiate(config.sampling),
            best_of=config.best_of,
            critic=config.critic,
            form=config.form,
        ),
        tempo_bpm=config.tempo_bpm or DEFAULT_TEMPO_BPM,
        prompt=packed,
        keys=KeyPlan(learned=run.learned_keys, key=config.key),
        conditions=run.conditions(
            asked_of(config),
            quarters=config.num_quarters,
            seed=config.seed,
            num_pieces=config.num_pieces,
            prompt=packed,
        ),
        progress=True,
    )


def _steering(run: "LoadedRun", config: DictConfig) -> AbstractContextManager[None]:
    """Steer the prior by directions between composers, where a blend is asked for in this way."""
    if config.blend_by != "directions" or not config.blend:
        return nullcontext()
    from pathlib import Path

    from musicgen.checkpoint import build
    from musicgen.cli.shared.pieces import prepared_pieces
    from musicgen.config.tree import read_run_config
    from musicgen.generation.asking.steering import composer_directions, steered

    of_run = read_run_config(Path(config.run) / ".hydra" / "config.yaml")
    prepared = prepared_pieces(of_run, make=lambda named: build(plain(named)))
    directions = composer_directions(run.autoencoder, run.prior, prepared.splits["train"])
    vector = config.guidance * directions.blend(plain(config.blend))
    return steered(run.prior, vector, layer=directions.layer)


def _retouched(run: "LoadedRun", config: DictConfig) -> "list[GeneratedPiece]":
    """Write parts of the prompt anew."""
    from musicgen.generation.edits.retouching import Retoucher, parse_span
    from musicgen.music.midi import read_midi

    retoucher = Retoucher(
        run.autoencoder,
        run.prior,
        grid=run.grid,
        sampling=instantiate(config.sampling),
        asked=asked_of(config),
        learned=run.learned_keys,
        known=run.training_labels,
        candidates=config.candidates,
    )
    piece, size = read_midi(config.prompt), {"num_pieces": config.num_pieces, "seed": config.seed}
    quarters = None if config.fill is None else parse_span(config.fill)
    if config.vary is None and quarters is not None:
        return retoucher.fill(piece, quarters=quarters, **size)
    return retoucher.vary(piece, share=config.vary, quarters=quarters, **size)  # pyright: ignore[reportArgumentType]


def _loops(run: "LoadedRun", config: DictConfig) -> "list[GeneratedPiece]":
    """Write loops."""
    asked = asked_of(config)
    return run.loop(
        config.loop_bars,
        num_pieces=config.num_pieces,
        seed=config.seed,
        sampling=instantiate(config.sampling),
        tempo_bpm=config.tempo_bpm or DEFAULT_TEMPO_BPM,
        candidates=config.candidates,
        **{field.name: getattr(asked, field.name) for field in fields(asked)},
    )


def asked_of(config: DictConfig) -> "Asked":
    """Collect what is asked of the pieces."""
    from musicgen.generation.asking.asked import Asked

    levels = {
        name: {key: value for key, value in plain(config[name]).items() if value is not None}
        for name in ("attributes", "mood")
    }
    names = {name: config[name] for name in ("composer", "era", "key")}
    blend = plain(config.blend) if config.blend_by == "labels" else {}
    return Asked(**names, **levels, blend=blend, guidance=config.guidance)  # pyright: ignore[reportArgumentType]


def wishes_of(config: DictConfig) -> dict[str, Any]:
    """Return what is asked of the pieces by name, without what is left open."""
    asked = asked_of(config)
    named = {name: getattr(asked, name) for name in ("composer", "era", "key")}
    tables = {"blend": plain(config.blend), "attributes": asked.attributes, "mood": asked.mood}
    named |= {f"{table}.{name}": value for table, values in tables.items() for name, value in values.items()}
    named |= {"guidance": None if asked.guidance == 1 else asked.guidance}
    named |= {"best_of": None if config.best_of == 1 else config.best_of}
    named |= {name: config[name] for name in ("form", "fill", "vary", "loop_bars")}
    return {name: value for name, value in named.items() if value is not None}
