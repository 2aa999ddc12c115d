"""Other ways to write music, to stand beside ours in one table."""
