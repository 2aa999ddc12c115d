"""Whether `generate` can do what it is asked for, found before a folder is made."""

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.cli.shared.asked_pieces import asked_of, changes_prompt, is_rendered

NETWORKS = ("vq_vae", "transformer")  # without which nothing can be written


def check_asked(config: DictConfig) -> None:
    """Refuse what the run does not know, and a prompt that cannot be used, before a folder is made.

    Args:
        config: Of `generate`.

    Raises:
        ValueError: Settings do not go together, the run does not know what is asked for, or the prompt is no
            music or has no such part; the message says what to type.
        FileNotFoundError: The run lacks a network.
    """
    _check_combination(config)
    check_networks(Path(config.run), "to write pieces with")
    instantiate(config.sampling)
    asked = asked_of(config)
    is_label = asked.composer or asked.era or asked.blend or asked.attributes or asked.mood
    if is_label or asked.guidance < 0:
        from musicgen.generation.loaded_run import load

        asked.conditions(load(config.run).prior.conditioner, quarters=config.num_quarters)
    if (config.best_of or 1) > 1 or config.form is not None:
        from musicgen.generation.drawing.chosen import drawing_of
        from musicgen.generation.loaded_run import load

        how = {name: config[name] for name in ("best_of", "critic", "form")}
        drawing_of(load(config.run), asked, **how)
    if config.prompt is not None:
        _check_prompt(config)


def check_networks(run: Path, purpose: str) -> None:
    """Refuse a run that lacks a network.

    Args:
        run: Its folder.
        purpose: What the networks are for.

    Raises:
        FileNotFoundError: It does; the message says which.
    """
    missing = [name for name in NETWORKS if not (run / "checkpoints" / f"{name}.ckpt").is_file()]
    if missing:
        raise FileNotFoundError(
            f"run={run}: it has no {' and no '.join(missing)} {purpose}; name a run that trained "
            f"{' and '.join(NETWORKS)}"
        )


def _check_prompt(config: DictConfig) -> None:
    """Read a prompt, and refuse a part that it does not have."""
    from musicgen.generation.edits.retouching import check_part, parse_span
    from musicgen.generation.loaded_run import load
    from musicgen.generation.prompts import end_quarter, read_prompt
    from musicgen.music.midi import read_midi

    if config.prompt_bars is not None or config.prompt_quarters is not None:  # counted on the run's grid
        part = {"num_quarters": config.prompt_quarters, "bars": config.prompt_bars}
        read_prompt(config.prompt, grid=load(config.run).grid, **part)
    piece = read_midi(config.prompt)
    if config.fill is not None:
        check_part(parse_span(config.fill), end=end_quarter(piece))


def _check_combination(config: DictConfig) -> None:
    """Refuse settings that do not go together."""
    from musicgen.generation.writing import check_formats
    from musicgen.music.render.sound import find_soundfont
    from musicgen.music.theory.key_names import read_key

    if {"wav", "opus"} & {*check_formats(config.formats)}:
        find_soundfont(config.soundfont)
    if config.keep is not None and not 1 <= config.keep <= config.num_pieces:
        raise ValueError(
            f"keep={config.keep} of num_pieces={config.num_pieces}; use 1 to {config.num_pieces}"
        )
    is_rendered(config)
    if config.key is not None:
        read_key(config.key)
    if config.prompt is not None and config.key is not None:
        raise ValueError(f"key={config.key} with a prompt, which has a key already; leave one of them out")
    if config.prompt is not None and config.loop_bars is not None:
        raise ValueError("loop_bars writes a loop from nothing; leave prompt out")
    if config.form is not None:
        _check_form(config)
    if (config.best_of or 1) > 1 and (config.loop_bars is not None or changes_prompt(config)):
        raise ValueError(
            f"best_of={config.best_of} chooses by what is asked for; fill, vary and loop_bars choose "
            "by what fits: leave best_of out, or use candidates=8"
        )
    if config.prompt is None and changes_prompt(config):
        raise ValueError("fill and vary change a prompt; name one with prompt=FILE")
    if config.prompt is None and not config.keep_prompt:
        raise ValueError("keep_prompt=false without a prompt; name one with prompt=FILE")
    if config.prompt is None and (config.prompt_bars is not None or config.prompt_quarters is not None):
        raise ValueError("prompt_bars and prompt_quarters take a part of a prompt; name one with prompt=FILE")


def _check_form(config: DictConfig) -> None:
    """Refuse sections of what has none, or that are not equally long."""
    from musicgen.generation.form import section_quarters

    if config.loop_bars is not None or changes_prompt(config):
        raise ValueError(f"form={config.form} parts new music; leave fill, vary and loop_bars out")
    section_quarters(config.form, config.num_quarters)
