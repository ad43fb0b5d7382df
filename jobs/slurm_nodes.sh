#!/bin/bash
# One run on several nodes: a process for each, which share its folds or tasks.
#
#     sbatch jobs/slurm_nodes.sh --config=configs/casme2.py --workdir=/shared/runs/a
#
# The run folder lies on a file system that the nodes share. --distributed reads the rest
# from Slurm's variables. On nodes with GPUs jax gives a process of Slurm one GPU:
# --ntasks-per-node is their number, and so is --gpus-per-node; --gpus-per-task hides
# that GPU from it, and is refused.
#
# Run under Slurm 22.05.8 (Debian 12), two nodes on one machine without GPUs, by
# benchmarks/slurm.py with --ntasks-per-node=1: a node was killed, and the job began again
# and ended (slurm.log).
#SBATCH --job-name=lightman
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -u
cd "${SLURM_SUBMIT_DIR:?sbatch sets it}"

# A process that is lost ends the others; what hangs all the same, Slurm ends.
srun --kill-on-bad-exit=1 python launch.py --distributed --grace=90 "$@" &
run=$!
# srun passes SIGTERM on to every process.
trap 'kill -TERM "$run" 2> /dev/null' TERM
# The first wait may end with the signal; the second has what the run ended with.
wait "$run"
wait "$run"; code=$?

# 143: SIGTERM, all is saved. 75: a node was lost, the run goes on from its checkpoint.
if [ "$code" -eq 143 ] || [ "$code" -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
