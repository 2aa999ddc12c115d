"""The rows of the benchmark, one room each."""
