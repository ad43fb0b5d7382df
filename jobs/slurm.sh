#!/bin/bash
# One run on one node, all of its accelerators.
#
#     sbatch jobs/slurm.sh --config=configs/casme2.py --config.seed=1
#
# Two minutes before the time is up Slurm sends SIGTERM: the steps under way are saved,
# and the job puts itself in the queue again, where the same command goes on. So does one
# whose node another job takes, or whose node is lost.
#
# Run under Slurm 22.05.8 (Debian 12), two nodes on one machine without GPUs, by
# benchmarks/slurm.py: a queue, a job of higher priority, a time limit (slurm.log).
#SBATCH --job-name=lightman
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus=1
#SBATCH --mem=32G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -u
cd "${SLURM_SUBMIT_DIR:?sbatch sets it}"

python launch.py --grace=90 "$@" &
run=$!
trap 'kill -TERM "$run" 2> /dev/null' TERM
# The first wait may end with the signal; the second has what the run ended with.
wait "$run"
wait "$run"; code=$?

if [ "$code" -eq 143 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
