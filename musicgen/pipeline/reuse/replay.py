"""Log the curves of event files once more, for loggers that keep their own."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pytorch_lightning.loggers import Logger


def replay(event_files: Sequence[Path], loggers: Sequence[Logger]) -> None:
    """Give all scalars of TensorBoard's event files to other loggers, in the order of their writing.

    Args:
        event_files: Of a stage that was trained in another run.
        loggers: CSV, Weights & Biases and the like; none reads nothing.
    """
    if not loggers:
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    points: list[tuple[float, int, str, float]] = []
    for path in event_files:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        for name in events.Tags()["scalars"]:
            points.extend((event.wall_time, event.step, name, event.value) for event in events.Scalars(name))
    for step, together in groupby(sorted(points), key=lambda point: point[1]):
        metrics = {name: value for _, _, name, value in together}
        for logger in loggers:
            logger.log_metrics(metrics, step=step)
    for logger in loggers:
        logger.save()
