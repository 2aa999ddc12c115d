"""musicgen studio: a page in the browser to compose with."""

from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig

from musicgen.cli.shared.application import launch
from musicgen.cli.shared.training_index import training_index


def studio(config: DictConfig) -> None:
    """Serve the page until Ctrl-C."""
    from musicgen.files.run_folders import installed_models
    from musicgen.studio.limits import Limits
    from musicgen.studio.server.serve import serve
    from musicgen.studio.server.studio import Settings
    from musicgen.studio.work.offers import Runs

    folders = [config.run] if config.run else [*config.runs, *installed_models().values()]
    runs = tuple(Path(folder).absolute() for folder in folders)
    known = Runs(runs).named()
    if not known:
        raise ValueError(
            f"there is no finished run in {', '.join(map(str, runs))}; name one with run=DIR, or train one "
            "with `musicgen train`"
        )
    settings = Settings(
        folder=Path(config.folder).absolute(),
        runs=runs,
        index_of=training_index,
        threads=config.threads,
        limits=Limits(waiting=config.waiting, quarters=config.quarters),
    )

    def say_where(address: str) -> None:
        print(f"The studio is at {address} and keeps pieces in {settings.folder}; Ctrl-C ends it.")

    with suppress(KeyboardInterrupt):
        serve(settings, port=config.port, ready=say_where)
    print("The studio is closed; your pieces are kept.")


def main() -> None:
    """Run the verb."""
    launch(studio, verb="studio")
