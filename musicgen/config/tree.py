"""Find the config tree, and convert configs to plain values."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 50


def config_dir() -> Path:
    """Return the folder of the config tree.

    It is `conf/` in a checkout and `musicgen/conf/` in a wheel.

    Returns:
        The absolute path of the folder that holds `train.yaml`.

    Raises:
        FileNotFoundError: The installation is broken: neither folder is there.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(
        f"no config tree beside or inside {package}; "
        "install musicgen-lab again (pip install --force-reinstall musicgen-lab)"
    )


def checked_yaml(text: str) -> str:
    """Check that a YAML text of a run has a limited size, depth and no aliases.

    A few hundred bytes with nested aliases can expand to gigabytes. Hydra writes no aliases.

    Args:
        text: The text, possibly untrusted.

    Returns:
        The same text.

    Raises:
        ValueError: It is too large or too deeply nested, has aliases, or is not YAML.
    """
    import yaml

    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"has {len(text):,} characters; a config has at most {MAX_CHARACTERS:,}")
    depth = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ValueError(f"is nested more than {MAX_DEPTH} times")
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"has the alias *{event.anchor}, and configs of runs have none")
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from error
    return text


def read_run_config(path: Path) -> DictConfig:
    """Read a config file of a run folder, which may be untrusted.

    Args:
        path: The file, such as `.hydra/config.yaml`.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not a config.
    """
    try:
        config = OmegaConf.create(checked_yaml(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} is not there; copy the whole folder of the run") from error
    if not isinstance(config, DictConfig):
        raise ValueError(f"{path} is a list, not a config")
    return config


def plain(config: DictConfig) -> dict[str, Any]:
    """Convert a config to plain dictionaries, lists and values, with interpolations resolved."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}
