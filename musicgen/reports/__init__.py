"""Read runs, compare them, and write pages."""
