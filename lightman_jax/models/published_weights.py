"""Published weights of STSTNet become parameters of the network."""

from collections.abc import Mapping
import os

import jax
import jax.numpy as jnp
from jaxtyping import PyTree
import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.models import ststnet
from lightman_jax.models.network import Params

MOST = 256 * 1024**2    # bytes; STSTNet has a thousandth of that


def read_npz_or_state(path: str | os.PathLike) -> Mapping[str, np.ndarray]:
  """Returns the arrays of an .npz file by their names; they hold no Python objects.

  Runs take `weights_files`, which say what their weights need; this is for arrays
  without that. The authors' PyTorch port saves a pickle, which is code: `torch_files`
  reads the tensors of one.

  Args:
    path: of the .npz file.

  Raises:
    InputError: it is not there, is no such file, or an array in it is no numbers.
  """
  try:
    arrays = bounded.read_arrays(path, MOST)
  except OSError as error:
    raise InputError(f'{path} cannot be read: {error.strerror or error}') from error
  except ValueError as error:
    raise InputError(f'{path} holds no published weights: {error}') from error
  for name, array in arrays.items():
    if array.dtype.kind not in 'fiu' or not np.isfinite(array).all():
      raise InputError(f'{path}: the array {name!r} does not hold finite numbers')
  return arrays


def from_state_dict(arrays: Mapping[str, np.ndarray], params: PyTree) -> Params:
  """Published weights as parameters of this network.

  Args:
    arrays: by the names of the authors' PyTorch port: conv1 to conv3, bn1 to bn3 and
      fc, as `read` returns them.
    params: of the network, or their shapes and types alone.

  Raises:
    InputError: an array is missing, or has another shape.
  """
  def all_of(layer: str, leaf: str) -> np.ndarray:
    parts = [_array(arrays, f'{layer}{branch}.{leaf}') for branch in (1, 2, 3)]
    axes = 4 if (layer, leaf) == ('conv', 'weight') else 1
    if any(part.ndim != axes or part.shape[1:] != parts[0].shape[1:] for part in parts):
      raise InputError(f'the published weights give {layer}1 to {layer}3 a {leaf} of '
                       f'the shapes {", ".join(str(part.shape) for part in parts)}')
    return np.concatenate(parts)
  # Flattened there as channels, rows, columns, and here with the channels last.
  flat, classes = params['head']['kernel'].shape
  weight = _array(arrays, 'fc.weight')
  side = round(np.sqrt(flat / sum(ststnet.BRANCHES)))
  if weight.shape != (classes, flat) or side * side * sum(ststnet.BRANCHES) != flat:
    raise InputError(f'fc.weight is {weight.shape} and this network needs '
                     f'({classes}, {flat}), for square pictures: these weights are of '
                     'pictures of another size, or of other classes')
  weight = weight.reshape(classes, -1, side, side).transpose(2, 3, 1, 0)
  conv = {'kernel': all_of('conv', 'weight').transpose(2, 3, 1, 0),
          'bias': all_of('conv', 'bias')}
  norm = {'scale': all_of('bn', 'weight'), 'bias': all_of('bn', 'bias')}
  running = {'mean': all_of('bn', 'running_mean'),
             'variance': all_of('bn', 'running_var')}
  published = {'encoder': {'Conv_0': conv, 'BatchNorm_0': norm},
               'head': {'kernel': weight.reshape(flat, classes),
                        'bias': _array(arrays, 'fc.bias')},
               'statistics': {'BatchNorm_0': running}}
  return jax.tree.map_with_path(_as_the_networks, params, published)


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
