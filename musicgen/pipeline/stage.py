"""What a stage of a run is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musicgen.data.prepare import Prepared
from musicgen.measure.extent import Extent
from musicgen.pipeline.context import RunContext

Stages = Mapping[str, "Stage"]


@dataclass(kw_only=True)
class Stage(ABC):
    """A step of a run. To add one, write a subclass and a file in `conf/stage/`.

    Attributes:
        name: Its key in the config, the first part of its metrics and the name of its checkpoints.
        settings: Its config in plain values.
        needs: Stages that must have run earlier, in this run or in the same folder.
        title: Display name; `name` if empty.
        is_asked: The config lists it among the stages to run.
        charts: Title of a TensorBoard chart to its metrics.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    needs: Sequence[str] = ()
    title: str = ""
    is_asked: bool = True
    charts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.title = self.title or self.name

    def build(self, stages: Stages) -> None:  # noqa: B027  (most stages have nothing to build)
        """Build the stage's network, so that errors show before anything is trained.

        Args:
            stages: Stages of the run that are already built, by name.

        Raises:
            ValueError: The settings do not fit together.
        """

    def observe(self, prepared: Prepared) -> None:  # noqa: B027  (most stages need not know)
        """Take from the pieces what the network must know of them, once they are prepared.

        Args:
            prepared: The pieces, split.
        """

    def refusal(self, stages: Stages) -> str:
        """Return why this stage cannot run with the others as configured; empty if it can.

        Args:
            stages: All stages of the run, built.
        """
        return ""

    def inputs(self, run: RunContext) -> dict[str, Any] | None:
        """Collect everything that affects the result, in plain values; runs with equal inputs share it.

        Returns:
            The inputs; None for a stage whose result is not reused.
        """
        return None

    def foreseen_s(self, stages: Stages, extent: Extent) -> float | None:
        """Estimate the seconds that `run` takes, from a timed part of its work; None if unknown.

        Asked of stages that train no network, before anything is trained.

        Args:
            stages: All stages of the run, built.
            extent: How much music there is.
        """
        return None

    def modules(self) -> list[str]:
        """Names of the modules whose code affects the result; their imports are included later."""
        return [base.__module__ for base in type(self).__mro__ if issubclass(base, Stage)]

    @abstractmethod
    def run(self, run: RunContext, checkpoint: Path | None) -> None:
        """Run the stage.

        Args:
            run: The run: its folder, pieces, loggers and the networks of earlier stages.
            checkpoint: Checkpoint to resume from; None to start anew.
        """
