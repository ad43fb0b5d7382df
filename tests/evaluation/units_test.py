"""Scores and references of action units, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from lightman_jax.evaluation import predict, references, scores, unit_references
from lightman_jax.inputs.pool import Content
from lightman_jax.tasks.action_units import encode


def drawn(seed=0, n=40, units=3):
  rng = np.random.default_rng(seed)
  return rng.random((2, n, units)) < .3


def test_f1_of_units_is_scikit_learns():
  truth, said = drawn()
  counts = scores.unit_confusion_by(np.arange(40) % 5, truth, said, groups=5)
  assert counts.shape == (5, 3, 2, 2) and counts.sum((-1, -2)).tolist() == [[8] * 3] * 5
  pooled = counts.sum(0)
  binary, macro = ([f1_score(truth[:, k], said[:, k], average=how) for k in range(3)]
                   for how in ('binary', 'macro'))
  np.testing.assert_allclose(scores.f1_binary(pooled), np.mean(binary))
  np.testing.assert_allclose(scores.f1_macro(pooled), np.mean(macro))
  # Leading axes are of several such counts.
  np.testing.assert_allclose(scores.f1_binary(counts),
                             [scores.f1_binary(own) for own in counts])


def test_always_has_the_f1_of_the_base_rate_and_never_has_none():
  """Binary F1 of 'always' is 2p / (1 + p), of 'never' 0; macro of it (2q/(1+q)) / 2."""
  truth = np.arange(20)[:, None] < np.array([[2, 5]])
  of = {name: scores.unit_confusion_by(np.zeros(20, int), truth, one.prediction,
                                       groups=1)[0]
        for name, one in unit_references.constants(20, 2).items()}
  rate = np.array([.1, .25])
  assert list(of) == ['constant', 'never']
  assert scores.f1_binary(of['constant']) == pytest.approx(
      (2 * rate / (1 + rate)).mean())
  assert scores.f1_macro(of['constant']) == pytest.approx((rate / (1 + rate)).mean())
  assert scores.f1_binary(of['never']) == 0
  assert scores.f1_macro(of['never']) == pytest.approx(
      ((1 - rate) / (2 - rate)).mean())


def test_probabilities_of_units_are_sigmoids_at_any_size():
  logits = np.array([[0., 2., -2.], [800., -800., 1.]])
  np.testing.assert_allclose(
      predict.probabilities(logits, True),
      [[.5, .8807970780, .1192029220], [1., 0., .7310585786]], atol=1e-9)
  np.testing.assert_allclose(predict.probabilities(logits[:1]).sum(), 1.)


def test_the_svm_of_units_is_one_svm_a_unit_of_training_clips_alone():
  rng = np.random.default_rng(0)
  acts = rng.random((24, 2)) < .5
  x = (acts @ rng.standard_normal((2, 6)) + .3 * rng.standard_normal((24, 6)))
  x, subject = x.astype(np.float32), np.arange(24) // 4
  test = np.stack([subject < 3, subject >= 3])
  content = Content('array', (1,) * 6, False)
  label = encode(acts, np.ones(24, bool))
  both = unit_references.svm(x, label, ~test, test, units=2, subject=subject,
                             content=content)
  for unit in range(2):
    alone = references.svm(x, acts[:, unit].astype(int), ~test, test, classes=2,
                           subject=subject, content=content)
    assert (both.prediction[:, unit] == (alone.prediction == 1)).all()
  assert len(both.penalty) == 4 and (both.prediction == acts).mean() > .8
  # Labels of the held-out clips of a fold have no part in what is said of them.
  changed = label.copy()
  changed[test[0]] = 0
  again = unit_references.svm(x, changed, ~test[:1], test[:1], units=2, subject=subject,
                              content=content)
  assert (again.prediction[test[0]] == both.prediction[test[0]]).all()
