"""The renderer: a network that plays notes of the grid."""
