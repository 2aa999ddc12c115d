"""Several values of one setting: for the jobs of a sweep, or a comma that was meant otherwise."""

import re
from collections.abc import Sequence

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from musicgen.cli.shared.settings.command_line import CommandLine
from musicgen.cli.shared.settings.composition import resolved
from musicgen.cli.shared.settings.usage import UsageError
from musicgen.config.kinds import Kind
from musicgen.config.schema import kind_of


def check_several(
    overrides: Sequence[Override], config: DictConfig, line: CommandLine, *, takes_intervals: bool
) -> None:
    """Refuse several values for one run, and intervals where values are listed."""
    is_sweep = line.is_sweep or str(config.hydra.mode).endswith("MULTIRUN")
    lists_values = str(config.hydra.sweeper._target_).endswith("BasicSweeper") and not takes_intervals
    for override in overrides:
        if not override.is_sweep_override():
            continue
        key, values = override.key_or_group, str(override.input_line).partition("=")[2]
        if not is_sweep:
            kind = kind_of(key, resolved(config, key), verb=line.verb)
            raise UsageError(
                f"{override.input_line}: these are several values; "
                f"for a run with each type -m {key}={values}{_one_value(key, values, kind)}"
            )
        if lists_values and not override.is_discrete_sweep():
            raise UsageError(
                f"{override.input_line}: an interval has no end of values; list some, or use musicgen search"
            )


def _one_value(key: str, values: str, kind: Kind) -> str:
    """Write what to type if a comma was meant as a part of one value."""
    number = values.replace(",", ".", 1)
    if re.fullmatch(r"[+-]?\d*\.\d+(e[+-]?\d+)?", number):
        return f", for a number with a fraction {key}={number}" if kind.accepts(float(number)) else ""
    if {"'", '"'} & set(values):
        return ""
    return f", for one text with a comma \"{key}='{values}'\"" if kind.accepts(values) else ""
