"""The pool: a data set's clips and the macro-expressions that they are aligned with."""

from collections.abc import Callable

import numpy as np

from lightman_jax.clips.clipset import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.preprocessing import inputs
from lightman_jax.preprocessing.pool import Pool

MakeInputs = Callable[[ClipSet], np.ndarray]


def make_pool(clips: ClipSet, how: inputs.Settings, *, source: str,
              other: ClipSet | None = None, make: MakeInputs) -> Pool:
  """All micro clips, and macro clips from `source`.

  Args:
    clips: the data set.
    how: what its inputs are.
    source: 'own' (the data set's macro clips, if it has any), 'none', 'magnified'
      (nothing is added here: a task's macro clips are its support, amplified), or the
      name of the data set `other`, whose people are taken to be other people.
    other: where macro clips come from under its name.
    make: clips to inputs.

  Raises:
    InputError: 'magnified' for inputs whose amplitude is unknown, or a data set
      without a macro clip or with inputs of another shape.
  """
  keep = ~clips.macro if source != 'own' else np.ones(len(clips.macro), bool)
  x = make(clips)[keep]
  content = inputs.content(how, x.shape[-1])
  if source == 'magnified' and not content.amplitude_known:
    raise InputError(
        f'macro.source=magnified needs inputs whose zero and amplitude are known, and '
        f'inputs.kind={how.kind} has neither; use macro.source=none, own, or another '
        'data set')
  names = sorted(set(clips.subject))
  pool = Pool(
      x=x, label=clips.label[keep], macro=clips.macro[keep],
      subject=np.array([names.index(name) for name in clips.subject], np.int32)[keep],
      foreign=np.zeros(len(x), bool), subjects=tuple(names),
      clips=tuple(np.array(clips.clip)[keep]), classes=clips.classes, content=content)
  return pool if other is None else _joined(pool, other, make(other), source)


def _joined(pool: Pool, other: ClipSet, x: np.ndarray, source: str) -> Pool:
  """The pool with the macro clips of another data set; its labels go by their names."""
  if not other.macro.any():
    raise InputError(f'macro.source={source} has no macro clip')
  if x.shape[1:] != pool.x.shape[1:]:
    raise InputError(
        f'macro.source={source} has inputs of {x.shape[1:]} and the data set has '
        f'{pool.x.shape[1:]}: give both the same number of frames and size')
  names = sorted(set(other.subject))
  index = {name: pool.classes.index(name) for name in other.classes
           if name in pool.classes}
  label = np.array([index.get(other.classes[k], -1) if k >= 0 else -1
                    for k in other.label], np.int32)
  subject = np.array([names.index(name) for name in other.subject], np.int32)
  m, join = other.macro, lambda a, b: np.concatenate([a, b])
  return pool._replace(
      x=join(pool.x, x[m]), label=join(pool.label, label[m]),
      macro=join(pool.macro, m[m]), foreign=join(pool.foreign, m[m]),
      subject=join(pool.subject, (subject + len(pool.subjects))[m]),
      subjects=pool.subjects + tuple(f'{source}:{name}' for name in names),
      clips=pool.clips + tuple(f'{source}:{name}' for name in np.array(other.clip)[m]))
