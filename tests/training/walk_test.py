"""Where the first value that is not finite arises: by hand, and against jax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.training import fault as walking
from lightman_jax.training.fault import walk


def grow(carry, x):
  with jax.named_scope('layer'):
    carry = carry * x
  return carry, carry


def test_which_pass_of_which_loop():
  def loop(x):
    return jax.lax.scan(grow, x, jnp.full(4, 1e15))[1].sum()
  result = walk(loop, jnp.float32(1.))
  assert result.infinite.passes == ('pass 3 of 4 of test_which_pass_of_which_loop',)
  assert result.infinite.layer == 'layer' and result.infinite.operation == 'mul'
  assert 'walk_test.py' in result.infinite.source and result.nan is None
  sizes = [size for (*_, layer), size in result.largest.items() if layer == 'layer']
  np.testing.assert_allclose(sizes, [1e15, 1e30, np.inf, np.inf], rtol=1e-6)


def test_a_loop_that_runs_backwards_counts_from_its_end():
  def loop(x):
    return jax.lax.scan(grow, x, jnp.array([1., 1e30, 1e20]), reverse=True)[0]
  result = walk(loop, jnp.float32(1.))
  assert result.infinite.passes[0].startswith('pass 2 of 3 of')


def test_both_forms_in_which_jax_writes_a_loop():
  class Tree:
    def unpack(self):
      return (None, None), (None,), (None, None, None)
  for params in ({'num_consts': 2, 'num_carry': 1}, {'ft_in': Tree()}):
    assert walking._scan_counts(params) == (2, 1)
  with pytest.raises(walking.UnknownForm, match='scan'):
    walking._scan_counts({'length': 3})


def test_a_derivative_that_breaks_where_the_function_does_not():
  @jax.checkpoint
  def root(x):
    with jax.named_scope('root'):
      return jnp.sqrt(x).sum()
  at = jnp.array([4., 0.])
  assert walk(root, at).infinite is None
  result = walk(jax.grad(root), at)
  assert result.infinite.derivative and result.infinite.layer == 'root'


def test_no_number_comes_before_what_follows_from_it():
  result = walk(lambda x: jnp.exp(jnp.log(x) * 2) + jnp.log(x - 1), jnp.float32(-1.))
  assert result.nan.operation == 'log' and result.infinite is None
  assert ', '.join(('operation log at', '')).rstrip(', ') in str(result.nan)


def test_what_was_infinite_on_purpose_is_no_fault():
  mask = jnp.array([True, False])
  result = walk(lambda x: jax.nn.softmax(jnp.where(mask, x, -jnp.inf)), jnp.ones(2))
  assert result.infinite is None and result.nan is None
