#!/usr/bin/env bash
# A sweep on SLURM: this script is no job itself; it asks for one job a setting and waits for all of them.
#   bash scripts/slurm_sweep.sh epochs=5,10 seed=0,1,2 data=giantmidi data.root=/shared/giantmidi
# The cache and the sweep's folder must lie on a disk that all nodes see. Interrupted? musicgen train resume=DIR
set -euo pipefail
export MUSICGEN_CACHE="${MUSICGEN_CACHE:-$PWD/outputs/cache}"
python -m musicgen train -m "$@" \
  hydra/launcher=submitit_slurm \
  hydra.launcher.partition="${PARTITION:-null}" \
  hydra.launcher.cpus_per_task="${CPUS:-4}" \
  hydra.launcher.gpus_per_node="${GPUS:-null}" \
  hydra.launcher.timeout_min="${MINUTES:-240}" \
  hydra.launcher.array_parallelism="${AT_A_TIME:-16}"
