"""Which pieces there are, which are chosen, and how they are split."""
