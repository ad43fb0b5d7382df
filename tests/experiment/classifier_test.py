"""The estimator: scikit-learn's conventions, and our own numbers."""

import jax
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import LeaveOneGroupOut, cross_validate
from sklearn.svm import SVC

import lightman_jax as lm
from lightman_jax import keys
from lightman_jax.evaluation import references
from lightman_jax.inputs.pool import channel_scale
from lightman_jax.tasks.folds import make_folds

SMALL = {'model.width': 8, 'training.steps': 2, 'training.checkpoint_every': 2,
         'training.tasks': 1, 'evaluation.draws': 1, 'episodes.shots': 1,
         'episodes.queries': 1}


@pytest.fixture(scope='module')
def people():
  """X (32, 5), y, groups of 4 people: two classes that a line divides, with noise."""
  rng = np.random.default_rng(0)
  y = np.tile([0, 1], 16)
  X = rng.standard_normal((32, 5)) + y[:, None] * [1.5, 0, 0, .5, 0]
  return X.astype(np.float32), np.array(['joy', 'calm'])[y], np.repeat([*'abcd'], 8)


def test_parameters_are_those_of_scikit_learn():
  classifier = lm.Classifier(method='maml', random_state=3, **SMALL)
  assert classifier.get_params() == {'method': 'maml', 'random_state': 3, 'verbose': 0,
                                     **SMALL}
  copy = clone(classifier).set_params(method='ridge', **{'training.steps': 9})
  assert copy.get_params()['training.steps'] == 9 and copy.method == 'ridge'
  assert classifier.get_params()['training.steps'] == 2
  clone(lm.Classifier(random_state=jax.random.key(1)))


def test_a_name_that_is_no_method_names_the_nearest_linear_models_too(people):
  X, y, groups = people
  for wrong, right in (('rigde', 'ridge'), ('SVM', 'svm'), ('ridgeraw', 'ridge_raw'),
                       ('mamml', 'maml')):
    with pytest.raises(lm.InputError, match=f"nearest is '{right}' .*ridge, svm"):
      lm.Classifier(wrong).fit(X, y, groups)


def test_groups_are_needed(people):
  X, y, _ = people
  with pytest.raises(lm.InputError, match='fit needs groups.*groups=subjects'):
    lm.Classifier().fit(X, y)


@pytest.mark.parametrize('settings, words', [
    ({'training.stepz': 1}, "nearest is 'training.steps'"),
    ({'random_state': -1}, 'random_state is -1'),
    ({'random_state': 'x'}, "random_state is 'x'"),
    ({'random_state': (-1, 'a')}, 'the seed of random_state is -1'),
    ({'random_state': ('a', 0)}, r"random_state is \('a', 0\)"),
    ({'method': 'mamm'}, "nearest is 'maml'")])
def test_what_is_wrong_is_refused_by_fit(people, settings, words):
  X, y, groups = people
  with pytest.raises(lm.InputError, match=words):
    lm.Classifier(**{'method': 'maml', **SMALL, **settings}).fit(X, y, groups)


def test_ragged_arrays_are_refused():
  y, groups = ['joy', 'calm'] * 12, [*'abcd'] * 6
  rows = [[1., n] for n in range(24)]
  ragged = [[1, 2], [3]] * 12
  for X, labels, people, macro, words in (
      (ragged, y, groups, None, 'X is no array of numbers'),
      (rows, ragged, groups, None, 'y is no array'),
      (rows, y, ragged, None, 'groups is no array'),
      (rows, y, groups, ragged, 'macro is no array'),
      ([[10**400, 1]] * 24, y, groups, None, 'X is no array of numbers')):
    with pytest.raises(lm.InputError, match=words):
      lm.Classifier('ridge').fit(X, labels, people, macro)
  fitted = lm.Classifier('ridge_raw').fit(rows, y, groups)
  with pytest.raises(lm.InputError, match='X is no array of numbers'):
    fitted.predict(ragged)


def test_examples_of_another_shape_are_refused(people):
  X, y, groups = people
  ready = lm.Classifier('ridge').fit(X, y, groups)
  with pytest.raises(lm.InputError, match=r'\(3,\) and fit had \(5,\)'):
    ready.predict(X[:, :3])
  assert ready.predict(X[:0]).shape == (0,)
  with pytest.raises(NotFittedError):
    lm.Classifier('ridge').predict(X)


def test_ridge_raw_is_our_own_leave_one_subject_out(people):
  """Through scikit-learn's routing of groups, against the row of a run."""
  X, y, groups = people
  pool = lm.tasks.from_arrays(X, y, groups)
  folds = make_folds(pool, 'loso', folds=0, seed=0, dataset='arrays')
  train, test = (np.stack([getattr(fold, name) for fold in folds])
                 for name in ('train', 'test'))
  ours = references.ridge_raw(
      pool.x, pool.label, train, test, classes=2,
      scale=np.stack([channel_scale(pool, fold.train)[0] for fold in folds]))
  with sklearn.config_context(enable_metadata_routing=True):
    result = cross_validate(
        lm.Classifier(method='ridge_raw').set_fit_request(groups=True), X, y,
        cv=LeaveOneGroupOut(), params={'groups': groups}, return_estimator=True,
        error_score='raise')
  right = ours.prediction == pool.label
  want = [right[mask].mean() for mask in test]
  np.testing.assert_allclose(result['test_score'], want)
  assert .6 < np.mean(want) < 1                     # it can tell, and not all
  for mask, one in zip(test, result['estimator']):
    np.testing.assert_array_equal(one.predict(X[mask]),
                                  one.classes_[ours.prediction[mask]])
    np.testing.assert_allclose(one._linear(X[mask]).scores[-8:], ours.scores[mask],
                               rtol=1e-5)


@pytest.mark.parametrize('method, grid', [('svm', references.COSTS),
                                          ('ridge', references.PENALTIES)])
def test_linear_models_choose_a_penalty_and_are_scikit_learns(people, method, grid):
  X, y, groups = people
  ready = lm.Classifier(method).fit(X[:24], y[:24], groups=groups[:24])
  assert ready.penalty_ in grid
  rms = np.sqrt(np.mean(X[:24].astype(float) ** 2, 0))
  rows = X / rms
  norm = np.linalg.norm(rows[:24], axis=1).mean()
  if method == 'svm':
    model = SVC(kernel='linear', C=ready.penalty_, class_weight='balanced')
  else:
    centred = rows[:24] / norm
    centred = centred - centred.mean(0)       # both classes have 12
    model = RidgeClassifier(
        alpha=ready.penalty_ * (centred ** 2).sum(1).mean(), class_weight='balanced')
  model.fit(rows[:24] / norm, y[:24])
  np.testing.assert_array_equal(ready.predict(X), model.predict(rows / norm))
  decision = model.decision_function(rows / norm)
  np.testing.assert_allclose(ready._linear(X).scores[-len(X):, 1], decision, atol=1e-3)
  assert ready.predict_proba(X).shape == (len(X), 2)
  # Another fit chooses anew.
  ready.set_params(method='ridge_raw').fit(X, y, groups=groups)
  assert ready.penalty_ == .1


@pytest.mark.parametrize('shape', ['pair', 'key'])
def test_a_network_is_that_of_our_own_fold(people, shape, capsys):
  """Draws go by the places of the clips, so the held-out person's come last."""
  X, y, groups = people
  settings = lm.array_settings((5,), method='protonet', **SMALL)
  fold = lm.folds(settings, lm.tasks.from_arrays(X, y, groups))[3]
  assert fold.name == 'd' and fold.test[-8:].all()
  state = (0, 'd')
  if shape == 'key':       # of the fold; whom tasks divide goes by it, too
    state = keys.fold_key(0, 'd')
    rng = np.random.default_rng(np.asarray(jax.random.key_data(state)).tolist())
    from lightman_jax.experiment import notebook
    from lightman_jax.tasks.folds import Fold
    fold = notebook.fold_of(state, settings, fold.pool,
                            Fold('d', fold.train, fold.test), rng=rng)
  params = lm.train(settings, fold, verbose=False)
  theirs = lm.Classifier('protonet', random_state=state, verbose=int(shape == 'key'),
                         **SMALL).fit(X[:-8], y[:-8], groups=groups[:-8])
  shown = capsys.readouterr().err
  assert ('train: 2/2, loss ' in shown) == bool(shown) == (shape == 'key')
  jax.tree.map(np.testing.assert_array_equal, theirs.params_, params)
  np.testing.assert_allclose(theirs.predict_proba(X[-8:]),
                             lm.predict(settings, fold, params), rtol=1e-5)
  assert theirs.score(X[-8:], y[-8:]) == np.mean(theirs.predict(X[-8:]) == y[-8:])


def test_macro_expressions_are_aligned_with_and_not_predicted(people):
  X, y, groups = people
  macro = np.arange(len(X)) % 8 < 2
  settings = {**SMALL, 'macro.clips': 2}
  ready = lm.Classifier('lightman', **settings).fit(X, y, groups, macro=macro)
  assert ready._fold.pool.macro.sum() == 8
  assert set(ready.predict(X)) <= set(y)
