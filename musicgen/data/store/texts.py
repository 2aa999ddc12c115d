"""Many short texts, such as names of files, in little memory."""

import struct
import zlib

_CHUNK = 32  # texts that are compressed together: neighbours are alike
_LENGTHS = struct.Struct(f"<{_CHUNK}H")


class CompressedTexts:
    """Texts by number, compressed some dozens at a time: sorted names of files take a third of their length.

    Going through them in order costs little; each jump unpacks a chunk, which takes some microseconds.
    """

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._open: list[bytes] = []
        self._unpacked: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        return len(self._chunks) * _CHUNK + len(self._open)

    def append(self, text: bytes) -> None:
        """Add a text of less than 64 kB."""
        self._open.append(text)
        if len(self._open) == _CHUNK:
            lengths = _LENGTHS.pack(*map(len, self._open))
            self._chunks.append(zlib.compress(lengths + b"".join(self._open), 6))
            self._open = []

    def __getitem__(self, number: int) -> bytes:
        chunk, within = divmod(number, _CHUNK)
        if chunk == len(self._chunks):
            return self._open[within]
        at, texts = self._unpacked
        if at != chunk:
            texts = _texts_in(self._chunks[chunk])
            self._unpacked = (chunk, texts)
        return texts[within]


def _texts_in(chunk: bytes) -> list[bytes]:
    packed = zlib.decompress(chunk)
    texts, start = [], _LENGTHS.size
    for length in _LENGTHS.unpack_from(packed):
        texts.append(packed[start : start + length])
        start += length
    return texts
