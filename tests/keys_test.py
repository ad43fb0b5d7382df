"""A key is a function of seed, held-out subject, purpose and step, of nothing else."""

import itertools

import jax
import numpy as np
import pytest

from lightman_jax import keys
from lightman_jax.keys import Purpose

pytestmark = pytest.mark.usefixtures('strict')


def number(key) -> tuple[int, ...]:
  return tuple(jax.random.key_data(key).tolist())


def test_every_argument_counts_and_none_else():
  seen = {}
  for seed, subject, purpose, step in itertools.product(
      (0, 1), ('sub01', 'sub02', 'Ünï'), Purpose, (0, 1, 2**30)):
    key = lambda: keys.key_for(keys.fold_key(seed, subject), purpose, step)
    assert number(key()) == number(key())
    seen[seed, subject, purpose, step] = number(key())
  assert len(set(seen.values())) == len(seen)


def test_the_same_in_every_process_and_version():
  # Changing these changes every result ever published with a seed.
  assert number(keys.fold_key(0, 'sub01')) == (4020852873, 3545355912)
  assert number(keys.key_for(keys.fold_key(0, 'sub01'), Purpose.TASKS, 7)) == (
      2967956813, 348107808)
  assert [(purpose.name, int(purpose)) for purpose in Purpose] == [
      ('INIT', 0), ('TASKS', 1), ('AUGMENT', 2), ('ADAPT', 3), ('EVAL_SUPPORT', 4),
      ('EVAL_ADAPT', 5), ('EPISODE_MACRO', 6), ('EPISODE_ADAPT', 7),
      ('PRETRAIN', 8), ('MIXUP', 9)]


def test_a_step_may_be_traced():
  key = keys.fold_key(3, 'x')
  steps = np.arange(4)
  traced = jax.vmap(lambda step: keys.key_for(key, Purpose.TASKS, step))(steps)
  for step in steps:
    assert number(traced[step]) == number(keys.key_for(key, Purpose.TASKS, int(step)))


def test_the_greatest_seed():
  assert number(keys.fold_key(2**31 - 1, 'a')) != number(keys.fold_key(0, 'a'))
