"""The network: it keeps the grid, sees the order of frames, and one clip at a time."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.meta import learners
from lightman_jax.models import conv4, temporal
from lightman_jax.models.network import local_means, make_encoder, make_network
from lightman_jax.tasks.sampling import Examples, Task


def network(grid=2, depth=1, classes=3, skip=0, projection=0):
  return make_network(make_encoder(encoder='conv4', conv='auto', width=4, grid=grid,
                                   temporal_width=4, temporal_depth=depth),
                      classes=classes, skip=skip, projection=projection)


@pytest.fixture(scope='module')
def ready(start_of):
  net = network()
  x = np.random.default_rng(0).standard_normal((4, 3, 8, 8, 3), np.float32)
  return net, start_of(net, x.shape[1:]), jax.jit(net.logits), jnp.asarray(x)


@pytest.mark.parametrize('side, grid, want', [
    ((64, 64), 4, (4, 4)), ((28, 28), 4, (7, 7)), ((32, 32), 4, (4, 4)),
    ((64, 64), 8, (8, 8)), ((128, 128), 4, (8, 8)), ((8, 8), 8, (8, 8)),
    ((4, 4), 8, (4, 4)), ((33, 20), 4, (8, 5)), ((16, 16), 1, (1, 1))])
def test_conv4_keeps_the_grid(side, grid, want):
  """Four poolings at most, and none that leaves fewer than `grid` cells."""
  encoder = conv4.Conv4(width=4, grid=grid)
  shape = jax.eval_shape(lambda x: encoder.init_with_output(jax.random.key(0), x)[0],
                         jnp.zeros((2, *side, 3))).shape
  assert shape == (2, *want, 4)


def test_parameters_and_shapes(ready):
  net, params, logits, x = ready
  assert set(params) == {'encoder', 'head'}
  assert set(params['encoder']) == {'frame', 'temporal'}
  z = jax.jit(net.embed)(params, x)
  assert z.shape == (4, 2 * 2 * 4)
  assert logits(params, x).shape == (4, 3)
  np.testing.assert_allclose(logits(params, x), net.classify(params, z), atol=1e-5)


def test_the_order_of_frames_matters(ready):
  _, params, logits, x = ready
  plain = logits(params, x)
  for order in np.array([[1, 0, 2], [2, 1, 0], [0, 2, 1]]):
    assert (np.abs(logits(params, x[:, order]) - plain).max(1) > 1e-3).all()


def test_without_a_temporal_module_the_order_does_not_matter(start_of):
  net = network(depth=0)
  x = np.random.default_rng(0).standard_normal((4, 3, 8, 8, 3), np.float32)
  params, logits = start_of(net, x.shape[1:]), jax.jit(net.logits)
  np.testing.assert_allclose(logits(params, x[:, ::-1]), logits(params, x), atol=1e-5)


@pytest.mark.parametrize('bad', [jnp.nan, jnp.inf, 1e30])
def test_a_clip_is_predicted_from_itself_alone(ready, bad):
  _, params, logits, x = ready
  spoilt = logits(params, x.at[1].set(bad))
  kept = np.array([0, 2, 3])
  np.testing.assert_array_equal(spoilt[kept], logits(params, x)[kept])
  if not jnp.isfinite(bad):
    assert not np.isfinite(spoilt[1]).any()


def test_where_something_moved_matters(ready):
  """Position is kept: the same spot in two corners has two answers."""
  _, params, logits, _ = ready
  spot = jnp.zeros((4, 3, 8, 8, 3)).at[:, 1, 1:3, 1:3].set(3.)
  corner = jnp.roll(spot, (4, 4), (2, 3))
  assert np.abs(logits(params, spot) - logits(params, corner)).max() > 1e-3


def test_a_single_picture_has_no_weights_for_neighbours_in_time():
  for frames, depth in ((1, 1), (2, 2), (3, 3), (9, 3)):
    module = temporal.Temporal(4, 1)
    params = jax.eval_shape(module.init, jax.random.key(0),
                            jnp.zeros((1, frames, 4, 4, 4)))['params']
    assert params['Conv_0']['kernel'].shape == (depth, 3, 3, 4, 4)


def test_of_unit_clips_the_amplitude_is_not_seen():
  """Each clip by itself; a network without that sees it."""
  x = jax.random.normal(jax.random.key(0), (3, 1, 2, 2, 2))
  factor = jnp.array([1e-3, 1., 50.]).reshape(3, 1, 1, 1, 1)
  for unit in (True, False):
    net = make_network(Rows(), classes=3, unit_clips=unit)
    params = net.init(jax.random.key(1), x.shape[1:])
    plain, scaled = net.logits(params, x), net.logits(params, factor * x)
    assert np.allclose(plain, scaled, rtol=1e-3, atol=1e-4) == unit


class Rows(nn.Module):
  """A layer over the whole clip."""

  @nn.compact
  def __call__(self, x):
    return nn.Dense(4)(x.reshape(len(x), -1))


def test_macro_clips_head_changes_no_other_parameter(two_heads, small_net):
  key, shape = jax.random.key(0), (1, 2, 2, 2)
  plain, both = small_net.init(key, shape), two_heads.init(key, shape)
  own = both.pop('macro_head')
  assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(plain),
                                                  jax.tree.leaves(both)))
  assert not np.array_equal(own['kernel'], plain['head']['kernel'])


def test_local_means_by_hand():
  x = jnp.arange(2 * 4 * 6, dtype=jnp.float32).reshape(1, 2, 4, 6, 1)
  frame = np.arange(24.).reshape(4, 6) + 12         # the mean of both frames
  want = [frame[i:i + 2, j:j + 2].mean() for i in (0, 2) for j in (0, 2, 4)]
  np.testing.assert_allclose(local_means(x, 2)[0], want)
  # A picture that no whole number of squares fills, and one that is small already.
  assert local_means(jnp.ones((3, 1, 5, 5, 2)), 2).shape == (3, 2 * 2 * 2)
  np.testing.assert_array_equal(local_means(x[:, :1], 14)[0], np.arange(24.))


def test_with_skip_the_head_sees_the_clip_beside_the_map(start_of):
  """A linear answer is within reach: the encoder's part of the head may be zero."""
  x = np.random.default_rng(0).standard_normal((4, 3, 8, 8, 3), np.float32)
  net = network(skip=4)
  params = jax.jit(net.init, static_argnums=1)(jax.random.key(0), x.shape[1:])
  kernel = params['head']['kernel']
  assert kernel.shape == (2 * 2 * 4 + 4 * 4 * 3, 3)
  own = {**params, 'head': {**params['head'], 'kernel': kernel.at[:16].set(0.)}}
  np.testing.assert_allclose(
      net.logits(own, jnp.asarray(x)),
      local_means(jnp.asarray(x), 4) @ kernel[16:], atol=1e-4)


def test_a_projection_maps_what_the_head_sees(start_of):
  x = np.random.default_rng(0).standard_normal((4, 3, 8, 8, 3), np.float32)
  wide, net = network(skip=4), network(skip=4, projection=5)
  params = start_of(net, x.shape[1:])
  kernel = params['projection']['kernel']
  seen, mapped = jax.jit(wide.embed)(params, x), jax.jit(net.embed)(params, x)
  assert kernel.shape == (seen.shape[-1], 5)
  assert params['head']['kernel'].shape == (5, 3)
  np.testing.assert_allclose(mapped, seen @ kernel, atol=1e-5)


@pytest.mark.parametrize('method', [learners.protonet, learners.matchingnet])
def test_what_compares_learns_its_projection(method):
  x = np.random.default_rng(0).standard_normal((6, 1, 8, 8, 3)).astype('f4')
  label, side = jnp.arange(6) % 3, lambda x, label: Examples(x, label, x[:0], label[:0])
  net = network(depth=0, skip=4, projection=5)
  learner = method(net)
  params = learner.init(jax.random.key(0), x.shape[1:])
  grads, _ = jax.jit(learner.meta_grad)(
      params, Task(side(x, label), side(x[::-1], label)), jax.random.key(1))
  assert np.abs(grads['projection']['kernel']).max() > 0
