"""What all tests share: two devices on the host, and a pool of made-up clips."""

from importlib import metadata
import os
import pathlib

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.inputs.pool import Content, Pool
from lightman_jax.models.network import make_network

# Flags are read when jax first looks for devices, which no import does.
FLAGS = ['--xla_force_host_platform_device_count=2']
# A quarter of the time to compile, and tiny programs run as long. XLA ends the process
# over a flag that it does not know; these versions know the last one.
FLAGS += ['--xla_backend_optimization_level=0',
          '--xla_llvm_disable_expensive_passes=true']
if metadata.version('jaxlib').startswith(('0.8.', '0.9.', '0.10.')):
  FLAGS.append('--xla_cpu_use_fusion_emitters=false')
os.environ['XLA_FLAGS'] = ' '.join([os.environ.get('XLA_FLAGS', ''), *FLAGS])
jax.config.update('jax_platforms', os.environ.setdefault('JAX_PLATFORMS', 'cpu'))

FLOW = Content('flow', (-1, 1, 1), True)


def function_of(name):
  """The test function of a case: its name up to the bracket."""
  return name.partition('[')[0]


def names_in(file):
  """The names that a list beside this file holds."""
  text = pathlib.Path(__file__).with_name(file).read_text(encoding='utf-8')
  return frozenset(line for line in text.splitlines() if not line.startswith('#'))


LISTED = names_in('slow.txt')
SLOW = frozenset(map(function_of, LISTED))      # functions, but for the cases listed
LONG = names_in('long.txt')


def mark_slow(config, items):
  """Marks what slow.txt and long.txt say; refuses a name that its file has no more."""
  ids = {item.nodeid for item in items}
  names = ids | set(map(function_of, ids))
  for item in items:
    if function_of(item.nodeid) in SLOW and (item.nodeid not in LISTED
                                             or '[' not in item.nodeid):
      item.add_marker('slow')
    if function_of(item.nodeid) in LONG and item.get_closest_marker('slow'):
      item.add_marker('long')
  files = {name.partition('::')[0] for name in ids}
  lost = sorted(name for name in (LISTED | LONG) - names
                if name.partition('::')[0] in files)
  if lost and not any('::' in argument for argument in config.args):
    raise pytest.UsageError(f'tests/slow.txt or long.txt: there is no {lost[0]} (of '
                            f'{len(lost)})')


@pytest.hookimpl(tryfirst=True)     # before what is marked slow is left out
def pytest_collection_modifyitems(config, items):
  """The longest first, so that no process is left alone with it.

  Between the first file of launch/ and its others lies the time in which one process
  makes the run that all of them look at.
  """
  mark_slow(config, items)
  order = ('run_test.py', 'data', 'training', 'launch')

  def place(item):
    path = pathlib.Path(item.path)
    known = path.name if path.parent.name == 'launch' else path.parent.name
    known = known if known in order else path.parent.name
    return order.index(known) if known in order else len(order)
  items.sort(key=place)


@pytest.fixture(scope='session', autouse=True)
def own_places(tmp_path_factory):
  """Data sets and caches are looked for, and made, in folders of the tests.

  What lies in the user's would decide whether a test builds, reads or passes.
  """
  with pytest.MonkeyPatch.context() as patch:
    for name in ('TFDS_DATA_DIR', 'XDG_CACHE_HOME'):
      patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
    yield


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
  """Random clips: `micro` and `macro` of a subject and class, `foreign` of a class.

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


@pytest.fixture(scope='session')
def two_heads():
  """The same with a head for macro clips."""
  return make_network(Flat(), classes=3, macro_head=True)


def start_of(net, shape, *, seed=0):
  """Parameters much as `net.init` draws them, but from NumPy: nothing to compile."""
  rng = np.random.default_rng(seed)

  def drawn(path, leaf):
    if len(leaf.shape) == 1:
      return jnp.full(leaf.shape, float(path[-1].key == 'scale'), leaf.dtype)
    inputs = np.prod(leaf.shape[:-1])
    return jnp.asarray(rng.standard_normal(leaf.shape) * np.sqrt(2 / inputs),
                             leaf.dtype)
  return jax.tree.map_with_path(
      drawn, jax.eval_shape(lambda: net.init(jax.random.key(0), shape)))


@pytest.fixture(scope='session', name='start_of')
def _start_of():
  return start_of


@pytest.fixture(scope='session', name='pool_of')
def _pool_of():
  return pool_of
