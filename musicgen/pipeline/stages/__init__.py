"""The stages of the package."""
