"""Sweeps: many runs, launched, watched, resumed and kept in order."""
