"""Processes of Slurm that cannot see the GPU that jax would give them."""

import pytest

from lightman_jax.errors import InputError
from lightman_jax.experiment import several


@pytest.mark.parametrize('tasks, node, visible', [
    # srun --ntasks=2 --gpus-per-task=1 of Slurm 22.05, which was run: each has its own.
    ('2', '0', {'CUDA_VISIBLE_DEVICES': '1'}),
    ('4(x2)', '1', {'CUDA_VISIBLE_DEVICES': '0,1'}),
    ('1,3', '1', {'CUDA_VISIBLE_DEVICES': 'GPU-5a1e'}),
    ('8(x3),2', '3', {'ROCR_VISIBLE_DEVICES': '0'})])
def test_fewer_gpus_than_processes_of_a_node_are_refused(tasks, node, visible):
  environ = {'SLURM_STEP_TASKS_PER_NODE': tasks, 'SLURM_NODEID': node, **visible}
  with pytest.raises(InputError, match='--gpus-per-node'):
    several.refuse_hidden_gpus(environ)
  several.refuse_hidden_gpus({**environ, 'JAX_LOCAL_DEVICE_IDS': '0'})
  several.refuse_hidden_gpus({**environ, 'JAX_PLATFORMS': 'cpu'})


@pytest.mark.parametrize('environ', [
    {},                                                       # no cluster
    {'CUDA_VISIBLE_DEVICES': '0'},
    {'SLURM_STEP_TASKS_PER_NODE': '4(x2)', 'SLURM_NODEID': '1',
     'CUDA_VISIBLE_DEVICES': '0,1,2,3'},                      # --gpus-per-node=4
    {'SLURM_STEP_TASKS_PER_NODE': '1,3', 'SLURM_NODEID': '0',
     'CUDA_VISIBLE_DEVICES': '0'},
    {'SLURM_STEP_TASKS_PER_NODE': '2', 'SLURM_NODEID': '0',
     'CUDA_VISIBLE_DEVICES': 'NoDevFiles'},                   # Slurm's word for none
    {'SLURM_STEP_TASKS_PER_NODE': '2', 'SLURM_NODEID': '0'}])
def test_others_are_not(environ):
  several.refuse_hidden_gpus(environ)
