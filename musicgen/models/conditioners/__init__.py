"""What a prior is told of a piece beside its codes."""
