"""Within a run jax computes as the program expects, and outside as its user does."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax import keys
from lightman_jax.experiment import sweep
from lightman_jax.training import numerics


def computed():
  """Draws, a product and what strict settings refuse."""
  key = keys.fold_key(0, 's1')
  x = jax.random.normal(key, (8, 8))
  return [np.asarray(part) for part in (
      x, x @ x, jnp.ones(8) + x, jnp.int32(1) + x, jax.random.permutation(key, 50))]


@pytest.fixture
def elsewise():
  """A user who has asked jax for other numbers, and to be strict."""
  with (jax.enable_x64(True), jax.default_prng_impl('rbg'),
        jax.threefry_partitionable(False), jax.default_matmul_precision('bfloat16'),
        jax.numpy_rank_promotion('raise'), jax.numpy_dtype_promotion('strict'),
        jax.transfer_guard('disallow'), jax.debug_nans(True), jax.disable_jit(True)):
    yield


def same(one, two):
  for x, y in zip(one, two, strict=True):
    assert x.dtype == y.dtype
    np.testing.assert_array_equal(x, y)


def test_nothing_that_a_user_sets_moves_a_number(request):
  plain = computed()                  # on a CPU, float32 is what products are anyway
  with numerics.pinned():
    same(computed(), plain)
  request.getfixturevalue('elsewise')
  with numerics.pinned():
    same(computed(), plain)


def test_what_a_user_set_holds_again_after_a_run(elsewise):
  before = numerics.current()
  with pytest.raises(KeyError), numerics.pinned('default'):
    inside = numerics.current()
    raise KeyError
  assert numerics.current() == before != inside
  assert before['jax_enable_x64'] and not inside['jax_enable_x64']
  assert inside['jax_default_matmul_precision'] == 'default'


def test_another_thread_computes_alike(elsewise):
  def of_thread(function):
    out = []
    thread = threading.Thread(target=lambda: out.append(function()))
    thread.start()
    thread.join()
    return out[0]
  with numerics.pinned():
    assert of_thread(numerics.current) != numerics.current(), 'contexts are of a thread'
    assert of_thread(numerics.as_here(numerics.current)) == numerics.current()
    same(of_thread(numerics.as_here(computed)), computed())


def test_the_precision_of_products_is_part_of_the_program():
  product = jax.jit(lambda x: x @ x)
  for name, words in (('highest', 'HIGHEST, HIGHEST'), ('default', 'DEFAULT, DEFAULT')):
    with numerics.pinned(name):
      assert words in product.lower(jnp.ones((2, 2))).as_text()


@pytest.mark.parametrize('flags, plugin, wanted', [
    ('', True, '--xla_gpu_deterministic_ops=true'), ('', False, None),
    ('--xla_a=1', True, '--xla_a=1 --xla_gpu_deterministic_ops=true'),
    ('--xla_gpu_deterministic_ops=false', True, '--xla_gpu_deterministic_ops=false'),
    ('flags.txt', True, 'flags.txt')])
def test_deterministic_operations_are_asked_of_a_gpu(
    flags, plugin, wanted, monkeypatch):
  monkeypatch.setattr(sweep.importlib.util, 'find_spec',
                      lambda name: plugin and name == 'jax_cuda12_plugin' or None)
  environ = {'XLA_FLAGS': flags} if flags else {}
  sweep.ask_for_determinism(environ)
  assert environ.get('XLA_FLAGS') == wanted
