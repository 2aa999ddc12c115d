"""Exceptions as sentences: whose mistake it is, what was wrong, where the whole story is."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import InstantiationException

from musicgen.cli.shared.settings.composition import sentence
from musicgen.cli.shared.settings.usage import UsageError

OURS = (  # no setting, file or machine raises these, so they are bugs
    *(TypeError, AttributeError, LookupError, AssertionError, NameError),
    *(ArithmeticError, RecursionError, NotImplementedError),
)
BUG = "this looks like a bug of musicgen"
WHOLE_STORY = "HYDRA_FULL_ERROR"  # variable that asks for tracebacks
STORY_ON_REQUEST = f"{WHOLE_STORY}=1 shows the whole story"
LONGEST, LONGEST_PATH = 1000, 80  # characters


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever goes wrong before the first write into the refusal of a command line.

    Raises:
        UsageError: In place of any other exception; the message is one sentence.
    """
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # nothing is written yet: no work is lost, and one sentence will do
        raise UsageError(said(error)) from error


def said(error: BaseException) -> str:
    """Say in one line what went wrong, and that it is our fault where it is.

    Args:
        error: Anything that a verb raised.
    """
    is_chosen = isinstance(error, InstantiationException)  # a class and arguments that settings name
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{_shortened(str(error.filename), LONGEST_PATH)}: {error.strerror}"
    text = _shortened(sentence(error))
    if isinstance(error, OURS) and not isinstance(error, FloatingPointError) and not is_chosen:
        return f"{BUG} ({type(error).__name__}: {text}); {STORY_ON_REQUEST}"
    return text or type(error).__name__


def tell_whole_story(error: BaseException) -> None:
    """Print the traceback of an exception where the user asked for tracebacks."""
    if os.environ.get(WHOLE_STORY) == "1":
        traceback.print_exception(error)


def _shortened(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
