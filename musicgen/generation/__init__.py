"""From trained networks to new pieces."""
