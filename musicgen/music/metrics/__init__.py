"""Metrics of one piece: pitch, rhythm, self-similarity, patterns, note matching."""
