"""The parts of the reproduction study: what to run, running it, measuring it, and its page."""
