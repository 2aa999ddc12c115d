"""A finished run, opened: files to codes, codes to cells, and from one piece to the next."""

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64, UInt32

from musicgen.checkpoint import Network, load_autoencoder, load_transformer
from musicgen.config.build import build
from musicgen.files.run_folders import find_run
from musicgen.generation.asking.abilities import Abilities, abilities_of
from musicgen.generation.asking.asked import Asked, Completion
from musicgen.generation.asking.conditions import Conditions
from musicgen.generation.asking.training_labels import TrainingLabels
from musicgen.generation.generate import GeneratedPiece, generate_pieces
from musicgen.generation.key_plan import KeyPlan
from musicgen.generation.prompts import continue_prompt, read_prompt
from musicgen.generation.sampling import Sampling
from musicgen.generation.tokenize import decode_codes, encode_packed
from musicgen.generation.walking import walk
from musicgen.models.autoencoder import Autoencoder
from musicgen.models.priors.base import Prior
from musicgen.music.grid import Grid
from musicgen.music.packing import pack, unpack
from musicgen.music.theory.keys import at_home

_METRICS_FILE = "metrics.json"
Run = TypeVar("Run", bound="OpenedRun")
Slices = Bool[np.ndarray, "quarters pitches ticks"]


@dataclass(frozen=True)
class OpenedRun:
    """A run folder, opened to encode, decode and continue.

    The autoencoder is read at once, the prior when it is first needed, so a run without one can encode and
    decode.

    Attributes:
        folder: The run folder.
        network: The autoencoder and its description.
    """

    folder: Path
    network: Network[Autoencoder]

    @classmethod
    def open(cls: type[Run], run: str | Path) -> Run:
        """Open a run folder to encode, decode, generate and continue from Python.

        Args:
            run: A run folder, the name of a run below `outputs/`, or an installed model (`giantmidi-small`).

        Raises:
            FileNotFoundError: There is no such run, or it has no autoencoder.
            ValueError: The checkpoint is damaged, of a newer format, or names classes it may not.
        """
        folder = find_run(run)
        return cls(folder, load_autoencoder(folder))

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

    def continue_(
        self,
        path: str | Path,
        num_pieces: int = 1,
        *,
        num_quarters: int = 128,
        bars: str | None = None,
        keep_prompt: bool = True,
        seed: int = 0,
        sampling: Sampling | None = None,
        tempo_bpm: float | None = None,
        progress: bool = False,
    ) -> list[GeneratedPiece]:
        """Continue a piece; its notes, tempo, metre, velocities and pedals stay as they are.

        Args:
            path: A MIDI file.
            num_pieces: How many continuations.
            num_quarters: Length of what is new, in quarters.
            bars: Continue these bars of it, such as `9-16`; None takes the whole piece.
            keep_prompt: False leaves only what is new.
            seed: Of the draws.
            sampling: How codes are drawn; None takes the defaults of `Sampling`.
            tempo_bpm: Quarters a minute of what is new; None takes the prompt's last tempo.
            progress: Show a bar on stderr if drawing takes longer than a second.

        Raises:
            MidiError: The file cannot be read as music.
            ValueError: A number is out of range, or `bars` is no part of the piece.
        """
        prompt = read_prompt(path, grid=self.grid, bars=bars)
        pieces = generate_pieces(
            self.autoencoder,
            self.prior,
            num_pieces=num_pieces,
            num_quarters=num_quarters,
            seed=seed,
            sampling=sampling or Sampling(),
            prompt=prompt.packed,
            keys=KeyPlan(learned=self.learned_keys),
            conditions=self.conditions(
                Asked(), quarters=num_quarters, seed=seed, num_pieces=num_pieces, prompt=prompt.packed
            ),
            progress=progress,
        )
        joined = {"tempo_bpm": tempo_bpm, "keep_prompt": keep_prompt}
        return [continue_prompt(piece, prompt, **joined) for piece in pieces]

    def conditions(
        self,
        asked: Asked,
        *,
        quarters: int,
        seed: int,
        num_pieces: int = 1,
        prompt: UInt32[np.ndarray, "quarters pitches"] | None = None,
    ) -> Conditions | None:
        """Find the labels of new pieces: what is asked for, and the rest from training pieces that fit it.

        Args:
            asked: What is asked for.
            quarters: Length of what is new.
            seed: Of the choice of training pieces.
            num_pieces: How many pieces.
            prompt: Packed slices of what comes before, in any key; None for nothing.

        Returns:
            The conditions; None where the prior has no labels, or nothing is asked for and filled in.

        Raises:
            ValueError: The run does not know what is asked for.
        """
        if self.training_labels is None and asked == Asked():
            return None
        known, in_one_key, completion = self.training_labels, self.learned_keys is not None, None
        if known is not None:
            completion = Completion(known, seed, num_pieces, at_home(prompt) if in_one_key else prompt)
        return asked.conditions(
            self.prior.conditioner,
            quarters=quarters,
            prompt_quarters=0 if prompt is None else len(prompt),
            in_one_key=in_one_key,
            completion=completion,
        )
