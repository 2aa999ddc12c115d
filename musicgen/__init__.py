"""Piano music in MIDI: slices, codes, a prior over codes, new pieces, and runs to compare."""

__version__ = "0.1.0"
