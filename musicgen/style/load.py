"""Load a trained classifier of composer and era."""

from pathlib import Path

from musicgen.checkpoint import Network, load_network
from musicgen.style.classifier import StyleClassifier


def load_classifier(folder: str | Path) -> Network[StyleClassifier]:
    """Build the classifier of composer and era that `musicgen classify` left in a folder.

    Args:
        folder: The folder.

    Returns:
        The network in evaluation mode on the CPU, and its description.

    Raises:
        FileNotFoundError: The folder has no such checkpoint.
        ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
    """
    return load_network(Path(folder), "style", StyleClassifier)
