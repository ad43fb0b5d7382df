"""The only source of random keys: a key is a pure function of what it is for.

No state holds a key, so a resumed run draws what the uninterrupted one would have
drawn, and leaving one person out of a data set changes nobody else's fold.
"""

import enum
import hashlib

import jax
from jaxtyping import Array, Int, Key
import numpy as np


class Purpose(enum.IntEnum):
  """What a key is for. Append only: the numbers are part of every result."""
  INIT = 0            # initial parameters
  TASKS = 1           # which clips a training task holds
  AUGMENT = 2         # how they are shifted, flipped and scaled
  ADAPT = 3           # whatever is random inside the inner loop
  EVAL_SUPPORT = 4    # the support drawn from training subjects at test time
  EVAL_ADAPT = 5
  EPISODE_MACRO = 6   # the macro clips of a few-shot test episode
  EPISODE_ADAPT = 7
  PRETRAIN = 8        # augmentation of clips that weights are trained on before
  MIXUP = 9           # which clips of a query are mixed, and how much of each


def fold_key(seed: int, held_out: str) -> Key[Array, '']:
  """The key of the fold that leaves out `held_out`, by name and not by index."""
  number = int.from_bytes(hashlib.sha256(held_out.encode()).digest()[:4], 'big')
  return jax.random.fold_in(jax.random.key(seed), number)


def key_for(key: Key[Array, ''], purpose: Purpose,
            step: int | Int[Array, ''] = 0) -> Key[Array, '']:
  """The key of a fold (from `fold_key`) for one purpose at one step."""
  return jax.random.fold_in(jax.random.fold_in(key, int(purpose)), step)


def generator(seed: int, *names: str) -> np.random.Generator:
  """Draws on the host that are a function of the seed, a purpose, and for whom."""
  digest = hashlib.sha256('\0'.join(names).encode()).digest()
  return np.random.default_rng([seed, int.from_bytes(digest[:8], 'big')])
