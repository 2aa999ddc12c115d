"""Reuse of trained stages across runs."""
