"""Figures, reports and comparisons over runs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musicgen.evaluation.compare import compare_runs
    from musicgen.evaluation.export import run_rows, runs_frame
    from musicgen.evaluation.runs import Run, load_runs

__all__ = ["Run", "compare_runs", "load_runs", "run_rows", "runs_frame"]
_ROOMS = {
    "Run": "runs",
    "load_runs": "runs",
    "compare_runs": "compare",
    "run_rows": "export",
    "runs_frame": "export",
}


def __getattr__(name: str) -> Any:
    """Import what a notebook asks for when it asks: `from musicgen.evaluation import load_runs`."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
