"""Reference rows: against scikit-learn, and blind to what is held out."""

import functools

import numpy as np
import pytest
from sklearn import linear_model, svm

from lightman_jax.errors import InputError
from lightman_jax.evaluation import references, scores, solvers
from lightman_jax.faces import landmarks
from lightman_jax.inputs.inputs import Settings, describe_content
from lightman_jax.inputs.pool import Content, Stored
from lightman_jax.tasks.folds import spread_evenly


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch):
  """Pictures of these tests are small, and halved as large ones are."""
  monkeypatch.setattr(references, 'CELLS', 1)


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
def test_ridge_raw_is_scikit_learns(clips, dims, classes, relative):
  x, label, train, test = data(1, clips=clips, dims=dims, classes=classes)
  got = references.ridge_raw(x, label, train, test, classes=classes,
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


def test_ridge_raw_of_a_fold_without_one_class():
  x, label, train, test = data(2)
  train[0] &= label != 1
  got = references.ridge_raw(x, label, train, test, classes=3)
  assert np.all(got.prediction[test[0]] != 1)
  assert np.all(got.scores[test[0]][:, 1] == -np.inf)
  model = linear_model.RidgeClassifier(
      alpha=alpha(x[train[0]], label[train[0]], .1), class_weight='balanced')
  model.fit(x[train[0]], label[train[0]])
  np.testing.assert_array_equal(got.prediction[test[0]], model.predict(x[test[0]]))


def test_ridge_raw_is_in_pieces_what_it_is_at_once(monkeypatch):
  x, label, train, test = data(3)
  whole = references.ridge_raw(x.astype(np.float32), label, train, test, classes=3)
  monkeypatch.setattr(solvers, 'COLUMNS', 7)
  parts = references.ridge_raw(x.astype(np.float32), label, train, test, classes=3)
  np.testing.assert_allclose(whole.scores, parts.scores, atol=1e-10)


def test_each_fold_scales_its_own_channels():
  x, label, train, test = data(8, dims=96)
  x = x.reshape(len(x), 4, 8, 3) * np.array([1., 10., .1])
  scale = np.random.default_rng(9).uniform(.5, 5., (len(train), 3)).astype(np.float32)
  got = references.ridge_raw(x, label, train, test, classes=3, scale=scale)
  for n, held_out in enumerate(test):
    own = references.ridge_raw(x / scale[n], label, train[n:n + 1], test[n:n + 1],
                           classes=3)
    np.testing.assert_allclose(got.scores[held_out], own.scores[held_out], atol=1e-9)


def test_held_out_inputs_and_labels_do_not_reach_the_fit():
  """NaN in one held-out clip; the other clips of its fold keep every bit."""
  x, label, train, test = (part.copy() for part in data(4))
  train, test = train[:1], test[:1]
  clean = references.ridge_raw(x, label, train, test, classes=3)
  poisoned = np.flatnonzero(test[0])[0]
  x[poisoned], label[poisoned] = np.nan, -1
  got = references.ridge_raw(x, label, train, test, classes=3)
  rest = np.flatnonzero(test[0])[1:]
  assert rest.size
  np.testing.assert_array_equal(got.scores[rest], clean.scores[rest])
  assert np.isnan(got.scores[poisoned]).all()


def test_nan_in_a_training_clip_is_named():
  x, label, train, test = data(5)
  x[7, 3] = np.nan
  with pytest.raises(InputError, match='clip number 7'):
    references.ridge_raw(x, label, train, test, classes=3)


def test_identical_training_clips():
  _, label, train, test = data(6)
  got = references.ridge_raw(np.ones((len(label), 4)), label, train, test, classes=3)
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
  linear = references.ridge_raw(x, own, ~test, test, classes=3)
  most = references.constant(own, ~test, test, classes=3)
  for number in range(3):
    one = slice(number, number + 1)
    for got, alone in (
        (linear, references.ridge_raw(x, own[number], ~test[one], test[one],
                                      classes=3)),
        (most, references.constant(own[number], ~test[one], test[one], classes=3))):
      np.testing.assert_allclose(got.scores[test[number]], alone.scores[test[number]])


# Ridge and SVM on local means of clips and their mirror images.

PICTURES = describe_content(Settings('picture', holds='flow'), 3)
ARRAYS = Content('array', (1,) * 4, False)


@functools.lru_cache
def pictures(seed=0, *, clips=48, subjects=6, classes=3):
  """x (N, 1, 6, 6, 3), whose levels mean nothing, label, subject and masks."""
  rng = np.random.default_rng(seed)
  label = np.arange(clips) % classes
  x = rng.standard_normal((clips, 1, 6, 6, 3)) * [1, 2, .5]
  x += .8 * rng.standard_normal((classes, 1, 6, 6, 3))[label]
  x += 3 * rng.standard_normal((clips, 1, 1, 1, 3))
  subject = rng.permutation(np.arange(clips) % subjects)
  test = subject == np.arange(subjects)[:, None]
  return x.astype(np.float32), label, subject, ~test, test


def by_hand(x):
  """Means of 2 x 2, less the median of each channel; and what a mirror makes of it."""
  means = x.reshape(len(x), 3, 2, 3, 2, 3).mean((2, 4))
  means = means - np.median(means, (1, 2), keepdims=True)
  return means, means[:, :, ::-1] * [-1, 1, 1]


def augmented(x, fit):
  """Rows of clips and of mirror images in units of a fold's training clips."""
  means, flipped = by_hand(x)
  rms = np.sqrt((means[fit] ** 2).mean((0, 1, 2)))
  rows, mirrored = ((part / rms).reshape(len(x), -1) for part in (means, flipped))
  norm = np.linalg.norm(rows[fit], axis=1).mean()
  return rows / norm, mirrored / norm


@pytest.mark.parametrize('cost', [.3, 3.])
def test_svm_is_scikit_learns_on_clips_and_mirror_images(cost):
  x, label, subject, train, test = pictures()
  got = references.svm(x, label, train, test, classes=3, subject=subject,
                       content=PICTURES, costs=(cost,))
  assert got.penalty == (cost,) * 6
  for fit, held_out in zip(train, test):
    rows, mirrored = augmented(x, fit)
    model = svm.SVC(kernel='linear', C=cost, class_weight='balanced', tol=1e-6)
    model.fit(np.r_[rows[fit], mirrored[fit]], np.r_[label[fit], label[fit]])
    decision = (model.decision_function(rows[held_out])
                + model.decision_function(mirrored[held_out])) / 2
    np.testing.assert_allclose(got.scores[held_out], decision, atol=5e-3)
    np.testing.assert_array_equal(got.prediction[held_out], decision.argmax(1))


@pytest.mark.parametrize('relative', [.1, 3.])
def test_ridge_is_scikit_learns_on_clips_and_mirror_images(relative):
  x, label, subject, train, test = pictures(1)
  got = references.ridge(x, label, train, test, classes=3, subject=subject,
                         content=PICTURES, penalties=(relative,))
  for fit, held_out in zip(train, test):
    rows, mirrored = augmented(x, fit)
    # Of two copies the loss is twice that of one; so is the penalty.
    penalty = 2 * alpha((rows + mirrored)[fit] / 2, label[fit], relative)
    model = linear_model.RidgeClassifier(alpha=penalty, class_weight='balanced')
    model.fit(np.r_[rows[fit], mirrored[fit]], np.r_[label[fit], label[fit]])
    decision = (model.decision_function(rows[held_out])
                + model.decision_function(mirrored[held_out])) / 2
    np.testing.assert_allclose(got.scores[held_out], decision, atol=1e-5)


def test_a_known_zero_stays():
  """Flow in pixels is not centred: only a shift of ready pictures changes nothing."""
  x, label, subject, train, test = pictures()
  shifted = x + np.random.default_rng(0).normal(size=(len(x), 1, 1, 1, 3)).astype('f')
  arguments = dict(classes=3, subject=subject, models={'ridge': (1.,)})
  for content, same in ((PICTURES, True),
                        (describe_content(Settings('flow'), 3), False)):
    one, other = (references.linear(z, label, train, test, content=content,
                                    **arguments)['ridge'].scores for z in (x, shifted))
    assert np.allclose(one, other, atol=1e-4) == same


def test_landmarks_are_mirrored_and_arrays_are_not():
  rng = np.random.default_rng(2)
  label, subject = np.arange(24) % 2, np.arange(24) % 4
  test = subject == np.arange(4)[:, None]
  points = rng.standard_normal((24, 2, 68, 2)).astype(np.float32)
  points += label[:, None, None, None]
  content = describe_content(Settings('landmarks'), 2)
  of = lambda x, kind: references.svm(
      x, label, ~test, test, classes=2, subject=subject, content=kind, costs=(1.,))
  flipped = (points[:, :, landmarks.MIRROR] * [-1, 1]).astype(np.float32)
  np.testing.assert_allclose(of(points, content).scores, of(flipped, content).scores,
                             atol=1e-6)
  rows = rng.standard_normal((24, 5)).astype(np.float32) + label[:, None]
  got = of(rows, ARRAYS)
  for held_out in test:
    unit = rows / np.linalg.norm(rows[~held_out], axis=1).mean()
    model = svm.SVC(kernel='linear', class_weight='balanced', tol=1e-6).fit(
        unit[~held_out], label[~held_out])
    np.testing.assert_allclose(got.scores[held_out, 1],
                               model.decision_function(unit[held_out]), atol=5e-3)


@pytest.mark.parametrize('side, cells', [(64, 32), (28, 14), (27, 27), (14, 14),
                                         (7, 7)])
def test_small_pictures_are_not_made_smaller(side, cells):
  weights = solvers.area_weights(side, 14)
  assert weights.shape == (cells, side)
  np.testing.assert_allclose(weights.sum(1), 1.)


def test_local_means_of_an_odd_side_are_symmetric():
  np.testing.assert_allclose(solvers.area_weights(5, 1), [
      [.4, .4, .2, 0, 0], [0, 0, .2, .4, .4]])
  np.testing.assert_allclose(solvers.area_weights(4, 1), [[.5, .5, 0, 0],
                                                           [0, 0, .5, .5]])
  np.testing.assert_array_equal(solvers.area_weights(1, 1), [[1.]])


@pytest.mark.parametrize('name', ['ridge', 'svm'])
def test_penalties_are_those_by_which_training_people_predict_each_other(name):
  """Every penalty by itself on the inner splits, as runs of one penalty; and pooled."""
  x, label, subject, train, test = pictures(3)
  grid = {'ridge': (.003, 3., 30.), 'svm': (.001, .3, 30.)}[name]
  got = references.linear(x, label, train, test, classes=3, subject=subject,
                          content=PICTURES, models={name: grid})[name]
  for number, fit in enumerate(train):
    people = np.unique(subject[fit])
    counts = np.array([[((label == k) & (subject == s)).sum() for s in range(6)]
                       for k in range(3)])
    parts = spread_evenly(counts[:, people], range(5), 5)
    inner = np.stack([np.isin(subject, people[part]) for part in parts])
    rows, mirrored = augmented(x, fit)
    uf1 = []
    for penalty in grid:
      answers = np.full(len(x), -1)
      for part in inner:
        own = fit & ~part
        if name == 'svm':
          model = svm.SVC(kernel='linear', C=2 * penalty, class_weight='balanced')
        else:
          model = linear_model.RidgeClassifier(class_weight='balanced', alpha=alpha(
              (rows + mirrored)[own] / 2, label[own], penalty))
        model.fit((rows + mirrored)[own] / 2, label[own])
        answers[part] = model.predict((rows + mirrored)[part] / 2)
      uf1.append(scores.uf1(scores.confusion(label[fit], answers[fit], classes=3)))
    assert got.penalty[number] == grid[int(np.argmax(np.round(uf1, 9)))]
  assert set(got.penalty) != {grid[0]}      # which is what ties would give


@pytest.mark.parametrize('name', ['ridge', 'svm'])
def test_whoever_is_held_out_chooses_nothing(name):
  x, label, subject, train, test = (part.copy() for part in pictures(4))
  train, test = train[:1], test[:1]
  arguments = dict(classes=3, subject=subject, content=PICTURES,
                   models={name: references.CHOICES[name]})
  clean = references.linear(x, label, train, test, **arguments)[name]
  first, *rest = np.flatnonzero(test[0])
  x[first], label[first] = np.nan, -1
  got = references.linear(x, label, train, test, **arguments)[name]
  np.testing.assert_array_equal(got.scores[rest], clean.scores[rest])
  assert got.penalty == clean.penalty and np.isnan(got.scores[first]).all()
  x[3 if train[0, 3] else 4] = np.nan
  with pytest.raises(InputError, match='not finite, and fold number 0 trains on it'):
    references.linear(x, label, train, test, **arguments)


@pytest.mark.parametrize('name', ['ridge', 'svm'])
def test_a_class_that_is_not_trained_is_not_predicted(name):
  x, label, subject, train, test = (part.copy() for part in pictures(5))
  train[0] &= label != 1
  train[1] &= label == 2
  got = references.linear(x, label, train, test, classes=3, subject=subject,
                          content=PICTURES)[name]
  assert np.all(got.scores[test[0], 1] == -np.inf)
  assert np.all(got.prediction[test[1]] == 2)


def test_clips_beside_the_micro_ones_have_weights_and_a_scale_of_their_own():
  x, label, subject, train, test = pictures(6)
  rng = np.random.default_rng(6)
  rows = rng.standard_normal((48, 4)).astype(np.float32) + label[:, None]
  beside = 5 * rng.standard_normal((10, 4)).astype(np.float32)
  theirs = np.arange(10) % 2
  weight = .25 * (rng.integers(0, 6, 10) != np.arange(6)[:, None])
  of = lambda weight: references.ridge(
      rows, label, train, test, classes=3, subject=subject, content=ARRAYS,
      penalties=(1.,), extra=references.Extra(beside, theirs, np.full(10, 9), weight))
  got, without = of(weight), references.ridge(
      rows, label, train, test, classes=3, subject=subject, content=ARRAYS,
      penalties=(1.,))
  np.testing.assert_allclose(of(0 * weight).scores, without.scores)
  scaled = lambda part, own: part / np.linalg.norm(own, axis=1).mean()
  for number, (fit, held_out) in enumerate(zip(train, test)):
    used = weight[number] > 0
    both = np.r_[scaled(rows[fit], rows[fit]), scaled(beside[used], beside[used])]
    labels = np.r_[label[fit], theirs[used]]
    each = np.r_[fit.sum() / 3 / np.bincount(label[fit])[label[fit]],
                 .25 * used.sum() / 2 / np.bincount(theirs[used])[theirs[used]]]
    centred = both - np.average(both, axis=0, weights=each)
    model = linear_model.RidgeClassifier(
        alpha=np.mean(each * (centred ** 2).sum(1)))
    model.fit(both, labels, sample_weight=each)
    want = model.decision_function(scaled(rows[held_out], rows[fit]))
    np.testing.assert_allclose(got.scores[held_out], want, atol=1e-6)


def test_of_many_clips_some_are_fitted_to_and_all_are_predicted(monkeypatch):
  x, label, subject, train, test = pictures(7)
  monkeypatch.setattr(references, 'MOST', 30)
  monkeypatch.setattr(solvers, 'SVM_MOST', 20)
  monkeypatch.setattr(references, 'INNER_MOST', 24)
  monkeypatch.setattr(references, 'CHUNK_BYTES', 4 * 108 * 7)
  some = references.linear(x, label, train, test, classes=3, subject=subject,
                           content=PICTURES)
  kept = np.zeros(48, bool)
  kept[solvers.draw_numbers(48, 30)] = True
  monkeypatch.setattr(references, 'MOST', 8192)
  alone = references.linear(x, label, train & kept, test, classes=3, subject=subject,
                            content=PICTURES)
  for name in ('ridge', 'svm'):
    assert np.isfinite(some[name].scores).all()
    np.testing.assert_allclose(some[name].scores, alone[name].scores, atol=1e-6)


@pytest.mark.parametrize('known', [True, False])
def test_macro_clips_alone(known, pool_of):
  """Blind to every micro clip but the predicted one, whose amplitude says nothing."""
  pool = pool_of(subjects=5, micro=3, macro=3, classes=3, shape=(1, 4, 4, 3),
                 signal=3.)
  content = Content('flow' if known else 'picture', (-1, 1, 1), known)
  train = pool.subject != np.arange(5)[:, None]
  test = ~train & ~pool.macro

  def answers(x, label=pool.label):
    return references.macro_only(
        x.astype(np.float32), label, pool.macro, train, test, classes=3,
        subject=pool.subject, content=content)
  # As micro clips are: a tenth as strong. Another level is none where it is not known.
  weak = np.where(pool.macro[:, None, None, None, None], pool.x, pool.x / 10)
  weak += 0 if known else np.array([.5, -.2, .1])
  whole = answers(weak)
  assert (whole.prediction == pool.label)[~pool.macro].mean() > .9
  assert (whole.prediction[pool.macro] == -1).all()
  # In the first fold all micro clips of others, and macro clips of who is held out.
  blind = (pool.macro == (pool.subject == 0))[:, None, None, None, None]
  spoilt = np.where(blind, 7., weak)
  np.testing.assert_array_equal(answers(spoilt).scores[test[0]], whole.scores[test[0]])
  np.testing.assert_allclose(answers(weak * 50).scores[~pool.macro],
                             whole.scores[~pool.macro], rtol=1e-3, atol=1e-3)
  label = np.where(pool.macro & (pool.label > 0), -1, pool.label)
  assert answers(weak, label) is None


def test_unit_clips_in_files_are_those_in_memory(tmp_path, pool_of):
  pool = pool_of(subjects=2, micro=2, macro=0, shape=(1, 4, 4, 3))
  np.save(tmp_path / 'x.npy', pool.x)
  stored = references.unit_clips(Stored.open(tmp_path / 'x.npy'), pool.content)
  whole = references.unit_clips(pool.x, pool.content)
  np.testing.assert_array_equal(stored[np.array([2, 0])], whole[[2, 0]])
  np.testing.assert_allclose(np.square(whole).mean((1, 2, 3, 4)), 1, rtol=1e-5)
  assert len(stored) == len(whole) and stored.shape == whole.shape
