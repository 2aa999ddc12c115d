"""Load a trained composer and era classifier."""

from pathlib import Path

from musicgen.checkpoint import Network, load_network
from musicgen.models.style import StyleClassifier


def load_classifier(folder: str | Path) -> Network[StyleClassifier]:
    """Load the classifier that `musicgen classify` trained.

    Args:
        folder: The output folder of `musicgen classify`.

    Returns:
        The network in evaluation mode on the CPU, and its description.

    Raises:
        FileNotFoundError: The folder has no such checkpoint.
        ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
    """
    return load_network(Path(folder), "style", StyleClassifier)
