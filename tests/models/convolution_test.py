"""The convolution family against `lax.conv`, with its derivatives."""

import itertools

from hypothesis import given, settings, strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.models import convolution, encoders
from lightman_jax.models.convolution import convolve
from lightman_jax.options import read_options


def reference(x, kernel, strides=None, padding='SAME'):
  letters = 'DHW'[-(x.ndim - 2):]
  return jax.lax.conv_general_dilated(
      x, kernel, strides or (1,) * len(letters), padding,
      dimension_numbers=(f'N{letters}C', f'{letters}IO', f'N{letters}C'))


def normal(*shape, seed=0):
  return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


def close(got, want, atol=1e-9):
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=atol, atol=atol),
               got, want)


def up_to_second(conv, x, kernel):
  """Value, gradient, forward over reverse and reverse over reverse."""
  gradient = jax.grad(lambda *operands: jnp.sum(jnp.sin(conv(*operands))), (0, 1))
  squares = lambda *operands: sum(jnp.sum(jnp.sin(g)) for g in gradient(*operands))
  along = jnp.cos(x), jnp.cos(kernel)
  return (conv(x, kernel), *jax.jvp(gradient, (x, kernel), along),
          jax.grad(squares, (0, 1))(x, kernel))


@pytest.mark.parametrize('space, window, strides, padding, channels', [
    ((6, 5), (3, 3), (1, 1), 'SAME', 9),
    ((7, 6), (3, 2), (2, 2), 'VALID', 3),
    ((7, 6), (1, 1), (2, 2), 'SAME', 9),
    ((3, 5, 4), (3, 3, 3), (1, 1, 1), 'SAME', 9),
    ((4, 5, 4), (3, 2, 3), (1, 2, 2), 'SAME', 3)])
def test_it_is_laxs_with_both_derivatives(space, window, strides, padding, channels):
  with jax.enable_x64(True):
    x, kernel = normal(2, *space, channels), normal(*window, channels, 4)
    how = dict(strides=strides, padding=padding)
    got, want = jax.jit(lambda x, kernel: [
        up_to_second(lambda *operands: conv(*operands, **how), x, kernel)
        for conv in (convolve, reference)])(x, kernel)
    close(got, want)


@st.composite
def cases(draw):
  rank = draw(st.sampled_from([2, 3]))
  sides = lambda least, most: tuple(
      draw(st.integers(least, most)) for _ in range(rank))
  return (sides(3, 7), sides(1, 3), sides(1, 3), draw(st.sampled_from(
      ['SAME', 'VALID'])), draw(st.integers(1, 10)), draw(st.sampled_from(
          ['auto', *convolution.FORMS])))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(cases())
def test_any_window_stride_padding_and_form(case):
  space, window, strides, padding, channels, form = case
  with jax.enable_x64(True):
    x, kernel = normal(2, *space, channels), normal(*window, channels, 3)
    got = convolve(x, kernel, strides=strides, padding=padding, form=form)
    close(got, reference(x, kernel, strides, padding))


@pytest.mark.parametrize('axes', [
    axes for axes in itertools.product((0, 1, None), (0, 2, None)) if any(
        axis is not None for axis in axes)])
def test_a_batch_of_either_operand_or_of_both(axes):
  stack = lambda axis, *shape: normal(*shape) if axis is None else jnp.stack(
      [normal(*shape, seed=seed) for seed in range(3)], axis)
  with jax.enable_x64(True):
    x, kernel = stack(axes[0], 2, 4, 3, 9), stack(axes[1], 2, 3, 9, 4)
    both = lambda conv: lambda x, kernel: (conv(x, kernel), jax.vjp(conv, x, kernel)[1](
        jnp.ones((2, 4, 3, 4))))
    got, want = (jax.vmap(both(conv), axes)(x, kernel)
                 for conv in (convolve, reference))
    close(got, want)


def test_grouped_is_patches_with_both_derivatives_of_tasks_with_own_kernels():
  """And holds no patches: its program has convolutions of as many groups as tasks."""
  with jax.enable_x64(True):
    x, kernel = normal(3, 2, 3, 5, 4, 2), normal(3, 2, 3, 3, 2, 4)
    of = lambda form: jax.vmap(lambda *one: up_to_second(
        lambda *pair: convolve(*pair, form=form), *one))
    got, want = jax.jit(lambda *pair: [of('grouped')(*pair), of('patches')(*pair)])(
        x, kernel)
    close(got, want)
    slope = lambda x, kernel: jax.grad(
        lambda kernel: jnp.sum(convolve(x, kernel, form='grouped') ** 2))(kernel)
    text = jax.jit(jax.vmap(slope)).lower(x, kernel).as_text()
    assert text.count('feature_group_count = 3') == 2 and 'dot_general' not in text


def test_a_shared_kernel_stays_one_convolution():
  """Not one for each task: that is what makes first-order passes fast."""
  x, kernel = jnp.zeros((3, 2, 6, 5, 9)), jnp.zeros((3, 3, 9, 4))
  text = str(jax.make_jaxpr(jax.vmap(convolve, (0, None)))(x, kernel))
  assert 'f32[1,6,6,5,4] = closed_conv' in text, text


def test_blocks_of_clips_give_the_sum_over_all(monkeypatch):
  monkeypatch.setattr(convolution, 'BLOCK', 1)
  x, g = normal(1, 6, 5, 4, 9), normal(1, 6, 5, 4, 4)
  pad = ((1, 1), (1, 1))
  wide, patches = (convolution.corr(x, g, pad=pad, form=form, platform='cpu')
                   for form in ('lax', 'patches'))
  np.testing.assert_allclose(wide, patches, atol=1e-3)


def test_a_configuration_may_name_every_form():
  assert read_options(encoders.Conv4)['conv'].choices == ('auto', *convolution.FORMS)


@pytest.mark.parametrize('wrong', [dict(form='fft'), dict(padding='sam')])
def test_an_unknown_word_is_refused(wrong):
  with pytest.raises((ValueError, RuntimeError)):
    convolve(jnp.zeros((1, 3, 3, 1)), jnp.zeros((3, 3, 1, 1)), **wrong)
