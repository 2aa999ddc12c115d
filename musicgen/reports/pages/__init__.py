"""HTML pages of comparisons and evaluations."""
