"""The command line: find the verb, and only then import what it needs."""

import codecs
import errno
import gc
import importlib
import io
import os
import sys
from difflib import get_close_matches
from typing import Any

VERBS = {
    "prepare": ("prepare", "read, clean, cut and cache the chosen pieces"),
    "train": ("train", "prepare, train both models, generate and evaluate; -m sweeps"),
    "search": ("search", "find good settings: any setting, any metric, studies that resume"),
    "generate": ("generate", "write new pieces from a run: run=DIR"),
    "studio": ("studio", "a page to compose with: run=DIR, or runs=outputs"),
    "evaluate": ("evaluate", "measure a run again on held-out and generated pieces: run=DIR"),
    "baseline": ("baseline", "measure another way to write music beside ours: baseline=NAME"),
    "classify": ("classify", "predict composer and era; whose style do the pieces of run=DIR have?"),
    "style": ("style", "what parts the music of two composers: composer=NAME against=NAME"),
    "compare": ("compare", "put runs side by side: DIR..."),
    "tensorboard": ("tensorboard", "curves of runs in TensorBoard, by short names: DIR..."),
    "watch": ("watch", "a live table of the jobs of a sweep: DIR..."),
    "runs": ("runs", "list, show and prune runs: list|show|prune DIR..."),
    "export": ("export", "write a run as a small model folder: run=DIR to=DIR"),
    "import": ("import_weights", "make a run of Bachsformer's weights: weights=DIR"),
}
USAGE_ERROR = 2  # exit status of a command line that cannot be carried out
NAMES_AS_BYTES = "musicgen_names"  # what a stream does with names of files that are no Unicode
INTERRUPTED = 130  # exit status after Ctrl-C, as of any program that a signal ends


class LenientPipe(io.FileIO):
    """A standard stream that ends no verb: when it takes no more, the rest goes nowhere.

    Attributes:
        failure: Why it took no more; empty where its reader left early, as `head` does.
    """

    replaced: Any = None
    failure = ""

    def write(self, data: Any) -> int | None:
        """Write; when the other end is closed or full, send this and all that follows to the null device."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EPIPE:
                self.failure = error.strerror or str(error)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return super().write(data)


def main() -> None:
    """Run the verb that the command line names."""
    gc.disable()  # what imports leave stays: no use in looking through it; `launch` enables it for the work
    codecs.register_error(NAMES_AS_BYTES, _bytes_of_names)
    pipes = [_open_leniently(name, descriptor=number) for name, number in (("stdout", 1), ("stderr", 2))]
    try:
        _run_verb()
    except KeyboardInterrupt as interruption:
        print(f"musicgen {interruption or 'is interrupted'}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    finally:
        sys.stdout.flush()
        gc.freeze()  # the end of the process frees all at once
    if failure := next((pipe.failure for pipe in pipes if pipe and pipe.failure), ""):
        print(f"musicgen: not all output could be written: {failure}", file=sys.stderr)
        sys.exit(1)


def _open_leniently(name: str, *, descriptor: int) -> LenientPipe | None:
    """Open a standard stream again so that no character, no full disk and no closed pipe can end a verb.

    A console that is not UTF-8 shows `?` for what it has no sign for. Streams that are not the process's own
    (a notebook's, a test's) are left as they are; one that was closed becomes the null device.
    """
    stream = getattr(sys, name)
    if stream is None:
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (for as long as we live)
        return None
    try:
        if stream.fileno() != descriptor or (os.name == "nt" and stream.isatty()):  # shows all characters
            return None
    except (AttributeError, OSError, ValueError):  # none with a file, or a closed one
        return None
    stream.flush()
    errors = NAMES_AS_BYTES if "utf" in stream.encoding.lower() else "replace"
    raw = LenientPipe(descriptor, "w", closefd=False)
    buffered = io.BufferedWriter(raw)
    raw.replaced = stream  # kept: it would close the descriptor when it goes
    text = io.TextIOWrapper(buffered, encoding=stream.encoding, errors=errors, line_buffering=True)
    setattr(sys, name, text)
    return raw


def _bytes_of_names(error: UnicodeError) -> tuple[bytes | str, int]:
    """Write the bytes of a file's name that is no Unicode as they are, and `?` for what is no character."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        assert isinstance(error, UnicodeEncodeError)
        return "?" * (error.end - error.start), error.end


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
        near = get_close_matches(verb, VERBS, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        print(f"musicgen: no verb {verb!r}; {meant}use one of {', '.join(VERBS)}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    try:
        os.getcwd()
    except FileNotFoundError:
        print("musicgen: the folder of this terminal is not there any more; cd to another", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    importlib.import_module(f"musicgen.cli.{VERBS[verb][0]}").main()


def _usage() -> str:
    lines = "\n".join(f"  {verb:<11} {purpose}" for verb, (_, purpose) in VERBS.items())
    return (
        "usage: musicgen VERB [key=value ...] [-m]\n\n"
        f"{lines}\n\n"
        "musicgen VERB --help shows the verb's settings with examples, --cfg job the whole\n"
        "config, -m (--multirun) sweeps over comma-separated values."
    )


if __name__ == "__main__":
    main()
