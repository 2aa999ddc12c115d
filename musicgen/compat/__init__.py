"""Formats and weights of the programs that this project grew from."""
