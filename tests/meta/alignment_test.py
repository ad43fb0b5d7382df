"""Maximum mean discrepancy: population values, samples by hand, derivatives."""

from hypothesis import given, settings, strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from lightman_jax.meta import mmd

pytestmark = pytest.mark.usefixtures('double')
mmd2 = jax.jit(mmd.mmd2, static_argnames=('statistic', 'bandwidth', 'scales'))
ONE = dict(bandwidth=1., scales=(1.,))
SCALES = (.25, .5, 1., 2., 4.)


def expected_kernel(m1, s1, m2, s2, s):
  """E k(X, Y) of two normal vectors, with kernel exp(-|x - y|^2 / 2 s^2)."""
  gap, both = np.subtract(m1, m2), np.add(s1, s2)
  eye = np.eye(len(gap))
  return (np.linalg.det(eye + both / s**2) ** -.5
          * np.exp(-gap @ np.linalg.solve(both + s**2 * eye, gap) / 2))


def population(m1, s1, m2, s2, scales):
  return sum(expected_kernel(m1, s1, m1, s1, s) + expected_kernel(m2, s2, m2, s2, s)
             - 2 * expected_kernel(m1, s1, m2, s2, s) for s in scales)


def spread(mean, variance, n):
  """n points that divide N(mean, variance) into equal parts, in one dimension."""
  points = stats.norm.ppf((np.arange(n) + .5) / n, mean, np.sqrt(variance))
  return jnp.array(points[:, None])


@pytest.mark.parametrize('mean, variance, scales, want', [
    (1., 1., (1.,), .1772676349), (0., 4., (1.,), .0941870216),
    (1., 1., SCALES, .5672835473)])
def test_the_population_in_one_dimension(mean, variance, scales, want):
  np.testing.assert_allclose(population([0.], np.eye(1), [mean], variance * np.eye(1),
                                        scales), want, rtol=1e-9)
  got = mmd2(spread(0., 1., 1000), spread(mean, variance, 1000), bandwidth=1.,
             scales=scales)
  np.testing.assert_allclose(got, want, rtol=2e-3)


def test_the_population_in_two_dimensions():
  want = .1023455167
  exact = population([0., 0.], np.eye(2), [1., 0.], np.eye(2), (1.,))
  np.testing.assert_allclose(exact, want, rtol=1e-9)
  side = spread(0., 1., 35)[:, 0]
  x = jnp.stack(jnp.meshgrid(side, side), -1).reshape(-1, 2)
  got = mmd2(x, x + jnp.array([[1., 0.]]), **ONE)
  np.testing.assert_allclose(got, want, rtol=2e-2)


def test_both_statistics_by_hand():
  # With a kernel k(d) of the distance: V = (3 + 4 k(1) + 2 k(2)) / 9
  # + (2 + 2 k(2)) / 4 - 2 (3 k(1) + k(0) + k(2) + k(3)) / 6.
  x, y = jnp.array([[0.], [1.], [2.]]), jnp.array([[1.], [3.]])
  np.testing.assert_allclose(mmd2(x, y, **ONE), .2119659115, atol=1e-10)
  np.testing.assert_allclose(mmd2(x, y, statistic='u', **ONE), -.4038779355, atol=1e-10)


def test_the_bias_of_v():
  # E[V] - MMD^2 = (1 - E k(X, X')) / m + (1 - E k(Y, Y')) / n = .169 for m = n = 5.
  rng = np.random.default_rng(0)
  x, y = rng.normal(0, 1, (20000, 5, 1)), rng.normal(1, 1, (20000, 5, 1))
  mean = lambda statistic: float(jax.vmap(
      lambda x, y: mmd2(x, y, statistic=statistic, **ONE))(x, y).mean())
  within = expected_kernel([0.], np.eye(1), [0.], np.eye(1), 1.)
  np.testing.assert_allclose(2 * (1 - within) / 5, .169, atol=5e-4)
  np.testing.assert_allclose(mean('u'), .1772676349, atol=5e-3)
  np.testing.assert_allclose(mean('v') - .1772676349, .169, atol=5e-3)


def test_a_wide_kernel_is_the_linear_one():
  """s^2 V tends to the squared distance of the means as s grows."""
  rng = np.random.default_rng(0)
  x, y = jnp.array(rng.normal(size=(4, 3))), jnp.array(rng.normal(1, 2, size=(6, 3)))
  want = jnp.sum((x.mean(0) - y.mean(0)) ** 2)
  np.testing.assert_allclose(1e6 * mmd2(x, y, bandwidth=1e3, scales=(1.,)), want,
                             rtol=1e-4)


def test_kernels_add():
  x, y = sample(4, 4, seed=0)
  parts = [mmd2(x, y, bandwidth=1., scales=(s,)) for s in SCALES]
  np.testing.assert_allclose(mmd2(x, y, bandwidth=1.), sum(parts))
  np.testing.assert_allclose(mmd2(x, y, bandwidth=2., scales=(.5,)), parts[2])


def test_the_bandwidth_goes_by_the_distances():
  x, y = sample(4, 3, seed=0)
  gaps = ((x[:, None] - y[None]) ** 2).sum(-1)
  np.testing.assert_allclose(mmd.squared_distances(x, y), gaps, atol=1e-9)
  np.testing.assert_allclose(mmd.mean_bandwidth(gaps) ** 2, gaps.mean() / 2)


def sample(n, m, *, seed):
  rng = np.random.default_rng(seed)
  return jnp.array(rng.normal(size=(n, 2))), jnp.array(rng.normal(1, 2, (m, 2)))


VALUES = jax.jit(lambda x, y: (
    mmd2(x, y), mmd2(x, y, statistic='u'), mmd2(y, x), mmd2(x[::-1], y),
    mmd2(7 * x, 7 * y), mmd2(x, x, **ONE)))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from([(2, 5), (4, 2), (3, 3)]), st.integers(0, 1000))
def test_what_holds_for_any_sample(sizes, seed):
  with jax.enable_x64(True):
    v, u, turned, reordered, scaled, same = VALUES(*sample(*sizes, seed=seed))
  assert v >= -1e-12 and u <= v
  # The scale of the embedding does not matter, as the bandwidth goes with it.
  np.testing.assert_allclose([turned, reordered, scaled], [v] * 3, rtol=1e-9)
  np.testing.assert_allclose(same, 0, atol=1e-12)


@pytest.mark.parametrize('double', [True, False])
@pytest.mark.parametrize('rule', ['mean', 'median'])
def test_derivatives_are_finite_where_clips_coincide(rule, double):
  """As when no unit behind a ReLU is left: OFF-ApexNet met it on real pictures."""
  loss = lambda x, y: (mmd.mmd2(x, y, bandwidth_rule=rule)
                       + mmd.mmd2(x, y, statistic='u', bandwidth_rule=rule))
  # The gradient, and its own derivative along a direction.
  derivatives = jax.jit(lambda x, y: jax.jvp(
      jax.grad(loss, (0, 1)), (x, y), (jnp.cos(jnp.arange(6.).reshape(3, 2)), y)))
  with jax.enable_x64(double):
    one = np.ones((3, 2), np.float64 if double else np.float32)
    apart = np.array([[0, 0], [1, 1], [1, 1]], one.dtype)
    for x, y in ((one, one), (one, apart), (0 * one, 0 * one),
                 (1e-4 * one, 1e-4 * apart)):
      assert all(np.isfinite(d).all() for d in jax.tree.leaves(derivatives(x, y)))


@pytest.mark.parametrize('bandwidth', [0., 1.5])
def test_the_gradient_is_that_of_finite_differences(bandwidth):
  (x, y), (along, _) = sample(4, 4, seed=0), sample(4, 4, seed=1)
  loss = jax.jit(lambda x: mmd2(x, y, bandwidth=bandwidth))
  step = 1e-5
  want = (loss(x + step * along) - loss(x - step * along)) / (2 * step)
  np.testing.assert_allclose(jax.jvp(loss, (x,), (along,))[1], want, rtol=1e-7)


def test_following_the_gradient_brings_samples_together():
  x, y = sample(6, 6, seed=0)
  step = jax.jit(lambda x: x - 2. * jax.grad(lambda x: mmd2(x, y, bandwidth=1.))(x))
  moved = x
  for _ in range(30):
    moved = step(moved)
  assert mmd2(moved, y, bandwidth=1.) < .5 * mmd2(x, y, bandwidth=1.)


def test_the_median_is_a_constant():
  x, y = sample(4, 3, seed=0)
  gaps = ((x[:, None] - y[None]) ** 2).sum(-1)
  width = float(mmd.median_bandwidth(gaps))
  np.testing.assert_allclose(width**2, np.median(gaps) / 2)
  by_rule = lambda x: mmd.mmd2(x, y, bandwidth_rule='median')
  discrepancy = lambda x: mmd.mmd2(x, y, bandwidth=width)
  np.testing.assert_allclose(by_rule(x), discrepancy(x))
  np.testing.assert_allclose(jax.grad(by_rule)(x), jax.grad(discrepancy)(x))


@pytest.mark.parametrize('statistic', ['v', 'u'])
def test_by_class_is_the_mean_of_the_classes(statistic):
  """Class 2 has macro clips alone, class 3 one of each, and one macro clip no class."""
  x, y = sample(6, 8, seed=0)
  of_x, of_y = np.array([0, 1, 0, 1, 0, 3]), np.array([1, 0, 2, 2, 1, 0, -1, 3])
  how = dict(statistic=statistic, bandwidth=1.5)
  classes = [0, 1, 3] if statistic == 'v' else [0, 1]
  want = np.mean([mmd2(x[of_x == k], y[of_y == k], **how) for k in classes])
  member = lambda label: jax.nn.one_hot(label, 4, dtype=bool)
  got = mmd.mmd2(x, y, classes=(member(of_x), member(of_y)), **how)
  np.testing.assert_allclose(got, want, rtol=1e-10)
  # One class of all clips is no class.
  one = mmd.mmd2(x, y, classes=(jnp.ones((6, 1), bool), jnp.ones((8, 1), bool)),
                       **how)
  np.testing.assert_allclose(one, mmd2(x, y, **how), rtol=1e-10)
  none = mmd.mmd2(x, y, classes=(member(of_x), jnp.zeros((8, 4), bool)), **how)
  assert none == 0


def test_what_cannot_be_asked():
  x = jnp.zeros((2, 1))
  with pytest.raises(ValueError, match="'v' or 'u'"):
    mmd2(x, x, statistic='w')
  with pytest.raises(ValueError, match='two clips'):
    mmd2(x[:1], x, statistic='u')


def test_whole_numbers_are_numbers_and_other_shapes_a_sentence():
  """uint8 is what a picture is: differences of them would wrap around."""
  rng = np.random.default_rng(0)
  x, y = (rng.integers(0, 255, (20, 8), np.uint8) for _ in range(2))
  want = mmd.mmd2(x.astype(np.float32), y.astype(np.float32))
  for kind in (np.uint8, np.int32):
    np.testing.assert_allclose(mmd.mmd2(x.astype(kind), y.astype(kind)), want,
                               rtol=1e-5)
  for wrong in (y[:, :7], y[0], y[:0], y[None]):
    with pytest.raises(ValueError, match=r'samples \(n, d\) and \(m, d\) of one clip'):
      mmd.mmd2(x, wrong)
