"""Where pieces come from, which are chosen, and how they reach the models."""
