"""Figures, reports and comparisons over runs."""
