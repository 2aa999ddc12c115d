"""Train a sweep on a ray cluster of two nodes' worth of processes on this machine.

    python scripts/ray_two_nodes.py transformer.width=32,64 seed=0,1

Shows that the ray launcher works before a real cluster is at hand: `ray.cluster_utils.Cluster` starts two
nodes with their own schedulers and object stores, and each takes jobs. Arguments are those of
`musicgen train -m`.
"""

import subprocess
import sys

from ray.cluster_utils import Cluster  # pyright: ignore[reportMissingImports]

CPUS_PER_NODE = 1


def main() -> None:
    """Start two nodes, run the sweep on them, and stop them."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": CPUS_PER_NODE})
    cluster.add_node(num_cpus=CPUS_PER_NODE)
    command = [
        *(sys.executable, "-m", "musicgen", "train", "-m", "hydra/launcher=ray"),
        f"++hydra.launcher.ray.init.address='{cluster.address}'",
        "++hydra.launcher.ray.init.object_store_memory=null",  # else the launcher sets it, and ray refuses
        "++hydra.launcher.ray.remote.num_cpus=1",
    ]
    try:
        sys.exit(subprocess.run([*command, *sys.argv[1:]], check=False).returncode)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
