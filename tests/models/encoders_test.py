"""What holds for every encoder that a configuration may name, in one table."""

import math
from typing import NamedTuple

import jax
from jax.extend import core
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import common
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.settings import CHOICES

LANDMARKS = (3, 68, 2)
SMALL = {'width': 8, 'grid': 2, 'temporal_width': 4, 'temporal_depth': 1, 'dense': 12,
         'depth': 1, 'actions': 3, 'conv': 'lax'}


class Case(NamedTuple):
  """An encoder, with what it takes, and what (2, *clip) becomes."""
  clip: tuple[int, ...]
  maps: tuple[int, ...]
  settings: dict = {}


CASES = {
    'conv4': Case((2, 9, 8, 3), (2, 2, 2, 4)),
    'resnet12': Case((2, 9, 8, 3), (2, 2, 2, 4)),
    'resnet18': Case((2, 9, 8, 3), (2, 2, 2, 4)),
    'ststnet': Case((2, 12, 11, 3), (2, 2, 2, 4)),
    'off_apexnet': Case((2, 9, 8, 3), (2, 12)),
    'vit': Case((2, 9, 8, 3), (2, 5, 4, 4)),
    'dere_grl': Case(LANDMARKS, (2, 3, 8)),
    'mlp': Case((10,), (2, 8)),
    'tcn': Case((7, 5), (2, 8)),
    'ststnet, published': Case((1, 12, 11, 3), (2, 2, 2, 16),
                               {'encoder': 'ststnet', 'norm': 'batch'}),
}
every_encoder = pytest.mark.parametrize('name', CASES)
# ResNet-18 has the layers of ResNet-12, and takes as long as all others to compile.
every_program = pytest.mark.parametrize('name', [
    pytest.param(name, marks=[pytest.mark.slow] * (name == 'resnet18'))
    for name in CASES])


def network(name='conv4', **changes):
  section = {**common.base().model.to_dict(), **SMALL, 'encoder': name, **changes}
  if name in CASES:
    section |= CASES[name].settings
  return make_network(make_encoder(**section), classes=3)


def size(tree) -> int:
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


def outline(net, clip):
  """Parameters and maps by shape alone."""
  params = jax.eval_shape(lambda: net.init(jax.random.key(0), clip))
  return params, jax.eval_shape(net.maps, params, jnp.zeros((2, *clip)))


def test_the_table_is_complete():
  assert set(CHOICES['model.encoder']) <= set(CASES)


@pytest.fixture(scope='module')
def ready():
  """Each encoder compiled once: logits, and the gradient of a loss."""
  made = {}

  def of(name, precision='float32'):
    if (name, precision) not in made:
      net, rng = network(name, precision=precision), np.random.default_rng(0)
      x = jnp.asarray(rng.standard_normal((3, *CASES[name].clip)), jnp.float32)
      shapes, _ = outline(net, x.shape[1:])
      params = jax.tree.map(lambda p: jnp.asarray(
          .4 * rng.standard_normal(p.shape) + .2, p.dtype), shapes)
      if 'statistics' in params:
        params['statistics'] = jax.tree.map(lambda v: 1 + v * v, params['statistics'])

      @jax.jit
      def both(params, x):
        def loss(params):
          logits = net.logits(params, x)
          return -jax.nn.log_softmax(logits)[:, 0].sum(), logits
        (_, logits), grads = jax.value_and_grad(loss, has_aux=True)(params)
        return logits, grads
      made[name, precision] = both, params, x
    return made[name, precision]
  return of


@every_encoder
def test_shapes(name):
  case, net = CASES[name], network(name)
  params, maps = outline(net, case.clip)
  assert maps.shape == case.maps
  assert params['head']['kernel'].shape == (np.prod(case.maps[1:]), 3)


@every_program
def test_every_weight_has_a_finite_gradient_that_is_not_zero(name, ready):
  both, params, x = ready(name)
  _, grads = both(params, x)
  for path, leaf in jax.tree.leaves_with_path(grads):
    assert np.isfinite(leaf).all() and np.any(leaf), path


@every_program
@pytest.mark.parametrize('bad', [np.nan, 1e25])
def test_a_clip_is_predicted_from_itself_alone(name, bad, ready):
  both, params, x = ready(name)
  plain, _ = both(params, x)
  spoilt, _ = both(params, x.at[1].set(bad))
  assert np.abs(plain - plain[::-1]).max() > 1e-4
  np.testing.assert_array_equal(spoilt[::2], plain[::2])


@every_program
def test_a_clip_without_movement_is_no_trouble(name, ready):
  both, params, x = ready(name)
  logits, grads = both(params, jnp.zeros_like(x))
  assert np.isfinite(logits).all()
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=[pytest.mark.slow] * (name != 'conv4'))
    for name in CASES if name != 'resnet18'])
def test_bfloat16_is_near(name, ready):
  """Within 3 % as a norm over all weights: 8 bits are good for .4 % each time."""
  (both, params, x), (short, *_) = ready(name), ready(name, 'bfloat16')
  flat = lambda tree: np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
  for want, got in zip(both(params, x), short(params, x)):
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(got))
    gap = np.linalg.norm(flat(got) - flat(want)) / np.linalg.norm(flat(want))
    assert 1e-5 < gap < .03


@every_program
def test_no_short_numbers_are_added_up(name):
  """Neither in a value nor in its derivatives is there a sum of bfloat16.

  In whose numbers a product's sums are taken is for XLA to choose where its result is
  short: on a CPU, that of jax 0.12 chose short ones.
  """
  net = network(name, precision='bfloat16')
  params, _ = outline(net, CASES[name].clip)
  x = jnp.zeros((2, *CASES[name].clip))
  loss = lambda params: jnp.sin(net.logits(params, x)).sum()
  second = jax.grad(lambda params: optax.tree.norm(jax.grad(loss)(params)))

  def sums(jaxpr):
    for equation in jaxpr.eqns:
      if equation.primitive.name == 'dot_general':
        yield equation.outvars[0].aval.dtype
      if equation.primitive.name == 'reduce_sum':
        x = equation.invars[0].aval
        # An axis of one is only taken away.
        if math.prod(x.shape[axis] for axis in equation.params['axes']) > 1:
          yield x.dtype
      for inner in core.jaxprs_in_params(equation.params):
        yield from sums(inner)
  assert set(sums(jax.make_jaxpr(second)(params).jaxpr)) == {jnp.dtype('float32')}


@every_encoder
def test_float32_knows_no_other_numbers(name):
  """Not a conversion more: the default's program is what it was without a choice."""
  net = network(name)
  params, _ = outline(net, CASES[name].clip)
  x = jnp.zeros((2, *CASES[name].clip))
  program = jax.make_jaxpr(jax.grad(lambda params: net.logits(params, x).sum()))(params)

  def conversions(jaxpr):
    for equation in jaxpr.eqns:
      kinds = {v.aval.dtype for v in (*equation.invars, *equation.outvars)
               if jnp.issubdtype(v.aval.dtype, jnp.floating)}
      if equation.primitive.name == 'convert_element_type' and len(kinds) > 1:
        yield equation
      for inner in core.jaxprs_in_params(equation.params):
        yield from conversions(inner)
  assert list(conversions(program.jaxpr)) == [] and 'bf16' not in str(program)


@pytest.mark.parametrize('name', ['off_apexnet', 'vit', 'dere_grl', 'mlp', 'tcn'])
def test_the_second_derivative_is_the_slope_of_the_first(name, double):
  """What an inner loop needs; for the others, the tests of their layers have it."""
  net, rng = network(name, temporal_depth=0), np.random.default_rng(0)
  clip = CASES[name].clip if name in ('mlp', 'tcn') else (1, *CASES[name].clip[1:])
  x = jnp.asarray(rng.standard_normal((2, *clip)))
  shapes, _ = outline(net, clip)
  params, along = (jax.tree.map(lambda p: jnp.asarray(
      .3 * rng.standard_normal(p.shape)), shapes) for _ in range(2))
  gradient = jax.jit(jax.grad(
      lambda params: -jax.nn.log_softmax(net.logits(params, x))[:, 0].sum()))
  _, curved = jax.jvp(gradient, (params,), (along,))
  at = lambda step: gradient(jax.tree.map(lambda p, v: p + step * v, params, along))
  jax.tree.map(lambda got, up, down: np.testing.assert_allclose(
      got, (up - down) / 2e-6, rtol=1e-4, atol=1e-5), curved, at(1e-6), at(-1e-6))


@pytest.mark.parametrize('name', ['conv4', 'resnet12', 'resnet18', 'ststnet'])
def test_a_convolutional_encoder_has_no_size(name):
  encoder = lambda side: outline(network(name), (2, side, side, 3))[0]['encoder']
  assert encoder(24) == encoder(64)


@pytest.mark.parametrize('name, side, want', [
    ('vit', 24, (8, 8, 8)), ('vit', 28, (7, 7, 8)), ('vit', 64, (8, 8, 8)),
    ('vit', 5, (5, 5, 8)), ('off_apexnet', 28, (7, 7, 32)),
    ('off_apexnet', 24, (6, 6, 32)), ('off_apexnet', 64, (16, 16, 32))])
def test_maps_before_the_temporal_module(name, side, want):
  """Without one, and without what stands behind it."""
  section = {**common.base().model.to_dict(), **SMALL, 'encoder': name, 'grid': 4}
  frames = make_encoder(**section).frame
  shape = jax.eval_shape(lambda x: frames.init_with_output(jax.random.key(0), x)[0],
                         jnp.zeros((2, side, side, 3))).shape
  assert shape == (2, *want)


@pytest.mark.parametrize('norm, more', [('group', 0), ('batch', 2 * 16)])
def test_the_size_of_ststnet(norm, more):
  """Three branches of 3, 5 and 8 kernels, each with two values of normalisation."""
  net = network('ststnet', width=16, temporal_depth=0, norm=norm)
  params, _ = outline(net, (1, 28, 28, 3))
  branches = sum(d * (3 * 3 * 3 + 1) + 2 * d for d in (3, 5, 8))
  assert branches + 5 * 5 * 16 * 3 + 3 == 1683
  assert size(params) == 1683 + more
  assert size(params.get('statistics', {})) == more


def test_the_size_of_off_apexnet():
  params, _ = outline(network('off_apexnet', temporal_depth=0, dense=1024),
                      (1, 28, 28, 3))
  stream = (5 * 5 * 1 * 6 + 6) + (5 * 5 * 6 * 16 + 16)
  dense = (7 * 7 * 16 * 2 * 1024 + 1024) + (1024 * 1024 + 1024)
  assert size(params) == 2 * stream + dense + 1024 * 3 + 3 == 2_664_475


def test_off_apexnet_sees_no_strain(ready):
  both, params, x = ready('off_apexnet')
  for channel, seen in enumerate((True, True, False)):
    other, _ = both(params, x.at[..., channel].add(1.))
    assert np.any(other != both(params, x)[0]) == seen


def test_a_series_may_have_any_length():
  encoder = lambda steps: outline(network('tcn'), (steps, 5))
  assert encoder(4) == encoder(50)


def test_a_series_is_more_than_its_steps():
  """The order counts: a mean over time alone would not see it."""
  net = network('tcn')
  params = net.init(jax.random.key(0), (6, 2))
  x = jax.random.normal(jax.random.key(1), (1, 6, 2))
  assert np.abs(net.logits(params, x) - net.logits(params, x[:, ::-1])).max() > 1e-4


@pytest.mark.parametrize('name', ['mlp', 'tcn'])
def test_rows_and_series_may_be_of_anything(name):
  """Pictures and landmarks are flattened, so every configuration can name them."""
  for clip in ((2, 9, 8, 3), LANDMARKS):
    _, maps = outline(network(name), clip)
    assert maps.shape == (2, 8)
