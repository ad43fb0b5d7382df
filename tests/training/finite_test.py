"""A chunk with a value that is not finite is refused, by fold, step and tensor."""

from typing import NamedTuple

import numpy as np
import pytest

from lightman_jax.training.fault import first_fault
from lightman_jax.training.finite import NotFinite, check_finite, join_names
from lightman_jax.training.state import TrainState


class Named(NamedTuple):
  """Stands for a fold's data, of which only the name is looked at."""
  name: str


FOLDS = [Named('ann'), Named('bob')]


def states(step, w):
  return TrainState(np.full(2, step, np.int32), {'head': np.array(w, np.float32)}, ())


def chunk(**broken):
  scalars = {'query_loss': np.ones((2, 4)), 'gradient_norm': np.ones((2, 4))}
  for name, place in broken.items():
    scalars[name][place] = np.nan
  return scalars


def refused(scalars, after=((1., 2.), (3., 4.))):
  with pytest.raises(NotFinite) as error:
    check_finite(FOLDS, states(8, [[1., 2.], [3., 4.]]), states(12, after), scalars,
                 'runs/a/checkpoints/8')
  return error.value


def test_finite_values_pass():
  check_finite(FOLDS, states(8, np.ones((2, 2))), states(12, np.ones((2, 2))), chunk(),
               '')


def test_the_first_step_is_named_and_the_state_before_is_kept():
  error = refused(chunk(query_loss=(1, 2), gradient_norm=(1, 1)))
  for words in ('fold bob', 'gradient_norm is', 'step 10', 'of step 8',
                'runs/a/checkpoints/8', 'method.inner_rate'):
    assert words in str(error)
  np.testing.assert_array_equal(error.broken.state.params['head'], [3., 4.])
  assert error.broken.state.step == 8 and 'query_loss' not in str(error)


def test_a_weight_that_overflows_in_the_last_update_is_never_saved():
  error = refused(chunk(), [[1., 2.], [np.inf, 4.]])
  assert 'fold bob' in str(error) and 'params/head' in str(error)
  assert 'step 12' in str(error)


def test_there_is_no_checkpoint_before_the_first():
  with pytest.raises(NotFinite, match='no checkpoint yet'):
    check_finite(FOLDS, states(0, np.ones((2, 2))), states(4, np.ones((2, 2))),
                 chunk(query_loss=(0, 0)), '')


def test_a_checkpoint_may_be_older_than_the_state_before():
  with pytest.raises(NotFinite, match='of step 4, is runs/a/checkpoints/4'):
    check_finite(FOLDS, states(8, np.ones((2, 2))), states(12, np.ones((2, 2))),
                 chunk(query_loss=(0, 0)), 'runs/a/checkpoints/4', saved=4)


def test_many_names_are_counted():
  assert join_names('ab') == 'a, b'
  assert join_names('abcde') == 'a, b, c and 2 more'


def seen(**broken):
  values = {'input': np.ones((3, 2)), 'loss': {'query': np.ones(3)},
            'gradient': {'w': np.ones((3, 2))}, 'key': np.zeros((3, 2), np.uint32)}
  for kind, number in broken.items():
    x = next(iter(values[kind].values())) if isinstance(values[kind], dict) else (
        values[kind])
    x[number] = np.inf
  return values


def test_the_first_task_is_blamed_and_tensors_come_as_they_arise():
  after = states(1, np.full((2, 2), np.nan))
  assert first_fault(seen(gradient=1, loss=1), after) == (
      2, ('loss/query', 'gradient/w'))
  assert first_fault(seen(input=2, gradient=2), after)[1] == ('input', 'gradient/w')
  assert first_fault(seen(), after) == (0, ('update/params/head',))
  assert first_fault(seen(), states(1, np.ones((2, 2)))) == (0, ())
