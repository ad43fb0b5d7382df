"""Published weights of STSTNet become parameters of the network."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.models import published
from lightman_jax.models.network import Params


def from_state_dict(arrays: Mapping[str, np.ndarray], params: Params) -> Params:
  """Published weights as parameters of this network.

  Args:
    arrays: by the names of the authors' PyTorch port: conv1 to conv3, bn1 to bn3 and
      fc, such as `dict(numpy.load('weights.npz'))`.
    params: of the network, for their shapes.

  Raises:
    InputError: an array is missing, or has another shape.
  """
  def all_of(layer: str, leaf: str) -> np.ndarray:
    return np.concatenate([_array(arrays, f'{layer}{branch}.{leaf}')
                           for branch in (1, 2, 3)])
  # Flattened there as channels, rows, columns, and here with the channels last.
  flat, classes = params['head']['kernel'].shape
  weight = _array(arrays, 'fc.weight')
  side = round(np.sqrt(flat / sum(published.BRANCHES)))
  if weight.shape != (classes, flat) or side * side * sum(published.BRANCHES) != flat:
    raise InputError(f'fc.weight is {weight.shape} and this network needs '
                     f'({classes}, {flat}), for square pictures: these weights are of '
                     'pictures of another size, or of other classes')
  weight = weight.reshape(classes, -1, side, side).transpose(2, 3, 1, 0)
  conv = {'kernel': all_of('conv', 'weight').transpose(2, 3, 1, 0),
          'bias': all_of('conv', 'bias')}
  norm = {'scale': all_of('bn', 'weight'), 'bias': all_of('bn', 'bias')}
  running = {'mean': all_of('bn', 'running_mean'),
             'variance': all_of('bn', 'running_var')}
  found = {'encoder': {'Conv_0': conv, 'BatchNorm_0': norm},
           'head': {'kernel': weight.reshape(flat, classes),
                    'bias': _array(arrays, 'fc.bias')},
           'statistics': {'BatchNorm_0': running}}
  return jax.tree.map_with_path(_as_the_networks, params, found)


def _array(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
  if name not in arrays:
    raise InputError(f'the published weights have no {name}; they need conv, bn and fc '
                     f'as in the authors\' PyTorch port (they have: '
                     f'{", ".join(sorted(arrays))})')
  return np.asarray(arrays[name])


def _as_the_networks(path, mine, theirs):
  if mine.shape != theirs.shape:
    name = '.'.join(part.key for part in path)
    raise InputError(f'the published weights give {name} the shape {theirs.shape}, and '
                     f'this network has {mine.shape}')
  return jnp.asarray(theirs, mine.dtype)
