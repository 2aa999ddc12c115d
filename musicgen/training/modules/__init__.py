"""Lightning modules: how each network takes a step, and what of it is logged."""
