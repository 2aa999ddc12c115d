"""musicgen search: find good settings, one ordinary run a trial."""

import logging
import sys
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.config.grammar import quoted

log = logging.getLogger(__name__)


def search(config: DictConfig) -> None:
    """Run trials until the study has as many as asked, then compare them."""
    from musicgen.cli.train import train
    from musicgen.search.findings import report
    from musicgen.search.objectives import read_objectives
    from musicgen.search.ordinary_runs import compose_once, ordinary_runs
    from musicgen.search.space import read_space
    from musicgen.search.study import open_study
    from musicgen.search.trials import Worker

    objectives = read_objectives(list(config.metrics), dict(config.better))
    settings = [*config.settings, *config.typed]
    space = read_space(config.knobs, fixed=config.typed)
    compose_once(settings, [f"{knob.key}={knob.example}" for knob in space])
    study = open_study(
        config.study,
        storage=config.storage,
        objectives=objectives,
        settings=settings,
        sampler=instantiate(config.sampler),
        pruner=instantiate(config.pruner),
        heartbeat_s=config.heartbeat_s,
    )
    folder = Path(config.folder)
    runs = ordinary_runs(train, settings=settings, quote=quoted)
    worker = Worker(study, space=space, objectives=objectives, folder=folder / "trials", train=runs)
    try:
        worker.work(config.num_trials, max_minutes=config.max_minutes)
    except KeyboardInterrupt:
        log.info("Interrupted; the same command goes on with the study")
        sys.exit(130)
    print(report(study, objectives, folder=folder))


def main() -> None:
    """Run the verb."""
    launch(search, verb="search")
