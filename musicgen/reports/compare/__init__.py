"""Comparison of runs: aggregation, tables, export."""
