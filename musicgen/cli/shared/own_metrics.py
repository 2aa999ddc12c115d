"""Metrics that a user's config adds to the package's."""

from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.measure.spec import MetricSpec, register


def register_metrics(config: DictConfig) -> None:
    """Register every metric under `own_metrics`, before anything is measured.

    Args:
        config: Of a verb that measures; without `own_metrics` nothing happens.

    Raises:
        ValueError: An entry does not describe a metric.
    """
    for name, entry in (config.get("own_metrics") or {}).items():
        spec = instantiate(entry)
        if not isinstance(spec, MetricSpec):
            raise ValueError(
                f"own_metrics.{name} is a {type(spec).__name__}; its _target_ must give a "
                "musicgen.measure.spec.MetricSpec"
            )
        register(spec)
