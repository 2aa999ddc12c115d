"""How the decoder's maps become the cells of a slice."""
