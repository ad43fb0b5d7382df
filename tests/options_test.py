"""What can be set is read from dataclasses and signatures alike."""

import dataclasses
from typing import Annotated, Literal

import pytest

from lightman_jax.errors import InputError
from lightman_jax.options import (
  Option,
  Range,
  check_option,
  option,
  read_options,
  suggestion,
)


@dataclasses.dataclass(frozen=True)
class Written:
  """A method as a dataclass."""
  rate: float = option(.1, 'a step', range=(0., 1.))
  rule: str = option('mean', choices=('mean', 'max'))
  deep: bool = False


def typed(net, *, rate: Annotated[float, Range(0., 1.), 'a step'] = .1,
          rule: Literal['mean', 'max'] = 'mean', deep: bool = False):
  """A method as a function."""


def test_a_dataclass_and_a_function_say_the_same():
  assert read_options(Written) == read_options(typed) == {
      'rate': Option('rate', .1, (), Range(0., 1.), 'a step'),
      'rule': Option('rule', 'mean', ('mean', 'max')),
      'deep': Option('deep', False)}


def without_default(net, *, rate: float):
  """An option that a configuration cannot leave out."""


def with_a_list(net, *, widths: tuple = (1, 2)):
  """An option that no flag can give."""


@pytest.mark.parametrize('of, words', [
    (without_default, 'without_default: its setting rate has no default'),
    (with_a_list, r'widths has the default \(1, 2\)')])
def test_what_cannot_be_a_setting(of, words):
  with pytest.raises(InputError, match=words):
    read_options(of)


@pytest.mark.parametrize('name, value, words', [
    ('rate', 2., 'from 0.0 to 1.0'), ('rate', float('nan'), 'from 0.0'),
    ('rate', '1', 'type of 0.1'), ('rate', True, 'type of 0.1'),
    ('rule', 'maxx', "nearest that exists is 'max'"), ('deep', 1, 'type of False')])
def test_what_an_option_cannot_be(name, value, words):
  with pytest.raises(InputError, match=f'x.{name} is .*{words}'):
    check_option(f'x.{name}', read_options(Written)[name], value)


def test_a_whole_number_stands_for_a_real_one():
  check_option('x.rate', read_options(Written)['rate'], 1)


@pytest.mark.parametrize('word, known, said', [
    ('LOSO', ('loso', 'kfold'), "; the nearest is 'loso' (all: loso, kfold)"),
    ('inner_step', ('method.inner_steps', 'seed'),
     "; the nearest is 'method.inner_steps' (all: method.inner_steps, seed)"),
    ('step', ('training.steps', 'seed'),
     "; the nearest is 'training.steps' (all: training.steps, seed)"),
    ('three', ('debug', 'quick'), ' (all: debug, quick)'),
    ('nope', ('tfds/synthetic',), ' (all: tfds/synthetic)'),
    (3, ('2', '3'), "; the nearest is '3' (all: 2, 3)"), ('a', (), ' (all: none)')])
def test_what_looks_alike_is_suggested_and_nothing_else(word, known, said):
  assert suggestion(word, known) == said
