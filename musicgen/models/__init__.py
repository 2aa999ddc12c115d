"""The networks, as plain PyTorch modules."""
