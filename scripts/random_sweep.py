"""Draw settings at random and train each: a sweep for when a grid would be too large.

    python scripts/random_sweep.py 20 'optimizer.vq_vae.lr=log(1e-4,1e-2)' epochs=2,5

`a,b,c` draws one of a list, `uniform(low,high)` and `log(low,high)` draw real numbers, one value is fixed.
The same seed draws the same; the same command goes on where it was interrupted.
"""

import argparse
import math
import os
import re
import subprocess
import sys

import numpy as np

COMMA = re.compile(r",(?![^\[]*\])")  # outside of brackets: data.composer=[Bach],[Chopin,Liszt]
RANGE = re.compile(r"(uniform|log)\(([^,]+),([^)]+)\)")


def drawn(text: str, random: np.random.Generator) -> str:
    """Draw a value from what stands behind the equals sign."""
    found = RANGE.fullmatch(text)
    if found is None:
        return str(random.choice(COMMA.split(text)))
    low, high = float(found[2]), float(found[3])
    if found[1] == "log":
        return f"{math.exp(random.uniform(math.log(low), math.log(high))):.3g}"
    return f"{random.uniform(low, high):.3g}"


def main() -> None:
    """Draw, then start one run a draw; go on after one that fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("draws", type=int)
    parser.add_argument("settings", nargs="+", help="KEY=VALUES")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--folder", default="outputs/random", help="where the runs go")
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    failed = 0
    for number in range(given.draws):
        pairs = [setting.partition("=") for setting in given.settings]
        settings = [f"{key}={drawn(values, random)}" for key, _, values in pairs]
        print(f"{number + 1}/{given.draws}: {' '.join(settings)}", flush=True)
        folder = f"{given.folder}/{number:03d}"
        started = os.path.isfile(f"{folder}/.hydra/overrides.yaml")
        arguments = [f"resume={folder}"] if started else [*settings, f"hydra.run.dir={folder}"]
        run = [sys.executable, "-m", "musicgen", "train", *arguments]
        failed += subprocess.run(run, check=False).returncode != 0
    compare = [sys.executable, "-m", "musicgen", "compare", given.folder, f"hydra.run.dir={given.folder}"]
    sys.exit(subprocess.run(compare, check=False).returncode or failed)


if __name__ == "__main__":
    main()
