"""How much one studio takes on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on requests, so that the studio stays quick and its memory and disk stay small.

    Attributes:
        waiting: Versions that may wait for the sampling process, of all people together.
        versions: Versions of one request.
        quarters: Length of what one version may add, in quarters.
        upload_bytes: Size of a MIDI file that is brought in.
        notes: Notes of a piece that is brought in or edited.
        piece_quarters: Length of a piece, in quarters.
        pieces: Pieces that one person may keep.
    """

    waiting: int = 16
    versions: int = 4
    quarters: int = 512
    upload_bytes: int = 4 << 20
    notes: int = 50_000
    piece_quarters: int = 8192
    pieces: int = 400


class RefusedError(ValueError):
    """A request that is not taken on; the message says why and what to do.

    Attributes:
        status: HTTP status of the answer.
    """

    status = 400


class NotThereError(RefusedError):
    """A piece or a run that does not exist, or is somebody else's."""

    status = 404


class OutdatedError(RefusedError):
    """A change of something that has changed since it was read."""

    status = 409


class BodyTooLargeError(RefusedError):
    """A body above the limit."""

    status = 413


class BusyError(RefusedError):
    """The queue or the shelf is full."""

    status = 429
