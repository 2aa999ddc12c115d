"""What a prior is told of a piece beside its codes: one interface for all conditions, and none."""

from abc import ABC, abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn

from musicgen.config.build import Buildable


class Conditioner(Buildable, nn.Module, ABC):
    """Turn the labels of quarters into vectors that a prior adds to its inputs."""

    @abstractmethod
    def forward(
        self, labels: Int[Tensor, "batch quarters fields"] | None
    ) -> Float[Tensor, "batch quarters width"] | None:
        """Return a vector of the prior's width for each quarter, or None to add nothing.

        Args:
            labels: Indices of the labels, in the order of the conditioner's fields; one quarter stands for
                all quarters of a piece. None without labels.
        """


class NoCondition(Conditioner):
    """Add nothing."""

    def forward(
        self, labels: Int[Tensor, "batch quarters fields"] | None
    ) -> Float[Tensor, "batch quarters width"] | None:
        """Return None."""
        return None
