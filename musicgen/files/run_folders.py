"""Find a run folder by its path, by its name below outputs/, or as an installed model."""

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path

OUTPUTS = "outputs"
GROUP = "musicgen.models"  # entry points of distributions that bring a model
OFFERED = {  # models and the distributions that bring them
    "giantmidi-small": "musicgen-lab-giantmidi",
    "chorales-small": "musicgen-lab-chorales",
}
CHECKOUT = Path(__file__).resolve().parents[2]  # of the repository, whose models need no installation
_DEPTHS = ("", "*/", "*/*/")  # outputs/NAME, outputs/train/NAME, outputs/SWEEP/DATE/NAME


def from_here(path: Path) -> Path:
    """Shorten a path for a screen: relative where it lies below the working folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def run_label(run: str | Path) -> str:
    """Name a run inside a file that may be given away, which tells nothing of the folders above it.

    Args:
        run: A run folder, or a name that `find_run` knows.

    Returns:
        The run's path below the last `outputs/`, or else its folder's name, or a model's name.
    """
    if not Path(run).is_dir():
        return str(run)
    parts = Path(run).resolve().parts
    below = parts[len(parts) - parts[::-1].index(OUTPUTS) :] if OUTPUTS in parts else ()
    return "/".join(below or parts[-1:])


def find_run(name: str | Path) -> Path:
    """Find the folder of a run or of an installed model.

    Looked for in this order: a folder of this path, a run below `outputs/`, an installed model.

    Args:
        name: A path, the last part of a run's path such as `2026-11-23_10-00-00`, or a model's name such as
            `giantmidi-small`.

    Raises:
        FileNotFoundError: There is none; the message lists the models and says how to install one.
        ValueError: Several runs below `outputs/` have this name.
    """
    path = Path(name)
    if path.is_dir():
        return path
    below = _below_outputs(path)
    if len(below) > 1:
        raise ValueError(f"{name} may be {' or '.join(map(str, below))}; type the whole path of one")
    if below:
        return below[0]
    models = installed_models()
    if str(name) in models:
        return models[str(name)]
    raise FileNotFoundError(_not_found(str(name), models))


def installed_models() -> dict[str, Path]:
    """Find the models of this machine: name to folder, in alphabetical order.

    A distribution names each of its models as an entry point of the group `musicgen.models`, whose value is
    the package that holds a folder of the model's name. The package is found and not imported. In a checkout
    the models that lie in it are there, too.
    """
    found: dict[str, Path] = {}
    if (CHECKOUT / "pyproject.toml").is_file():
        found = {path.parent.name: path.parent for path in CHECKOUT.glob("models/*/*/*/checkpoints")}
    for point in entry_points(group=GROUP):
        try:
            package = importlib.util.find_spec(point.value)
        except (ImportError, ValueError):
            continue
        for place in (package and package.submodule_search_locations) or ():
            folder = Path(place) / point.name
            if (folder / "checkpoints").is_dir():
                found[point.name] = folder.resolve()
    return dict(sorted(found.items()))


def event_files(folder: Path, stage: str) -> list[Path]:
    """List TensorBoard's event files of a stage in a run folder: their names end with the stage's."""
    return sorted(folder.glob(f"tensorboard/events.out.tfevents.*.{stage}"))


def model_name(folder: str) -> str:
    """Return the name by which `find_run` knows the folder of a model; empty for any other text."""
    if not Path(folder).is_absolute():
        return ""
    models = installed_models()
    return next((name for name, place in models.items() if place == Path(folder)), "")


def _below_outputs(path: Path) -> list[Path]:
    """List the runs below `outputs/` whose path ends like this one."""
    if path.is_absolute() or not path.parts or ".." in path.parts:
        return []
    folders = [Path(OUTPUTS, path)]
    for depth in _DEPTHS[1:]:
        folders += [parent / path for parent in sorted(Path(OUTPUTS).glob(depth))]
    return [folder for folder in folders if (folder / "checkpoints").is_dir()]


def _not_found(name: str, models: dict[str, Path]) -> str:
    there = f"installed models: {', '.join(models)}" if models else "no model is installed"
    offered = name if name in OFFERED else next(iter(OFFERED))
    return (
        f"{name}: there is no such folder, no run of this name below {OUTPUTS}/, and no such model "
        f"({there}); name a run's folder, or install a model: "
        f"pip install {OFFERED[offered]}, in a checkout pip install ./models/{offered}"
    )
