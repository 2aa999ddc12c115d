"""The type checker of the tests: beartype within jaxtyping's scope of shapes, each call checked once.

The decorator of jaxtyping's import hook binds the arguments of each call and has them checked twice, for the
sake of its messages.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype

check = beartype(  # int is taken where float is asked for (PEP 484)
    conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError)
)
_jaxtyped = jaxtyping.jaxtyped
_SCOPE = _jaxtyped("context")


def jaxtyped(*, typechecker: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate functions as jaxtyping's own decorator does, and leave all else to that.

    A generator is left to it, too: it runs in the scope of whoever asks it for more.
    """

    def decorated(wrapped: Any) -> Any:
        is_generator = inspect.isgeneratorfunction(wrapped) or inspect.isasyncgenfunction(wrapped)
        if not inspect.isfunction(wrapped) or is_generator or inspect.iscoroutinefunction(wrapped):
            return _jaxtyped(typechecker=typechecker)(wrapped)
        wrapped.__annotations__ = {
            name: _resolved(hint, wrapped.__globals__) for name, hint in wrapped.__annotations__.items()
        }
        checked = typechecker(wrapped)

        @functools.wraps(wrapped)
        def in_scope(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            with _SCOPE:
                return checked(*args, **kwargs)

        return in_scope

    return decorated


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    """Look names in quotes up; Any for what only the type checker imports, or what is not defined yet."""

    def holder(value: Any) -> None: ...

    holder.__annotations__["value"] = hint
    try:
        return get_type_hints(holder, names, include_extras=True)["value"]
    except NameError:
        return Any


jaxtyping.jaxtyped = jaxtyped  # where the import hook looks for it
