"""Metrics of models and pieces."""
