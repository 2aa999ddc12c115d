"""What a prior is told of a piece beside its codes: one interface for all conditions, and none."""

from abc import ABC, abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.config.build import Buildable


class Conditioner(Buildable, nn.Module, ABC):
    """Turn labels of a piece into a vector that a prior adds to all of its inputs."""

    @abstractmethod
    def forward(self, labels: Int[Tensor, "batch fields"] | None) -> Float[Tensor, "batch 1 width"] | None:
        """Return a vector of the prior's width for each piece, or None to add nothing.

        Args:
            labels: Indices of the labels, in the order of the conditioner's fields; None without labels.
        """


class NoCondition(Conditioner):
    """Tell the prior nothing."""

    def forward(self, labels: Int[Tensor, "batch fields"] | None) -> Float[Tensor, "batch 1 width"] | None:
        """Return None."""
        return None
