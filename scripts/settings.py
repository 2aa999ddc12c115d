"""Settings of a script: a dataclass, filled from key=value on the command line."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

Settings = TypeVar("Settings")


def read_settings(kind: type[Settings], arguments: Sequence[str]) -> Settings:
    """Fill a dataclass of settings; a field whose default is `???` must be given.

    Args:
        kind: The dataclass.
        arguments: Such as `["run=DIR", "steps=6"]`.

    Raises:
        ValueError: A key or a value is not known, or one is missing; names all keys.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.from_cli(list(arguments)))
        return cast(Settings, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        known = ", ".join(field.name for field in fields(kind))  # type: ignore[arg-type]
        raise ValueError(f"{str(error).splitlines()[0]}; use any of {known} as key=value") from error


def start(main: Callable[[list[str]], None]) -> None:
    """Run a script; a wrong setting or file ends it with one line."""
    try:
        main(sys.argv[1:])
    except (ValueError, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
