"""The command line: find the verb, and only then import what it needs."""

import importlib
import os
import sys

VERBS = {
    "prepare": ("prepare", "read, clean, cut and cache the chosen pieces"),
    "train": ("train", "prepare, train both models, generate and evaluate; -m sweeps"),
    "search": ("search", "find good settings: knobs as in a sweep, any metric, studies that resume"),
    "generate": ("generate", "write new pieces from a run: run=DIR"),
    "evaluate": ("evaluate", "measure a run again on held-out and generated pieces: run=DIR"),
    "baseline": ("baseline", "measure another way to write music beside ours: baseline=NAME"),
    "classify": ("classify", "tell composer and era; whose style do the pieces of run=DIR have?"),
    "compare": ("compare", "put runs side by side: DIR..."),
    "watch": ("watch", "a live table of the jobs of a sweep: DIR..."),
    "runs": ("runs", "list, show and prune runs: list|show|prune DIR..."),
    "import": ("import_weights", "make a run of Bachsformer's weights: weights=DIR"),
}


def main() -> None:
    """Run the verb that the command line names, until whoever reads its output has enough."""
    try:
        _run_verb()
        sys.stdout.flush()
    except BrokenPipeError:  # of `musicgen runs list | head`, say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to flush at exit


def _run_verb() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in ("--help", "-h"):
        print(_usage())
        return
    if verb == "--version":
        from musicgen import __version__

        print(__version__)
        return
    if verb not in VERBS:
        print(f"musicgen: no verb {verb!r}; use one of {', '.join(VERBS)}\n\n{_usage()}", file=sys.stderr)
        sys.exit(2)
    importlib.import_module(f"musicgen.cli.{VERBS[verb][0]}").main()


def _usage() -> str:
    lines = "\n".join(f"  {verb:<9} {purpose}" for verb, (_, purpose) in VERBS.items())
    return (
        "usage: musicgen VERB [key=value ...] [-m]\n\n"
        f"{lines}\n\n"
        "Each verb is a Hydra application: musicgen VERB --help shows its settings,\n"
        "--cfg job what they come to, -m (--multirun) sweeps over comma-separated values."
    )


if __name__ == "__main__":
    main()
