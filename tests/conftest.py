"""What all tests share: two devices on the host, and a pool of made-up clips.

The device count is read when jax first looks for devices, so it is set here, before
any test file is imported.
"""

import os

os.environ['XLA_FLAGS'] = ' '.join([
    os.environ.get('XLA_FLAGS', ''), '--xla_force_host_platform_device_count=2'])
os.environ.setdefault('JAX_PLATFORMS', 'cpu')

from flax import linen as nn
import jax
import numpy as np
import pytest

from lightman_jax.models.network import make_network
from lightman_jax.preprocessing.pool import Content, Pool

FLOW = Content('flow', (-1, 1, 1), True)


@pytest.fixture
def double():
  """Everything in float64 for one test."""
  with jax.enable_x64(True):
    yield


@pytest.fixture
def strict():
  """No silent broadcast to a higher rank, no key used twice."""
  with jax.numpy_rank_promotion('raise'), jax.debug_key_reuse(True):
    yield


def pool_of(*, subjects=4, micro=1, macro=1, classes=2, foreign=0, shape=(2, 8, 8, 3),
            signal=0., seed=0) -> Pool:
  """Random clips: `micro` and `macro` a subject and class, `foreign` macro ones a class.

  Every class has a pattern of its own, `signal` times as strong as the noise.
  """
  rng = np.random.default_rng(seed)
  names = tuple(f's{n}' for n in range(subjects)) + ('elsewhere',) * bool(foreign)
  rows = [(k, s, is_macro, False)
          for s in range(subjects) for k in range(classes)
          for is_macro in [False] * micro + [True] * macro]
  rows += [(k, subjects, True, True) for k in range(classes) for _ in range(foreign)]
  label, subject, is_macro, is_foreign = map(np.array, zip(*rows))
  pattern = rng.standard_normal((classes, *shape))
  x = signal * pattern[label] + rng.standard_normal((len(rows), *shape))
  return Pool(x.astype(np.float32), label.astype(np.int32), subject.astype(np.int32),
              is_macro, is_foreign, names,
              tuple(f'clip{n:03d}' for n in range(len(rows))),
              tuple('abcdefgh'[:classes]), FLOW)


class Flat(nn.Module):
  """An encoder that compiles at once, for what does not depend on the encoder."""

  @nn.compact
  def __call__(self, x):
    return nn.tanh(nn.Dense(6)(x.reshape(len(x), -1)))


@pytest.fixture(scope='session')
def small_net():
  """A network over any clip, of three classes."""
  return make_network(Flat(), classes=3)


@pytest.fixture(scope='session', name='pool_of')
def _pool_of():
  return pool_of
