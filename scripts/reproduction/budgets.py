"""How much of the study is run: the whole, what a small machine can do, what a test can do."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How large the study is.

    Attributes:
        seeds_by_epochs: Length of a training in epochs, and how many seeds are trained for so long.
        curve: Settings of those trainings beyond `experiment=epochs_curve`.
        arm_seeds: Seeds of each arm of the published training.
        arm_epochs: Epochs of the arms.
        arms: Settings of the arms beyond their experiments.
        num_pieces: Generated pieces a run.
        num_quarters: Their length.
        says: What the page says of it.
    """

    seeds_by_epochs: Mapping[int, int]
    curve: tuple[str, ...]
    arm_seeds: int
    arm_epochs: int
    arms: tuple[str, ...]
    num_pieces: int
    num_quarters: int
    says: str


BUDGETS = {
    "tiny": Budget(
        seeds_by_epochs={5: 2, 10: 2},
        curve=(
            "batch_size.vq_vae=16",
            "batch_size.transformer=4",
            "windows.hop_quarters=4",
            "vq_vae.num_hiddens=8",
            "vq_vae.num_residual_hiddens=4",
            "quantizer.embedding_dim=8",
            "transformer.num_layers=1",
            "transformer.num_heads=2",
            "transformer.width=16",
            "updates_per_epoch.vq_vae=2",
            "updates_per_epoch.transformer=2",
        ),
        arm_seeds=1,
        arm_epochs=1,
        arms=(
            "batch_size.vq_vae=8",
            "batch_size.transformer=2",
            "windows.hop_quarters=4",
            "updates_per_epoch.vq_vae=1",
            "updates_per_epoch.transformer=1",
        ),
        num_pieces=1,
        num_quarters=16,
        says="a few updates of each arm, to see that everything runs; its metrics mean nothing",
    ),
    "small": Budget(
        seeds_by_epochs={5: 5, 10: 5, 1: 3, 2: 3, 20: 2, 50: 2},
        curve=(
            "batch_size.vq_vae=64",
            "batch_size.transformer=8",
            "windows.hop_quarters=12",
            "vq_vae.num_hiddens=32",
            "transformer.num_layers=2",
            "transformer.num_heads=4",
            "transformer.width=64",
        ),
        arm_seeds=3,
        arm_epochs=5,
        arms=(
            "batch_size.transformer=32",
            "windows.hop_quarters=12",
            "updates_per_epoch.vq_vae=3",
            "updates_per_epoch.transformer=2",
        ),
        num_pieces=4,
        num_quarters=128,
        says=(
            "networks of a quarter of the published width, with the published codebook of 16; the arms of "
            "the published training keep its networks and get 15 updates of 512 slices, not some 19,000"
        ),
    ),
    "medium": Budget(
        seeds_by_epochs={5: 5, 10: 5, 1: 3, 2: 3, 20: 2, 50: 2},
        curve=("windows.hop_quarters=12",),
        arm_seeds=3,
        arm_epochs=5,
        arms=(
            "batch_size.transformer=32",
            "windows.hop_quarters=12",
            "updates_per_epoch.vq_vae=20",
            "updates_per_epoch.transformer=10",
        ),
        num_pieces=4,
        num_quarters=128,
        says=(
            "the published networks; the transformer sees each quarter once an epoch (windows of 12 quarters "
            "without overlap); the arms of the published training get 100 updates of 512 slices, not 19,000"
        ),
    ),
    "full": Budget(
        seeds_by_epochs={5: 10, 10: 10, 1: 5, 2: 5, 20: 5, 50: 5},
        curve=(),
        arm_seeds=5,
        arm_epochs=5,
        arms=("updates_per_epoch.vq_vae=3819",),  # the slices of the nine nocturnes that are trained on
        num_pieces=8,
        num_quarters=128,
        says="the published networks; an epoch of the arms has as many updates as there are slices",
    ),
}
