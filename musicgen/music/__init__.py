"""What music is: notes, MIDI files, the grid, figures, pictures and sound. Knows numpy, not torch."""
