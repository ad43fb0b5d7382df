"""Arrays that are no pictures become a pool that tasks are drawn from."""

import numbers
from typing import Any
import warnings

from jaxtyping import Float
import numpy as np

from lightman_jax.data import duplicates, people
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Content, Pool

KIND = 'array'     # of `pool.Content`: numbers of which augmentation knows nothing


def from_arrays(X: Any, y: Any, groups: Any, *, macro: Any = None,
                different_people: bool = False, different_labels: bool = False) -> Pool:
  """Makes a pool of arrays, from which folds and tasks are made as of any data set.

  Args:
    X: examples, (n, d) rows or (n, t, d) series of finite numbers.
    y: (n,) the class of each, of any kind that can be sorted.
    groups: (n,) whose it is: support and query of a task are of different people.
    macro: (n,) True where it is a macro-expression, which is aligned with and never
      predicted; None where none is.
    different_people: names in groups that are equal but for case, spaces, leading zeros
      or prefixes such as sub are different people; otherwise they are refused.
    different_labels: the same of classes.

  Returns:
    A pool of n examples in their order; its classes and subjects are sorted texts.

  Raises:
    InputError: lengths differ, a number is not finite, a class or person is missing, or
      one person or class seems to have two names.

  Warns:
    UserWarning: examples of two people are equal, number by number.

  Example:
    >>> import lightman_jax as lm
    >>> pool = lm.tasks.from_arrays([[0., 1.], [2., 3.]], ['joy', 'fear'], ['a', 'b'])
    >>> pool.classes, pool.subjects, pool.label.tolist()
    (('fear', 'joy'), ('a', 'b'), [1, 0])
  """
  x = read_examples(X)
  label, classes = _coded('y', y, len(x))
  subject, subjects = _coded('groups', groups, len(x))
  if not different_people:
    _refuse_near('groups', duplicates.near_people(people.name_people(
        [('', name) for name in subjects])), 'one person', 'different_people')
  if not different_labels:
    _refuse_near('y', duplicates.near_labels(classes), 'one class', 'different_labels')
  _warn_of_repeats(x, subject, subjects)
  is_macro = np.zeros(len(x), bool) if macro is None else as_array(
      'macro', macro)
  if is_macro.shape != (len(x),) or is_macro.dtype != bool:
    raise InputError(f'macro has shape {is_macro.shape} of {is_macro.dtype}; it needs '
                     f'one truth value for each of the {len(x)} examples')
  width = len(str(len(x) - 1))
  return Pool(
      x=x, label=label, subject=subject, macro=is_macro,
      foreign=np.zeros(len(x), bool), subjects=subjects,
      clips=tuple(f'{number:0{width}d}' for number in range(len(x))), classes=classes,
      content=Content(KIND, (1,) * x.shape[-1], False))


def _refuse_near(name: str, near: tuple[duplicates.Near, ...], what: str, setting: str
                 ) -> None:
  if near:
    one, other = near[0].names[:2]
    raise InputError(f'{name} has {one!r} and {other!r}, which look like {what}; write '
                     f'one of them, or say that they are two with {setting}=True')


def _warn_of_repeats(x: np.ndarray, subject: np.ndarray, subjects: tuple[str, ...]
                     ) -> None:
  """Rows of few values may well be equal; a recording of two people is none."""
  _, first, code = np.unique((x + 0.).reshape(len(x), -1), axis=0, return_index=True,
                             return_inverse=True)
  before = first[code.reshape(-1)]
  shared = np.flatnonzero(subject != subject[before])
  if shared.size:
    one = int(shared[0])
    warnings.warn(
        f'X[{one}] of {subjects[subject[one]]} and X[{before[one]}] of '
        f'{subjects[subject[before[one]]]} are equal ({shared.size} such examples): '
        'where they are one recording, a person is tested after training on it',
        stacklevel=3)


def read_examples(X: Any) -> Float[np.ndarray, 'n *example']:
  """Examples as `from_arrays` takes them, in float32.

  Args:
    X: (n, d) rows or (n, t, d) series of finite numbers.

  Raises:
    InputError: a number is missing or not finite, or X is no such array.
  """
  if np.ma.isMaskedArray(X) and np.ma.getmaskarray(X).any():
    raise InputError('X is masked; fill in or leave out what is missing')
  try:
    if np.iscomplexobj(X):
      raise InputError('X is complex; give its parts as numbers of their own')
    x = np.asarray(X, np.float32)
  except InputError:
    raise
  except (OverflowError, TypeError, ValueError) as error:
    raise InputError(f'X is no array of numbers ({error}); give (n, d) rows or '
                     '(n, t, d) series of one length') from None
  if x.ndim < 2 or not x.size:
    raise InputError(f'X has shape {x.shape}; give (n, d) rows or (n, t, d) series')
  bad = np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(1))
  if bad.size:
    raise InputError(f'X[{bad[0]}] is not finite in float32 ({bad.size} such '
                     'examples); fill in or leave out what is missing')
  return x


def as_array(name: str, values: Any) -> np.ndarray:
  """Values as an array of any kind.

  Args:
    name: of them, for a refusal.
    values: of one length and depth.

  Raises:
    InputError: some are lists of other lengths.
  """
  try:
    return np.asarray(values)
  except ValueError as error:
    raise InputError(f'{name} is no array ({error}); give one value for each '
                     'example') from None


def _coded(name: str, values: Any, count: int) -> tuple[np.ndarray, tuple[str, ...]]:
  """Numbers of values among the sorted ones, and these as texts."""
  masked = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
  if isinstance(values, (list, tuple)):
    texts = {value for value in values if isinstance(value, str)}
    if both := texts & {str(one) for one in values if isinstance(one, numbers.Real)}:
      raise InputError(f'{name} has {min(both)!r} and the number {min(both)}, which '
                       'would be one; make all of them texts, or all numbers')
  array = as_array(name, values)
  if array.shape != (count,):
    raise InputError(f'{name} has shape {array.shape} and X has {count} examples; give '
                     'one value for each')
  if masked is not None and masked.any():
    raise InputError(f'{name}[{int(masked.argmax())}] is masked; fill it in, or leave '
                     'that example out')
  if array.dtype.kind == 'f' and not np.isfinite(array).all() or (
      array.dtype == object and any(value is None or value != value
                                    for value in array)):
    raise InputError(f'{name}[{_first_missing(array)}] is missing; fill it in, or '
                     'leave that example out')
  try:
    known, code = np.unique(array, return_inverse=True)
  except TypeError:
    raise InputError(f'{name} mixes values that cannot be sorted; make all of them '
                     'texts, or all numbers') from None
  return code.astype(np.int32), tuple(map(str, known.tolist()))


def _first_missing(array: np.ndarray) -> int:
  return next(number for number, value in enumerate(array.tolist())
              if value is None or value != value or value in (np.inf, -np.inf))
