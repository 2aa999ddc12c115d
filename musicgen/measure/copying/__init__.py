"""Find what generated pieces copied from the training pieces."""
