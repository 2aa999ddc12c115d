"""Errors of MIDI files."""


class MidiError(ValueError):
    """A file cannot be read as music.

    Attributes:
        reason: what is wrong with it.
        path: the file, empty where only its bytes are known.
    """

    def __init__(self, reason: str, path: str = ""):
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class SilentMidiError(MidiError):
    """A file is whole and holds no notes."""
