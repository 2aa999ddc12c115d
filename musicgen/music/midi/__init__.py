"""MIDI files: bytes to notes and back."""

from musicgen.music.midi.smf import READER_VERSION, MidiError, SilentMidiError, read_midi, write_midi

__all__ = ["READER_VERSION", "MidiError", "SilentMidiError", "read_midi", "write_midi"]
