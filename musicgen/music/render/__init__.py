"""Piano rolls, form diagrams and sound."""
