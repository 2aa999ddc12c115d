"""What is asked of a prior: labels, attributes, blends."""
