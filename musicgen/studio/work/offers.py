"""What runs there are to ask, and what each can be asked for."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicgen.studio.limits import NotThereError

if TYPE_CHECKING:
    from musicgen.generation.loaded_run import LoadedRun

_CHECKPOINTS = ("vq_vae.ckpt", "transformer.ckpt")
_MOST_RUNS = 200
_KEPT_S = 5.0


@dataclass(frozen=True)
class Offer:
    """What one run can be asked for, so that the page shows these controls and no others.

    Attributes:
        labels: Names of composers and of eras, by field; empty where the prior was told nothing.
        attributes: Lowest, middle and highest value of each measured attribute that it was told; dimensions
            of mood go from -1 to 1 and stand for the attributes that they are measured by.
        context_quarters: How far back it reads, in quarters.
        retouches: Whether it can fill and vary.
        chooses: Whether it can choose among draws by a classifier of composers.
    """

    labels: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[float]] = field(default_factory=dict)
    context_quarters: int = 0
    retouches: bool = False
    chooses: bool = False

    def plain(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def offer_of(run: "LoadedRun") -> Offer:
    """Find out what a run can be asked for; reads its networks.

    Raises:
        FileNotFoundError: It has no prior.
        ValueError: A checkpoint cannot be used.
    """
    from musicgen.generation.asking.asked import MOODS
    from musicgen.generation.asking.likeness import has_critic
    from musicgen.studio.work.compose import MOOD

    prior, can = run.prior, run.can
    measured = [MOODS[name] for name in can.mood]
    attributes = {f"{MOOD}{name}": [-1.0, 0.0, 1.0] for name in can.mood}
    for name, (low, high) in can.attributes.items():
        if name not in measured and low < high:
            attributes[name] = [low, (low + high) / 2, high]
    return Offer(
        labels={name: can.labels[name] for name in ("composer", "era") if can.labels.get(name)},
        attributes=attributes,
        context_quarters=prior.max_positions // prior.vocabulary.codes_per_slice,
        retouches=can.retouches,
        chooses=has_critic(run.folder),
    )


class Runs:
    """The runs of a studio by short names.

    Args:
        folders: Run folders, or folders of them; they are looked through again now and then, so that a run
            that has just been trained can be chosen.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = [Path(folder) for folder in folders]
        self._named: dict[str, Path] = {}
        self._stale_s = 0.0

    def named(self) -> dict[str, Path]:
        """Map names to run folders, the newest first; looked up again after a few seconds."""
        if time.monotonic() >= self._stale_s:
            self._named, self._stale_s = self._look(), time.monotonic() + _KEPT_S
        return self._named

    def _look(self) -> dict[str, Path]:
        found = {folder.resolve() for root in self.folders for folder in _runs_in(root)}
        newest = sorted(found, key=lambda folder: -(folder / "checkpoints" / _CHECKPOINTS[1]).stat().st_mtime)
        names: dict[str, Path] = {}
        for folder in newest[:_MOST_RUNS]:
            parts = 1
            while (name := "/".join(folder.parts[-parts:])) in names and parts < len(folder.parts):
                parts += 1
            names[name] = folder
        return names

    def folder(self, name: str) -> Path:
        """Find the folder of a run.

        Raises:
            NotThereError: There is no run of this name.
        """
        known = self.named()
        if name not in known:
            raise NotThereError(
                f"there is no run {name!r:.80} here; choose one of {', '.join(list(known)[:8]) or 'none'}"
            )
        return known[name]


def _runs_in(folder: Path) -> list[Path]:
    if _is_run(folder):
        return [folder]
    checkpoints = folder.glob("**/checkpoints") if folder.is_dir() else []
    return [path.parent for path in checkpoints if _is_run(path.parent)]


def _is_run(folder: Path) -> bool:
    return all((folder / "checkpoints" / name).is_file() for name in _CHECKPOINTS)
