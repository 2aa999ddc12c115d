"""What music is: notes, MIDI files, the grid, metrics, pictures and sound. Knows numpy, not torch."""
