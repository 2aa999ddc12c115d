"""Keys, chords, spelling, harmony, form."""
