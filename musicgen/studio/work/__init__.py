"""What is asked of a run, and the processes that answer."""
