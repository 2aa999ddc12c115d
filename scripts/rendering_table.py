"""Measure a run's renderer on its held-out pieces, beside flat and real renderings, and write its page.

python scripts/rendering_table.py RUN              # a table in Markdown
python scripts/rendering_table.py RUN page=FOLDER  # also FOLDER/rendering.html with three players a piece
"""

import json
import sys
import time
from pathlib import Path

from musicgen.cli.shared.measured import run_renderings
from musicgen.config.tree import read_run_config
from musicgen.files.run_folders import find_run
from musicgen.measure.rendering import rendering_metrics
from musicgen.reports.pages.evaluation_page import PageExtent
from musicgen.reports.pages.rendering_page import rendering_table, write_rendering_page
from musicgen.reports.tables.render import to_markdown


def main() -> None:
    """Print the table."""
    folders = [argument for argument in sys.argv[1:] if "=" not in argument]
    options = {"page": "", "json": ""} | dict(one.split("=", 1) for one in sys.argv[1:] if "=" in one)
    if len(folders) != 1 or len(options) > 2:
        sys.exit(__doc__)
    run = find_run(folders[0])
    begin = time.process_time()
    renderings = run_renderings(run, read_run_config(run / ".hydra" / "config.yaml"))
    if renderings is None:
        sys.exit(f"{run} has no renderer; train one with stages=[renderer]")
    metrics = rendering_metrics(renderings)
    notes = sum(len(piece) for piece in renderings.real)
    seconds = time.process_time() - begin
    print(f"{len(renderings.names)} held-out pieces, {notes:,} notes, {seconds:.1f} CPU-seconds\n")
    print(to_markdown(rendering_table(metrics)))
    if options["json"]:
        Path(options["json"]).write_text(json.dumps(metrics, indent=2))
    if options["page"]:
        print(
            write_rendering_page(
                Path(options["page"]), renderings, metrics=metrics, measured=str(run), extent=PageExtent()
            )
        )


if __name__ == "__main__":
    main()
