#!/bin/bash
# One run on all hosts of a Cloud TPU pod slice.
#
#     TPU=my-slice ZONE=us-central2-b jobs/tpu_pod.sh --config=configs/casme2.py \
#         --workdir=/shared/runs/casme2 --config.data.data_dir=/shared/data
#
# The project lies in ~/lightman_jax on every host, with `pip install -e '.[tpu]'`, and
# /shared is a Filestore or another file system that all hosts have mounted. A slice that
# was pre-empted is made again by you; the same command then goes on.
#
# Not run by us, for want of a pod: checked with bash -n.
set -eu
: "${TPU:?the name of the slice}" "${ZONE:?the zone it lies in}"

# Every word quoted once more: the hosts' shells read it again.
printf -v words '%q ' "$@"

# exec: what ends the connection's shell ends launch.py.
exec gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all \
  --command="cd ~/lightman_jax && exec python launch.py --distributed --grace=20 $words"
