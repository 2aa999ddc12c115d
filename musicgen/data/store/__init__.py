"""Cut pieces and codes on disk."""
