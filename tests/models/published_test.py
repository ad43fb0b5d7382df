"""STSTNet as it was published, against PyTorch: weights, statistics, dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.models import ststnet
from lightman_jax.models.network import make_network
from lightman_jax.models.published_weights import from_state_dict, read_npz_or_state


@pytest.fixture(scope='module')
def net():
  return make_network(ststnet.PublishedSTSTNet(), classes=3)


@pytest.fixture(scope='module')
def params(net, start_of):
  return start_of(net, (1, 28, 28, 3))


@pytest.fixture(scope='module')
def torch_net():
  """The authors' port, layer by layer, with weights and statistics drawn anew."""
  torch = pytest.importorskip('torch')
  nn = torch.nn

  class STSTNet(nn.Module):
    def __init__(self):
      super().__init__()
      for branch, channels in enumerate((3, 5, 8), 1):
        setattr(self, f'conv{branch}', nn.Conv2d(3, channels, 3, padding=2))
        setattr(self, f'bn{branch}', nn.BatchNorm2d(channels))
      self.fc = nn.Linear(5 * 5 * 16, 3)
      self.dropout = nn.Dropout(.5)

    def forward(self, x):
      seen = []
      for branch in (1, 2, 3):
        y = torch.relu(getattr(self, f'conv{branch}')(x))
        y = nn.functional.max_pool2d(getattr(self, f'bn{branch}')(y), 3, 3, 1)
        seen.append(self.dropout(y))
      y = nn.functional.avg_pool2d(torch.cat(seen, 1), 2)
      return self.fc(y.flatten(1))

  torch.manual_seed(0)
  module = STSTNet()
  for name, value in module.state_dict().items():
    if 'running' in name or 'bn' in name and 'weight' in name:
      value.copy_(torch.rand_like(value) + .3 if 'num' not in name else value)
  return module.eval()


@pytest.fixture(scope='module')
def pictures():
  x = np.random.default_rng(0).standard_normal((6, 1, 28, 28, 3))
  return jnp.asarray(x, jnp.float32)


def arrays_of(module) -> dict[str, np.ndarray]:
  return {name: value.numpy().copy() for name, value in module.state_dict().items()}


def torch_output(module, pictures) -> np.ndarray:
  torch = pytest.importorskip('torch')
  with torch.no_grad():
    x = np.asarray(pictures)[:, 0].transpose(0, 3, 1, 2).copy()
    return module(torch.from_numpy(x)).numpy()


def test_published_weights_predict_the_same(net, params, torch_net, pictures, tmp_path):
  np.savez(tmp_path / 'weights.npz', **arrays_of(torch_net))
  loaded = from_state_dict(read_npz_or_state(tmp_path / 'weights.npz'), params)
  np.testing.assert_allclose(jax.jit(net.logits)(loaded, pictures),
                             torch_output(torch_net, pictures), atol=1e-5)


def test_running_statistics_go_as_pytorchs(net, params, torch_net, pictures):
  """In training mode it moves its own; dropout comes after them."""
  loaded = from_state_dict(arrays_of(torch_net), params)
  _, seen = net.train(loaded, pictures, jax.random.key(0))
  moved = jax.tree.map(lambda old, new: .9 * old + .1 * new, loaded['statistics'], seen)
  before = {name: value.clone() for name, value in torch_net.state_dict().items()}
  torch_net.train()
  torch_output(torch_net, pictures)
  torch_net.eval()
  want = from_state_dict(arrays_of(torch_net), params)['statistics']
  torch_net.load_state_dict(before)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), moved, want)


def test_dropout_is_drawn_by_the_key_and_in_training_alone(net, params, pictures):
  step = jax.jit(net.train)
  train = lambda seed: step(params, pictures, jax.random.key(seed))[0]
  np.testing.assert_array_equal(train(0), train(0))
  assert np.abs(train(0) - train(1)).max() > 1e-3
  # A prediction has no key to draw with, and goes by the running statistics.
  alone = net.logits(params, pictures[:1])
  np.testing.assert_allclose(net.logits(params, pictures)[:1], alone, rtol=1e-4)


def test_half_of_the_cells_are_dropped_and_the_rest_doubled():
  x = jnp.ones((50, 1, 12, 12, 3))
  module = ststnet.PublishedSTSTNet()
  variables = module.init(jax.random.key(0), x)
  # A bias alone: every cell is 1 before dropout, so a mean of four is k / 2.
  variables['params']['Conv_0'] = jax.tree.map(jnp.zeros_like,
                                               variables['params']['Conv_0'])
  variables['params']['BatchNorm_0']['bias'] += 1.
  cells, _ = module.apply(variables, x, training=True, mutable=['statistics'],
                          rngs={'dropout': jax.random.key(0)})
  assert set(np.unique(cells)) == {0., .5, 1., 1.5, 2.}
  assert abs(float(cells.mean()) - 1) < .05


@pytest.mark.parametrize('name, shape, words', [
    ('conv2.weight', None, 'no conv2.weight'),
    ('fc.weight', (3, 144), 'pictures of another size'),
    ('bn3.running_mean', (7,), 'BatchNorm_0')])
def test_other_weights_are_refused(name, shape, words, params, torch_net):
  arrays = arrays_of(torch_net)
  if shape:
    arrays[name] = np.zeros(shape, np.float32)
  else:
    del arrays[name]
  with pytest.raises(InputError, match=words):
    from_state_dict(arrays, params)
