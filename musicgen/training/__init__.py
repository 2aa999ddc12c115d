"""Lightning modules, callbacks and optimisers."""
