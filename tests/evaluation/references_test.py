"""Reference rows: against scikit-learn, and blind to what is held out."""

import numpy as np
import pytest
from sklearn import linear_model

from lightman_jax.errors import InputError
from lightman_jax.evaluation import references


def data(seed=0, *, clips=40, dims=100, classes=3, subjects=6):
  rng = np.random.default_rng(seed)
  label = rng.choice(classes, clips, p=np.r_[.6, np.full(classes - 1,
                                                       .4 / (classes - 1))])
  label[:classes] = range(classes)
  x = rng.standard_normal((clips, dims)) + label[:, None] * rng.standard_normal(dims)
  subject = rng.integers(0, subjects, clips)
  test = subject == np.arange(subjects)[:, None]
  return x + 3., label, ~test, test


def alpha(x, label, relative):
  """The penalty as the docstring defines it, from the inputs themselves."""
  size = np.bincount(label)
  weight = (len(label) / np.maximum(size, 1) / np.count_nonzero(size))[label]
  centred = x - np.average(x, axis=0, weights=weight)
  return relative * np.mean(weight * (centred ** 2).sum(1))


@pytest.mark.parametrize('relative', [.01, .1, 3.])
@pytest.mark.parametrize('clips, dims, classes',
                         [(40, 100, 3), (60, 7, 5), (30, 50, 2)])
def test_ridge_is_scikit_learns(clips, dims, classes, relative):
  x, label, train, test = data(1, clips=clips, dims=dims, classes=classes)
  got = references.ridge(x, label, train, test, classes=classes,
                         relative_penalty=relative)
  for fit, held_out in zip(train, test):
    model = linear_model.RidgeClassifier(
        alpha=alpha(x[fit], label[fit], relative), class_weight='balanced')
    model.fit(x[fit], label[fit])
    expected = model.decision_function(x[held_out])
    if classes == 2:
      expected = np.stack([-expected, expected], 1)
    np.testing.assert_allclose(got.scores[held_out][:, model.classes_], expected,
                               atol=1e-8)
    np.testing.assert_array_equal(got.prediction[held_out],
                                  model.predict(x[held_out]))


def test_ridge_of_a_fold_without_one_class():
  x, label, train, test = data(2)
  train[0] &= label != 1
  got = references.ridge(x, label, train, test, classes=3)
  assert np.all(got.prediction[test[0]] != 1)
  assert np.all(got.scores[test[0]][:, 1] == -np.inf)
  model = linear_model.RidgeClassifier(
      alpha=alpha(x[train[0]], label[train[0]], .1), class_weight='balanced')
  model.fit(x[train[0]], label[train[0]])
  np.testing.assert_array_equal(got.prediction[test[0]], model.predict(x[test[0]]))


def test_ridge_is_in_pieces_what_it_is_at_once(monkeypatch):
  x, label, train, test = data(3)
  whole = references.ridge(x.astype(np.float32), label, train, test, classes=3)
  monkeypatch.setattr(references, 'COLUMNS', 7)
  parts = references.ridge(x.astype(np.float32), label, train, test, classes=3)
  np.testing.assert_allclose(whole.scores, parts.scores, atol=1e-10)


def test_each_fold_scales_its_own_channels():
  x, label, train, test = data(8, dims=96)
  x = x.reshape(len(x), 4, 8, 3) * np.array([1., 10., .1])
  scale = np.random.default_rng(9).uniform(.5, 5., (len(train), 3)).astype(np.float32)
  got = references.ridge(x, label, train, test, classes=3, scale=scale)
  for n, held_out in enumerate(test):
    own = references.ridge(x / scale[n], label, train[n:n + 1], test[n:n + 1],
                           classes=3)
    np.testing.assert_allclose(got.scores[held_out], own.scores[held_out], atol=1e-9)


def test_held_out_inputs_and_labels_do_not_reach_the_fit():
  """NaN in one held-out clip; the other clips of its fold keep every bit."""
  x, label, train, test = (part.copy() for part in data(4))
  train, test = train[:1], test[:1]
  clean = references.ridge(x, label, train, test, classes=3)
  poisoned = np.flatnonzero(test[0])[0]
  x[poisoned], label[poisoned] = np.nan, -1
  got = references.ridge(x, label, train, test, classes=3)
  rest = np.flatnonzero(test[0])[1:]
  assert rest.size
  np.testing.assert_array_equal(got.scores[rest], clean.scores[rest])
  assert np.isnan(got.scores[poisoned]).all()


def test_nan_in_a_training_clip_is_named():
  x, label, train, test = data(5)
  x[7, 3] = np.nan
  with pytest.raises(InputError, match='clip number 7'):
    references.ridge(x, label, train, test, classes=3)


def test_identical_training_clips():
  _, label, train, test = data(6)
  got = references.ridge(np.ones((len(label), 4)), label, train, test, classes=3)
  assert np.isfinite(got.scores[test.any(0)]).all()


def test_constant_takes_the_folds_own_majority():
  label = np.array([0, 0, 1, 1, 1, 2])
  test = np.array([[1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]], bool)
  train = np.array([[0, 1, 1, 1, 1, 1], [1, 1, 0, 0, 1, 1]], bool)
  got = references.constant(label, train, test, classes=3)
  np.testing.assert_array_equal(got.prediction, [1, -1, 0, 0, -1, -1])
  np.testing.assert_allclose(got.scores[2], [.5, .25, .25])
  assert np.isnan(got.scores[1]).all()


def test_constant_of_a_tie_is_the_first_class():
  label = np.array([1, 0, 1, 0, 2])
  test = np.arange(5)[None] == 4
  got = references.constant(label, ~test, test, classes=3)
  assert got.prediction[4] == 0


@pytest.mark.parametrize('fault', ['both', 'twice', 'label', 'empty'])
def test_masks_are_checked(fault):
  _, label, train, test = (part.copy() for part in data(7))
  if fault == 'both':
    train |= test
  elif fault == 'twice':
    test[1] |= test[0]
    train[1] &= ~test[0]
  elif fault == 'label':
    label[3] = -1
  else:
    train[0] = False
  with pytest.raises(ValueError):
    references.constant(label, train, test, classes=3)


def test_labels_of_a_folds_own():
  """As if each fold had been alone with its labels."""
  rng = np.random.default_rng(0)
  x, test = rng.standard_normal((12, 2, 3)), np.arange(12) // 4 == np.arange(3)[:, None]
  own = rng.integers(0, 3, (3, 12))
  own[:, [0, 4, 8]], own[:, [1, 5, 9]], own[:, [2, 6, 10]] = 0, 1, 2
  linear = references.ridge(x, own, ~test, test, classes=3)
  most = references.constant(own, ~test, test, classes=3)
  for number in range(3):
    one = slice(number, number + 1)
    for got, alone in (
        (linear, references.ridge(x, own[number], ~test[one], test[one], classes=3)),
        (most, references.constant(own[number], ~test[one], test[one], classes=3))):
      np.testing.assert_allclose(got.scores[test[number]], alone.scores[test[number]])
