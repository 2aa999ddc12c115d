"""Read run folders: settings, metrics, curves."""
