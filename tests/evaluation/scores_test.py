"""Scores: by hand, against scikit-learn, and the constants of the literature."""

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest
from sklearn import metrics

from lightman_jax import registry
from lightman_jax.evaluation import scores

# MEGC2019 clips: negative, positive, surprise (See et al. 2019).
SMIC, CASME2, SAMM = (70, 51, 43), (88, 32, 25), (92, 26, 15)
COMPOSITE = tuple(sum(n) for n in zip(SMIC, CASME2, SAMM))


def always(choice, sizes):
  counts = np.zeros((len(sizes), len(sizes)), int)
  counts[:, choice] = sizes
  return counts


def test_counts_are_truth_by_prediction():
  counts = scores.confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), classes=3)
  np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])


def test_by_hand():
  counts = np.array([[3, 1], [2, 4]])
  np.testing.assert_allclose(scores.class_recall(counts), [3 / 4, 4 / 6])
  np.testing.assert_allclose(scores.class_precision(counts), [3 / 5, 4 / 5])
  np.testing.assert_allclose(scores.class_f1(counts), [6 / 9, 8 / 11])
  np.testing.assert_allclose(scores.uf1(counts), (6 / 9 + 8 / 11) / 2)
  np.testing.assert_allclose(scores.uar(counts), (3 / 4 + 4 / 6) / 2)
  np.testing.assert_allclose(scores.accuracy(counts), .7)


def test_constant_answer_has_the_published_scores():
  assert COMPOSITE == (250, 109, 83)
  counts = always(0, COMPOSITE)
  assert scores.uf1(counts) == pytest.approx(.2408, abs=5e-5)
  assert scores.accuracy(counts) == pytest.approx(.5656, abs=5e-5)
  assert scores.uar(counts) == pytest.approx(.3333, abs=5e-5)
  for sizes, expected in ((SMIC, .1994), (CASME2, .2518), (SAMM, .2726)):
    assert scores.uf1(always(0, sizes)) == pytest.approx(expected, abs=5e-5)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_agrees_with_scikit_learn(data):
  classes = data.draw(st.integers(2, 6))
  label = st.integers(0, classes - 1)
  pairs = data.draw(st.lists(st.tuples(label, label), min_size=1, max_size=60))
  truth, guess = np.array(pairs).T
  counts = scores.confusion(truth, guess, classes=classes)
  labels = range(classes)
  np.testing.assert_array_equal(
      counts, metrics.confusion_matrix(truth, guess, labels=labels))
  options = {'labels': labels, 'zero_division': 0}
  precision, recall, f1, _ = metrics.precision_recall_fscore_support(
      truth, guess, **options)
  np.testing.assert_allclose(scores.class_precision(counts), precision)
  np.testing.assert_allclose(scores.class_recall(counts), recall)
  np.testing.assert_allclose(scores.class_f1(counts), f1)
  np.testing.assert_allclose(
      scores.uf1(counts), metrics.f1_score(truth, guess, average='macro', **options))
  np.testing.assert_allclose(
      scores.uar(counts),
      metrics.recall_score(truth, guess, average='macro', **options))
  np.testing.assert_allclose(
      scores.accuracy(counts), metrics.accuracy_score(truth, guess))


def test_nothing_divided_by_nothing_is_nought():
  empty = np.zeros((3, 3), int)
  for score in (scores.uf1, scores.uar, scores.accuracy):
    assert score(empty) == 0
  # The absent third class takes its share in the mean.
  assert scores.uf1(np.diag([5, 5, 0])) == pytest.approx(2 / 3)


def test_pooling_counts_is_not_the_mean_of_fold_scores():
  folds = np.array([[[4, 0], [0, 0]], [[0, 1], [0, 1]]])
  assert scores.uf1(folds.sum(0)) != pytest.approx(scores.uf1(folds).mean())


def test_leading_axes():
  counts = np.random.default_rng(0).integers(0, 9, (2, 5, 4, 4))
  for score in (scores.uf1, scores.uar, scores.accuracy, scores.class_f1):
    np.testing.assert_allclose(score(counts)[1, 3], score(counts[1, 3]))


def test_groups_sum_to_the_whole():
  rng = np.random.default_rng(1)
  group, truth, guess = (rng.integers(0, n, 50) for n in (7, 3, 3))
  parts = scores.confusion_by(group, truth, guess, groups=7, classes=3)
  np.testing.assert_array_equal(
      parts.sum(0), scores.confusion(truth, guess, classes=3))


@pytest.mark.parametrize('truth, guess', [([-1], [0]), ([0], [3]), ([3], [0])])
def test_index_out_of_range_is_refused(truth, guess):
  with pytest.raises(ValueError, match='outside'):
    scores.confusion(np.array(truth), np.array(guess), classes=3)


def test_a_score_of_the_table_may_be_no_function_of_counts(monkeypatch):
  """Of what it takes and where it lies its own signature speaks, as from outside."""
  monkeypatch.setitem(registry.SCORES, 'kappa', 'examples.own_scores:kappa')
  kappa, uf1 = (scores.scores_of()[name] for name in ('kappa', 'uf1'))
  assert (kappa.takes, kappa.bounds) == (('truth', 'prediction', 'classes'), (-1., 1.))
  assert (uf1.takes, uf1.bounds) == (('counts',), (0., 1.))
  counts = np.array([[3, 1], [2, 4]])
  want = metrics.cohen_kappa_score([0] * 4 + [1] * 6, [0] * 3 + [1] + [0] * 2 + [1] * 4)
  np.testing.assert_allclose(kappa.of_counts(counts), want)
