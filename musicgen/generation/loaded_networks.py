"""The networks of a finished run in Python: files to codes, and codes to cells."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64

from musicgen.checkpoint import Network, load_transformer
from musicgen.config.build import build
from musicgen.generation.asking.abilities import Abilities, abilities_of
from musicgen.generation.asking.training_labels import TrainingLabels
from musicgen.generation.tokenize import decode_codes, encode_packed
from musicgen.generation.walking import walk
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.music.grid import Grid
from musicgen.music.packing import pack, unpack

_METRICS_FILE = "metrics.json"
Slices = Bool[np.ndarray, "quarters pitches ticks"]


@dataclass(frozen=True)
class LoadedNetworks:
    """A run folder, opened to encode and decode.

    The autoencoder is read at once, the prior when it is first needed, so a run without one can encode and
    decode.

    Attributes:
        folder: The run folder.
        network: The autoencoder and its description.
    """

    folder: Path
    network: Network[Autoencoder]

    @property
    def autoencoder(self) -> Autoencoder:
        """The autoencoder, in evaluation mode on the CPU."""
        return self.network.module

    @cached_property
    def prior_network(self) -> Network[Prior]:
        """The prior over its codes and its description.

        Raises:
            FileNotFoundError: The run trained none.
            ValueError: The checkpoint is damaged, or belongs to another autoencoder.
        """
        return load_transformer(self.folder, autoencoder=self.autoencoder)

    @property
    def prior(self) -> Prior:
        """The prior over its codes, in evaluation mode on the CPU."""
        return self.prior_network.module

    @property
    def can(self) -> Abilities:
        """What this run's prior can be asked for."""
        return abilities_of(self.prior, learned_keys=self.learned_keys, grid=self.grid)

    @property
    def learned_keys(self) -> dict[str, int] | None:
        """How many training pieces were in each key before they were moved to one; None if they were not."""
        return self.prior_network.description.get("keys")

    @cached_property
    def training_labels(self) -> TrainingLabels | None:
        """Labels of the training pieces, from which new ones take what is not asked of them; None without.

        Raises:
            ValueError: They are damaged.
        """
        content = self.prior_network.description.get("labels")
        return None if content is None else TrainingLabels.from_plain(content)

    @cached_property
    def grid(self) -> Grid:
        """The grid that cut the training pieces into slices."""
        return build(self.network.description["grid"])

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The metrics of the run by the names of `metrics.json`, NaN for one without a value; empty if none.

        Raises:
            ValueError: The file is damaged.
        """
        path = self.folder / _METRICS_FILE
        if not path.is_file():
            return {}
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {name: math.nan if value is None else float(value) for name, value in values.items()}

    def read(self, path: str | Path) -> Slices:
        """Read a MIDI file as the training pieces were read.

        Args:
            path: The file.

        Returns:
            Cells (quarters, 88, 32): whether a pitch sounds in a tick of a quarter.

        Raises:
            MidiError: The file cannot be read as music.
        """
        return unpack(self.grid.read(path).packed)

    def encode(self, piece: str | Path | Slices) -> Int64[np.ndarray, "quarters positions"]:
        """Turn a piece into codes.

        Args:
            piece: A MIDI file, or cells (quarters, 88, 32) in their order.

        Returns:
            Codes (quarters, codes per quarter).

        Raises:
            MidiError: The file cannot be read as music.
            ValueError: The autoencoder has no codes.
        """
        if self.autoencoder.vocabulary is None:
            bottleneck = type(self.autoencoder.bottleneck).__name__
            raise ValueError(
                f"{self.folder}: {bottleneck} has no codes; use a run of bottleneck=quantizer, "
                "or one with kmeans among its stages"
            )
        slices = self.read(piece) if isinstance(piece, str | Path) else piece
        return encode_packed(self.autoencoder, pack(slices))

    def decode(self, codes: Int[np.ndarray, "quarters positions"]) -> Slices:
        """Turn codes into cells, each the likelier of sounding and silent.

        Args:
            codes: (quarters, codes per quarter).

        Returns:
            Cells (quarters, 88, 32); `musicgen.music.grid.from_slices` makes notes of them.
        """
        return unpack(decode_codes(self.autoencoder, torch.as_tensor(codes, dtype=torch.int64)).packed)

    def walk(self, start: Slices, end: Slices, *, steps: int = 8, way: str = "straight") -> list[Slices]:
        """Go from one passage to another in equal steps between their latents; a run without codes can, too.

        Args:
            start: Cells (quarters, 88, 32) of the passage to begin with, such as `run.read(path)[4:8]`.
            end: Cells of the passage to end with, as many quarters.
            steps: How many passages, with both ends.
            way: `straight`, or `spherical`, as is usual for `bottleneck=gaussian`.

        Returns:
            Cells (quarters, 88, 32) of each step; the first and the last are the passages as the run
            reconstructs them.

        Raises:
            ValueError: The passages are not of one length, or a setting is out of range.
        """
        taken = walk(self.autoencoder, pack(start), pack(end), steps=steps, way=way)
        return [unpack(passage) for passage in taken]
