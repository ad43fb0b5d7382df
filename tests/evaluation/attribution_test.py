"""Maps of what carried a prediction, by models whose truth is known by hand."""

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.evaluation import attribution
from lightman_jax.faces import landmarks
from lightman_jax.inputs.inputs import Settings

FLOW = Settings(kind='flow', size=14)
CLASSES = ('negative', 'positive')
MOUTH = landmarks.face_regions(14, 14)['left mouth corner']


def of_linear(weights, x, how=FLOW, aligned=True):
  """What is said of a model whose score of the second class is a sum."""
  def scores(x):
    value = (x * weights).sum((1, 2, 3, 4))
    return np.stack([-value, value], 1)
  return attribution.attribute(
      scores, lambda x, of: np.where(of[:, None, None, None, None], 1, -1) * weights
      * np.ones_like(x), x, np.ones(len(x), int), classes=CLASSES, how=how,
      aligned=aligned)


@pytest.fixture(scope='module')
def linear():
  """One that looks at a mouth corner alone, and a clip in which everything moves."""
  weights = np.where(MOUTH, 2., 0.)[None, :, :, None]
  x = np.random.default_rng(0).uniform(.5, 1., (2, 1, 14, 14, 3))
  return of_linear(weights, x), x


def test_of_a_linear_model_both_maps_are_exact(linear):
  made, x = linear
  moved = 2. * x.sum((1, 4)) * MOUTH
  np.testing.assert_allclose(made.gradient, moved, rtol=1e-6)
  np.testing.assert_allclose(made.score, moved.sum((1, 2)), rtol=1e-6)
  # Each cell once, and a cell's loss at each of its pixels.
  cells = attribution.cells_of(14, 14)
  assert (cells.sum(0) == 1).all() and len(cells) == 49
  for one, map_ in zip(moved, made.occlusion):
    for cell in cells:
      np.testing.assert_allclose(map_[cell], one[cell].sum(), atol=1e-5)


def test_the_region_that_carries_is_named_and_the_name_is_true(linear):
  made, _ = linear
  assert made.regions == ('left mouth corner',) * 2 and made.aligned
  np.testing.assert_allclose(made.change, made.score, rtol=1e-5)
  assert made.faithful.all() and (made.random_change < .5 * made.change).all()
  assert made.classes == ('positive', 'positive')


def test_what_carries_nothing_is_not_called_faithful():
  x = np.ones((1, 1, 14, 14, 3))
  made = of_linear(np.full((1, 14, 14, 1), 1.), x)       # all places alike
  assert made.faithful.tolist() == [False]
  nothing = of_linear(np.zeros((1, 14, 14, 1)), x)
  assert nothing.change.tolist() == [0.] and not nothing.faithful.any()


def test_a_picture_of_no_known_face_has_a_grid():
  weights = np.zeros((1, 14, 14, 1))
  weights[:, 4:7, 11:] = 1.      # the second of four rows, the last column
  made = of_linear(weights, np.ones((1, 1, 14, 14, 3)), aligned=False)
  assert made.regions == ('row 2, column 4 of 4',) and not made.aligned


@pytest.mark.parametrize('size', [14, 28, 64])
def test_regions_divide_the_face_and_are_mirrored(size):
  regions = landmarks.face_regions(size, size)
  assert (np.sum(list(regions.values()), 0) == 1).all()
  for name in ('brow', 'eye', 'cheek', 'mouth corner'):
    np.testing.assert_array_equal(regions[f'left {name}'][:, ::-1],
                                  regions[f'right {name}'])
    assert regions[f'left {name}'][:, :size // 2].any()
  rows = {name: np.argwhere(mask)[:, 0].mean() for name, mask in regions.items()}
  assert (rows['forehead'] < rows['left brow'] < rows['left eye'] < rows['nose']
          < rows['upper lip'] < rows['lower lip'] < rows['chin'])
  for name, index in (('nose', 30), ('left eye', 37), ('chin', 8), ('upper lip', 51)):
    column, row = (landmarks.mean_face()[index] * size).astype(int)
    assert regions[name][row, column]


def test_random_regions_have_the_same_size_and_lie_elsewhere():
  moved = attribution.random_regions(MOUTH, np.random.default_rng(0))
  assert len(moved) == attribution.RANDOM
  assert (moved.sum((1, 2)) == MOUTH.sum()).all()
  assert ((moved & MOUTH).sum((1, 2)) <= MOUTH.sum() / 2).all()


def test_what_is_deleted_becomes_no_motion():
  x = np.arange(2 * 3 * 4 * 4 * 2, dtype=float).reshape(2, 3, 4, 4, 2)
  assert not attribution.deleted(x, FLOW).any()
  frames = attribution.deleted(x, Settings(kind='frames'))
  np.testing.assert_array_equal(frames[1, 2], x[1, 0])
  ready = Settings(kind='picture')
  level = attribution.deleted(x, ready)
  np.testing.assert_array_equal(level[1, 0, 0, 0], np.median(x[1], (0, 1, 2)))
  assert not attribution.deleted(x, ready._replace(centre='median')).any()


def test_landmarks_are_refused_with_what_is_drawn_instead():
  with pytest.raises(InputError, match='of pictures.*the actions are drawn instead'):
    attribution.check_kind(Settings(kind='landmarks'))
