"""Read and write files of tensors, also those that strangers made."""

import math
import pickle
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from musicgen.files.atomic import atomic_path

MAX_GROWTH = 4  # tensors may share memory in a file, but not so that it grows without bounds
_SPARE_VALUES, _SPARE_TENSORS = 10_000, 100  # for what a network holds that is no weight
_MAKERS = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)
_UNREADABLE = (
    RuntimeError,
    EOFError,
    ValueError,
    OSError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    MemoryError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


class TooLargeError(ValueError):
    """Say what asked for more memory than it may, to follow its name."""


class DamagedFileError(ValueError):
    """Say what is wrong with a file of tensors, to follow its name."""


class SizeLimit(TorchFunctionMode):
    """Stop whoever makes tensors before they are larger, all together, than those of a file.

    A stranger's config may ask for a network of any size; its tensors say what size it has. Used as a context
    in which the network is built.

    Args:
        tensors: What the network is to be filled with.
    """

    def __init__(self, tensors: Iterable[torch.Tensor]):
        super().__init__()
        counts = [tensor.numel() for tensor in tensors]
        self._values_left = _SPARE_VALUES + MAX_GROWTH * sum(counts)
        self._tensors_left = _SPARE_TENSORS + MAX_GROWTH * len(counts)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count what a call would make before it is made.

        Raises:
            TooLargeError: It would be too much.
        """
        if func in _MAKERS:
            sizes = args[0] if args and not isinstance(args[0], int) else args
            self._values_left -= math.prod(sizes)
            self._tensors_left -= 1
            if self._values_left < 0 or self._tensors_left < 0:
                raise TooLargeError("asks for a network that is larger than the tensors it comes with")
        return func(*args, **(kwargs or {}))


def read_tensors(path: str | Path) -> Any:
    """Read a file of torch on the CPU: tensors and plain values, nothing that could run code.

    PyTorch itself does not look at the checksums that it writes, and takes a flipped bit for a weight; here
    they are compared. What would unpack to more than a few times the file's size is refused.

    Args:
        path: The file; may be a stranger's.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFileError: It is truncated, damaged, not a file of torch, holds more than tensors and plain
            values, or asks for more memory than it may.
    """
    path = Path(path)
    size = path.stat().st_size
    try:
        if zipfile.is_zipfile(path):
            _check_archive(path, size)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        if isinstance(error, pickle.UnpicklingError):
            raise DamagedFileError("holds more than tensors and plain values, so it is not loaded") from error
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise DamagedFileError(f"is damaged, or no file of torch ({reason})") from error
    needed = sum(tensor.numel() * tensor.element_size() for tensor in _tensors_in(content))
    if needed > MAX_GROWTH * size:
        raise DamagedFileError(f"holds {size:,} bytes and asks for {needed:,}, so it is not loaded")
    return content


def write_tensors(content: Any, path: str | Path) -> None:
    """Write tensors and plain values to a file, whole or not at all, and wait until it is on the disk.

    Raises:
        OSError: The folder cannot be written; names the file and says what to do.
    """
    with atomic_path(path, durable=True) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # how PyTorch says that the disk is full
            _try_to_write(temporary)
            raise OSError(
                f"{path} cannot be written ({error}); make room, or use another hydra.run.dir"
            ) from error


def _try_to_write(path: Path) -> None:
    """Write a megabyte beside what was written, to learn from the system itself what is wrong.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    with path.open("ab") as file:
        file.write(bytes(1 << 20))


def _check_archive(path: Path, size: int) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError(f"{size:,} bytes that unpack to {unpacked:,}, not as PyTorch writes them")
        damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} does not fit")


def _tensors_in(content: Any) -> Iterator[torch.Tensor]:
    if isinstance(content, torch.Tensor):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _tensors_in(value)
    elif isinstance(content, list | tuple | set):
        for value in content:
            yield from _tensors_in(value)
