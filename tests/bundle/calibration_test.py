"""Temperature and sets against known answers, and how often sets hold the class."""

import numpy as np
import pytest

from lightman_jax.bundle import calibration


def test_the_temperature_is_that_of_which_logits_were_made():
  rng = np.random.default_rng(0)
  logits = 2 * rng.standard_normal((20000, 3))
  odds = np.exp(calibration.log_softmax(logits, -1))
  truth = (rng.random((len(odds), 1)) > odds.cumsum(1)).sum(1)
  for heat in (.5, 1., 3.):
    assert calibration.temperature(heat * logits, truth) == pytest.approx(heat, rel=.05)


def test_the_threshold_by_hand():
  """Nine people of one clip each: at 90 % the greatest score, at 95 % none."""
  scores = np.arange(9) / 10
  names = [*'abcdefghi']
  assert calibration.threshold(scores, names) == .8
  assert calibration.threshold(scores, names, level=.5) == .4
  assert calibration.threshold(scores, names, level=.95) is None
  assert calibration.threshold(scores[:8], names[:8]) is None


def test_people_count_alike_whatever_they_have():
  """A hundred clips of one person weigh as much as the one of another."""
  scores = np.array([*[.1] * 100, .6])
  names = ['a'] * 100 + ['b']
  # Weights: 1/3 at .1, 1/3 at .6, 1/3 at 1.
  assert calibration.threshold(scores, names, level=1 / 3) == .1
  assert calibration.threshold(scores, names, level=.5) == .6
  assert calibration.threshold(scores, names, level=.7) is None


def test_sets_hold_the_most_probable_class_at_least():
  odds = np.array([[.6, .3, .1], [.4, .35, .25]])
  np.testing.assert_array_equal(calibration.in_sets(odds, .2), [[1, 0, 0], [1, 0, 0]])
  np.testing.assert_array_equal(calibration.in_sets(odds, .7), [[1, 1, 0], [1, 1, 0]])
  assert calibration.in_sets(odds, 1.).all()


def people(rng, count):
  """Clips of people who differ in how hard and how many they are."""
  logits, truth, person = [], [], []
  for number in range(count):
    clips = rng.integers(1, 15)
    own, hardness = rng.standard_normal(3), rng.gamma(2.)
    k = rng.integers(0, 3, clips)
    logits.append(2 * np.eye(3)[k] + own + hardness * rng.standard_normal((clips, 3)))
    truth.append(k)
    person += [f'p{number}'] * clips
  return np.concatenate(logits), np.concatenate(truth), person


def test_new_people_are_covered_as_often_as_it_says():
  """The mean over people of the share of their clips whose set holds the class.

  800 draws of 24 people, and 4 new ones: the standard error is about .004.
  """
  rng, shares, by_clips = np.random.default_rng(0), [], []
  for _ in range(800):
    logits, truth, person = people(rng, 24)
    odds = np.exp(calibration.log_softmax(logits, -1))
    scores = 1 - odds[np.arange(len(truth)), truth]
    limit = calibration.threshold(scores, person)
    clips = np.quantile(scores, .9)       # as if clips were people
    for _ in range(4):
      logits, truth, _ = people(rng, 1)
      odds = np.exp(calibration.log_softmax(logits, -1))
      mine = np.arange(len(truth)), truth
      shares.append(calibration.in_sets(odds, limit)[mine].mean())
      by_clips.append((1 - odds[mine] <= clips).mean())
  assert .89 <= np.mean(shares) <= .95
  assert np.mean(by_clips) < np.mean(shares)


def test_what_a_model_states():
  rng = np.random.default_rng(1)
  logits, truth, person = people(rng, 40)
  stated = calibration.calibrate(logits, truth, person)
  assert stated['people'] == 40 and stated['clips'] == len(truth)
  assert 0 < stated['threshold'] < 1 and 1 <= stated['classes_in_a_set'] <= 3
  assert .8 < stated['held_out'] <= 1
  few = calibration.calibrate(*people(rng, 5))
  assert few['threshold'] is None and '9 are needed' in few['why']


def test_a_run_is_read_without_the_fold_whose_model_it_is(tmp_path):
  lines = ['clip,subject,fold,truth,prediction,probability_a,probability_b']
  for n in range(12):
    lines += [f'c{n}{k},p{n},f{n},{k},a,0.{60 + n}0000,0.{40 - n}0000' for k in 'ab']
  (tmp_path / 'predictions.csv').write_text('\n'.join(lines) + '\n')
  every = calibration.of_run(tmp_path, ['a', 'b'])
  assert every['people'] == 12 and every['clips'] == 24
  assert calibration.of_run(tmp_path, ['a', 'b'], 'f3')['people'] == 11
  assert calibration.of_run(tmp_path / 'no', ['a', 'b']) is None
