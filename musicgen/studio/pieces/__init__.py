"""Pieces of the studio: on disk, as rows of notes, as files to take away, and as sound."""
