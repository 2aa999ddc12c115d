"""Find the config tree, in a checkout or in an installed wheel."""

from pathlib import Path


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
        f"no config tree beside or inside {package}; install musicgen-lab again (pip install --force-reinstall musicgen-lab)"
    )
