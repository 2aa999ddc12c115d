"""MIDI files: bytes to notes and back."""

from musicgen.music.midi.errors import MidiError, SilentMidiError
from musicgen.music.midi.reading import READER_VERSION, read_midi
from musicgen.music.midi.writing import write_midi

__all__ = ["READER_VERSION", "MidiError", "SilentMidiError", "read_midi", "write_midi"]
