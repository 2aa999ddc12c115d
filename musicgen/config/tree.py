"""Find the config tree, in a checkout or in an installed wheel, and give configs as plain values."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 50


def config_dir() -> Path:
    """Give the folder of the config tree.

    A checkout keeps it at the top (`conf/`); a wheel carries it inside the package (`musicgen/conf/`).

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
    """Make sure that a YAML text that came with a run has no more in it than it shows.

    A few hundred bytes that refer to themselves again and again (`*alias`) unfold to gigabytes. Hydra writes
    no aliases.

    Args:
        text: May be a stranger's.

    Returns:
        The same text.

    Raises:
        ValueError: It is larger or more deeply nested than configs are, or has aliases, or is no YAML.
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
    """Read a config file of a run folder, which may be a stranger's.

    Args:
        path: Such as `.hydra/config.yaml`.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is no config.
    """
    try:
        config = OmegaConf.create(checked_yaml(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    if not isinstance(config, DictConfig):
        raise ValueError(f"{path} is a list, not a config")
    return config


def plain(config: DictConfig) -> dict[str, Any]:
    """Give a config as plain dictionaries, lists and values, everything resolved."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}
