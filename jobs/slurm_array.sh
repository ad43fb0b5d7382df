#!/bin/bash
# Many runs, one a job of an array: seeds, or the configurations of a list.
#
#     sbatch --array=0-9 jobs/slurm_array.sh --config=configs/casme2.py
#     sbatch --array=1-4 --export=ALL,LIST=configs.txt jobs/slurm_array.sh
#
# Without LIST the number in the array is the seed. With it that line of the file is
# a command as --sweep=... --list prints them, or what is added to this one, such as
#
#     --config=configs/casme2.py:method=maml --config.seed=3
#
# So parts of one run are independent jobs, too, with a line of --folds=0:8 and --workdir
# each; python -m lightman_jax merge then makes one run of them.
#
# Run under Slurm 22.05.8 (Debian 12), two nodes on one machine without GPUs, by
# benchmarks/slurm.py with a list of two (slurm.log).
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
#SBATCH --output=%x-%A_%a.log

set -u
cd "${SLURM_SUBMIT_DIR:?sbatch sets it}"

if [ -n "${LIST:-}" ]; then
  # The line is a shell's: words may be quoted.
  eval "words=($(sed -n "${SLURM_ARRAY_TASK_ID}p" "$LIST"))"
  if [ "${#words[@]}" -eq 0 ]; then
    echo "$LIST has no line $SLURM_ARRAY_TASK_ID" >&2
    exit 2
  fi
else
  words=("--config.seed=$SLURM_ARRAY_TASK_ID")
fi
if [ "${words[0]}" != python ]; then
  words=(python launch.py "${words[@]}")
fi

"${words[@]}" "$@" --grace=90 &
run=$!
trap 'kill -TERM "$run" 2> /dev/null' TERM
# The first wait may end with the signal; the second has what the run ended with.
wait "$run"
wait "$run"; code=$?

if [ "$code" -eq 143 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
