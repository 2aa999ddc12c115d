"""Find, read and compose the config tree."""
