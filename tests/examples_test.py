"""What an example claims of itself."""

import importlib.util
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import synthetic
from lightman_jax import settings
from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.options import read_options
from lightman_jax.tasks.sampling import Examples, Task

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / 'examples'


def load(name):
  """The module of an example."""
  spec = importlib.util.spec_from_file_location(name, EXAMPLES / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope='module')
def task():
  rng = np.random.default_rng(0)
  side = lambda n: Examples(
      jnp.asarray(rng.standard_normal((n, 1, 2, 2, 2)), jnp.float32), jnp.arange(n) % 3,
      jnp.zeros((0, 1, 2, 2, 2)), jnp.zeros(0, int))
  return Task(side(6), side(3))


def test_proximal_maml(small_net, start_of, task):
  """Without the pull it is MAML; with it, adaptation ends nearer to the start."""
  proximal_maml = load('proximal_maml').proximal_maml
  assert list(read_options(proximal_maml)) == ['inner_steps', 'inner_rate', 'proximal']
  params = start_of(small_net, (1, 2, 2, 2))
  key = jax.random.key(0)

  def result(learner):
    def both(params):
      grads, _ = learner.meta_grad(params, task, key)
      fast = learner.adapt(params, task.support, key).fast
      gaps = jax.tree.map(lambda a, b: jnp.sum(jnp.square(a - b)), fast, params)
      return grads, sum(jax.tree.leaves(gaps))
    return jax.jit(both)(params)
  maml, far = result(learners.maml(small_net, Steps(3, .2, memory=1024.)))
  same, as_far = result(proximal_maml(small_net, inner_rate=.2, proximal=0.))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
               same, maml)
  np.testing.assert_allclose(as_far, far, rtol=1e-5)
  other, near = result(proximal_maml(small_net, inner_rate=.2, proximal=2.))
  assert near < .8 * far
  gap = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), other, maml)
  assert max(jax.tree.leaves(gap)) > 1e-3


def test_mlp_mixer():
  """It is an encoder with settings of its own; where a patch lies is not lost."""
  name = f'{EXAMPLES / "mlp_mixer.py"}:Mixer'
  config = synthetic.get_config(f'encoder={name},debug').to_dict()
  assert set(config['model']) == {'encoder', 'sha256', 'matmul_precision', 'width',
                                  'hidden', 'blocks', 'patch'}
  # What `debug` changes of every network holds here, too.
  assert config['model']['width'] == 4 and config['model']['hidden'] == 32
  settings.check(config)
  for changes, words in (({'patch': 0}, 'model.patch is 0'),
                         ({'grid': 4}, 'model.grid=4 means nothing for model.enc')):
    with pytest.raises(InputError, match=words):
      settings.check({**config, 'model': {**config['model'], **changes}})
  net = assembly.make_net(config, ('a', 'b', 'c'))
  x = np.zeros((2, 2, 8, 8, 3), np.float32)
  x[0, 0, 0, 0], x[1, 0, 7, 7] = 1, 1
  x = jnp.asarray(x)
  params = net.init(jax.random.key(0), x.shape[1:])
  maps = net.maps(params, x)
  assert maps.shape == (2, 2 * 4, 4)
  assert np.abs(maps[0] - maps[1]).max() > 1e-3
  assert net.logits(params, x).shape == (2, 3)


def test_what_makes_no_module_is_refused(tmp_path):
  (tmp_path / 'mine.py').write_text('def net(*, width: int = 3):\n  return width\n')
  config = synthetic.get_config(f'encoder={tmp_path / "mine.py"}:net').to_dict()
  settings.check(config)
  with pytest.raises(InputError, match='makes int; an encoder is a flax.linen.Module'):
    assembly.make_net(config, ('a', 'b'))
