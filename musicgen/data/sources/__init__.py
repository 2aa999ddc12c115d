"""Where pieces come from: folders, GiantMIDI-Piano, the corpus of music21."""
