"""The rows of the table of metrics."""
