"""Pieces changed in part: gaps, variations, loops."""
