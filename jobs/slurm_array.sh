#!/bin/bash
# Many runs, one a job of an array: seeds, or the configurations of a list.
#
#     sbatch --array=0-9 jobs/slurm_array.sh --config=configs/casme2.py
#     sbatch --array=1-4 --export=ALL,LIST=configs.txt jobs/slurm_array.sh
#
# Without LIST the number in the array is the seed. With it that line of the file is
# added to the command, such as
#
#     --config=configs/casme2.py:method=maml --config.seed=3
#
# Not run by us, for want of a cluster: checked with bash -n.
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
  read -r -a words <<< "$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$LIST")"
  if [ "${#words[@]}" -eq 0 ]; then
    echo "$LIST has no line $SLURM_ARRAY_TASK_ID" >&2
    exit 2
  fi
else
  words=("--config.seed=$SLURM_ARRAY_TASK_ID")
fi

python launch.py --grace=90 "$@" "${words[@]}" &
run=$!
trap 'kill -TERM "$run"' TERM
# The first wait may end with the signal; the second has what the run ended with.
wait "$run"
wait "$run"; code=$?

if [ "$code" -eq 143 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
