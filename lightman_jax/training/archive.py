"""A state as one .npz file, for orbax to save and to restore.

Orbax's own handlers write arrays through TensorStore, which leaves some memory behind
for every array of every save (`KvStore.Spec.to_json` does not free what it returns) and
writes a dozen files. It is made for arrays that lie on many devices; here one process
has all of a state, and NumPy's format says the same in one file that anyone can open.
"""

import dataclasses

import jax
from jaxtyping import PyTree
import numpy as np
import orbax.checkpoint as ocp

from lightman_jax import bounded
from lightman_jax.files import write_atomically
from lightman_jax.training.finite import by_path

FILE = 'state.npz'
HEADER = 2**12     # bytes; an array's own takes 128


class Archive(ocp.CheckpointHandler):
  """Nested arrays by their paths, such as 'params/encoder/Dense_0/kernel'."""

  def save(self, directory, args: 'SaveArchive') -> None:
    """Writes the file; nothing is left of it where the disk is full."""
    with write_atomically(directory / FILE, 'wb') as file:
      np.savez(file, **by_path(args.tree))

  def restore(self, directory, args: 'RestoreArchive') -> PyTree:
    """The arrays, in NumPy.

    Raises:
      ValueError: it is no whole file, or of other arrays than those asked for.
    """
    wanted = by_path(args.like)
    most = sum(x.size * x.dtype.itemsize + HEADER for x in wanted.values())
    found = bounded.read_arrays(directory / FILE, most)
    for name, x in wanted.items():
      if name not in found:
        raise ValueError(f'it holds no {name}')
      if (found[name].shape, found[name].dtype) != (x.shape, x.dtype):
        raise ValueError(f'its {name} is {found[name].dtype}{found[name].shape}, not '
                         f'{x.dtype}{x.shape}')
    return jax.tree.unflatten(jax.tree.structure(args.like),
                              [found[name] for name in wanted])


@ocp.args.register_with_handler(Archive, for_save=True)
@dataclasses.dataclass
class SaveArchive(ocp.args.CheckpointArgs):
  """`tree`: nested arrays on the host."""
  tree: PyTree


@ocp.args.register_with_handler(Archive, for_restore=True)
@dataclasses.dataclass
class RestoreArchive(ocp.args.CheckpointArgs):
  """`like`: the same nested arrays, or their shapes."""
  like: PyTree
