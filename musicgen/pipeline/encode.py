"""Encode the pieces of a run with its autoencoder, once for all jobs that share both."""

import contextlib
import logging

import torch

from musicgen.checkpoint import Network, fingerprint
from musicgen.data.batches.codes import PieceCodes
from musicgen.data.prepare import Prepared
from musicgen.data.store.code_cache import CodeCache
from musicgen.files.locks import lock
from musicgen.generation.tokenize import encode_pieces
from musicgen.models.autoencoder import Autoencoder
from musicgen.pipeline.reuse.inputs import digest, environment_of

log = logging.getLogger(__name__)

_CPU = torch.device("cpu")


def codes_by_split(
    network: Network[Autoencoder], prepared: Prepared, *, device: torch.device = _CPU, reuse: bool = True
) -> dict[str, PieceCodes]:
    """Encode the training and validation pieces, or read their codes from the cache.

    If several jobs or ranks need the same codes, one of them encodes and the others wait.

    Args:
        network: A trained autoencoder.
        prepared: The pieces, split.
        device: Device to encode on; the autoencoder is moved back to the CPU.
        reuse: Read and write codes in the cache.

    Returns:
        The codes of ``train`` and ``val``.
    """
    cache = None
    if reuse and prepared.cache_dir is not None:
        environment = environment_of(
            {}, accelerator=device.type, settings=network.description, modules=[encode_pieces.__module__]
        )
        cache = CodeCache(prepared.cache_dir / "codes", made_by=digest(environment))
    with contextlib.ExitStack() as held:
        if cache is not None:
            file = cache.folder / "locks" / f"{fingerprint(network.module)[:32]}.lock"
            with contextlib.suppress(OSError):  # the cache may be read-only
                held.enter_context(lock(file, on_wait=_tell_of_waiting))
        autoencoder = network.module.to(device)
        codes = {
            name: encode_pieces(
                autoencoder, prepared.splits[name], cache=cache, description=f"Encoding {split} pieces"
            )
            for name, split in (("train", "training"), ("val", "held-out"))
        }
        network.module.to(_CPU)
    return codes


def _tell_of_waiting() -> None:
    log.info("Another job encodes the same pieces; waiting for it")
