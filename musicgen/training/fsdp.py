"""Share a network's weights out over ranks, for transformers that no single device holds."""

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

    Each rank keeps its part of the weights, gradients and optimizer states. Checkpoints hold whole tensors,
    so that one process reads what many wrote.

    Args:
        process_group_backend: How ranks speak; None takes what the device has: nccl, or gloo on CPUs.
    """

    def __init__(self, *, process_group_backend: str | None = None) -> None:
        super().__init__(
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
            process_group_backend=process_group_backend,
        )

    def setup_environment(self) -> None:
        """Make all ranks one group, each with a part of the batch and a part of the weights."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def load_checkpoint(
        self, checkpoint_path: str | Path, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint when it is whole and holds nothing but tensors and plain values.

        Raises:
            ValueError: It is damaged or holds more.
        """
        read_checkpoint(Path(checkpoint_path))
        return super().load_checkpoint(checkpoint_path, weights_only=True)


def shard_over_ranks(network: nn.Module, mesh: DeviceMesh | None) -> None:
    """Share the weights of a network out over ranks, a transformer block a unit, the rest another one.

    Args:
        network: Its parameters become parts of themselves.
        mesh: The strategy's ranks; None leaves the network as it is.
    """
    if mesh is None:
        return
    ranks = mesh["data_parallel"]
    for parameter in network.parameters():  # channels_last kernels cannot be cut
        parameter.data = parameter.data.contiguous()
    for module in network.modules():
        if isinstance(module, Block):
            fully_shard(module, mesh=ranks)
    fully_shard(network, mesh=ranks)
