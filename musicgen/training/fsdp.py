"""Fully sharded training, for transformers that do not fit on a single device."""

from pathlib import Path
from typing import Any

from pytorch_lightning.strategies import ModelParallelStrategy
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard

from musicgen.checkpoint import read_checkpoint
from musicgen.models.priors.layers import Block


class ShardedStrategy(ModelParallelStrategy):
    """Fully sharded data parallel training (Rajbhandari et al. 2020, ZeRO stage 3; PyTorch's FSDP2).

    Each rank keeps a shard of weights, gradients and optimizer states. Checkpoints hold whole tensors, so
    that a single process can load them.

    Args:
        process_group_backend: Backend of the process group; None for nccl on GPUs and gloo on CPUs.
    """

    def __init__(self, *, process_group_backend: str | None = None) -> None:
        super().__init__(
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
            process_group_backend=process_group_backend,
        )

    def setup_environment(self) -> None:
        """Set up a mesh of all ranks, for both data and weights."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def load_checkpoint(
        self, checkpoint_path: str | Path, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint after checking that it is complete and holds only tensors and plain values.

        Raises:
            ValueError: It is damaged or holds other objects.
        """
        read_checkpoint(Path(checkpoint_path))
        return super().load_checkpoint(checkpoint_path, weights_only=True)


def shard_over_ranks(network: nn.Module, mesh: DeviceMesh | None) -> None:
    """Shard the weights of a network over ranks, each transformer block as a unit, then the rest.

    Args:
        network: The network, sharded in place.
        mesh: Device mesh of the strategy; None to do nothing.
    """
    if mesh is None:
        return
    ranks = mesh["data_parallel"]
    for parameter in network.parameters():  # channels_last kernels cannot be sharded
        parameter.data = parameter.data.contiguous()
    for module in network.modules():
        if isinstance(module, Block):
            fully_shard(module, mesh=ranks)
    fully_shard(network, mesh=ranks)
