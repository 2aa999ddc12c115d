"""Find the config tree, in a checkout or in an installed wheel, and give configs as plain values."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf


def config_dir() -> Path:
    """Give the folder of the config tree.

    A checkout keeps it at the top (`conf/`); a wheel carries it inside the package (`musicgen/conf/`).

    Returns:
        The absolute path of the folder that holds `train.yaml`.

    Raises:
        FileNotFoundError: The installation is broken: neither folder is there.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(
        f"no config tree beside or inside {package}; "
        "install musicgen-lab again (pip install --force-reinstall musicgen-lab)"
    )


def plain(config: DictConfig) -> dict[str, Any]:
    """Give a config as plain dictionaries, lists and values, everything resolved."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}
