"""The pool: a data set's clips and the macro-expressions that they are aligned with."""

from collections.abc import Callable, Iterator, Mapping
import pathlib
from typing import Any

from jaxtyping import Float
import numpy as np

from lightman_jax.data import people
from lightman_jax.data.facts import MACRO_MAPS, macro_label
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.inputs import inputs
from lightman_jax.inputs.pool import Inputs, Pool, join_inputs, select_clips
from lightman_jax.settings import uses_macro
from lightman_jax.units import counted, listed

MakeInputs = Callable[[ClipSet], Inputs]


def make_pool(clips: ClipSet, how: inputs.Settings, *, source: str,
              other: ClipSet | None = None, make: MakeInputs,
              macro_map: str = 'same') -> Pool:
  """All micro clips, and macro clips from `source`.

  Where all clips are macro-expressions, those with a class stand for themselves: they
  are what is learned and tested.

  Args:
    clips: the data set.
    how: what its inputs are.
    source: 'own' (the data set's macro clips, if it has any), 'none', 'magnified'
      (nothing is added here: a task's macro clips are its support, amplified), or the
      name of the data set `other`. Whoever is in both is one person; see
      `data.people`.
    other: where macro clips come from under its name.
    make: clips to inputs.
    macro_map: name of the map that gives a class to macro clips whose own class is
      none of the data set's; see `facts.MACRO_MAPS`.

  Raises:
    InputError: 'magnified' for inputs whose amplitude is unknown, a data set without a
      macro clip or with inputs of another shape, or one of which it cannot be told
      who of the first is in it.
  """
  label, macro = _labels(clips, clips.classes, macro_map), clips.macro
  keep = ~macro if source != 'own' else np.ones(len(macro), bool)
  if macro.all():
    keep, macro = label >= 0, np.zeros(len(macro), bool)
  x = select_clips(make(clips), keep)
  content = inputs.describe_content(how, x.shape[-1])
  if source == 'magnified' and not content.amplitude_known:
    raise InputError(
        f'macro.source=magnified needs inputs whose zero and amplitude are known, and '
        f'inputs.kind={how.kind} has neither; use macro.source=none, own, or another '
        'data set')
  names = sorted(set(clips.subject))
  pool = Pool(
      x=x, label=label[keep], macro=macro[keep],
      subject=np.array([names.index(name) for name in clips.subject], np.int32)[keep],
      foreign=np.zeros(len(x), bool), subjects=tuple(names),
      clips=tuple(np.array(clips.clip)[keep].tolist()), classes=clips.classes,
      content=content,
      dataset=tuple(np.array(clips.datasets)[keep].tolist()),
      action_units=tuple(np.array(_units(clips))[keep].tolist()),
      frames_sha256=tuple(np.array(_hashes(clips))[keep].tolist()))
  if other is None:
    return pool
  label = _labels(other, pool.classes, macro_map)
  shown = people.match_people(list(zip(clips.datasets, clips.subject)),
                              list(zip(other.datasets, other.subject)))
  return _joined(pool, other, make(other), label, source, shown)


def describe_macros(config: Mapping[str, Any], clips: ClipSet) -> Iterator[str]:
  """Where the macro-expressions of a run come from, for its start.

  Args:
    config: complete.
    clips: the data set.
  """
  own, macro = int(clips.macro.sum()), config['macro']
  if own == len(clips.macro):
    yield (f'all clips of {clips.info["dataset"]} are macro-expressions: they are what '
           f'is learned and tested, but for {int((clips.label < 0).sum())} without a '
           'class')
  if not uses_macro(config):
    return
  source = macro['source']
  where = {'own': f'the {own} of the data set itself',
           'magnified': 'micro clips of each task, their motion '
                        f'{macro["factor"]:g} times as strong',
           'manifest': f'those of {pathlib.Path(macro["data"]["path"]).name}',
           'synthetic': 'of drawn faces'}.get(source, f'those of {source}')
  unused = (f'; {counted(own, "macro clip", "is", "are")} in the data set, and not '
            'used (macro=own uses them)' if own and source != 'own'
            and own < len(clips.macro) else '')
  yield f'macro-expressions: {where} (macro.source={source}){unused}'


def describe_unlabelled(config: Mapping[str, Any], pool: Pool) -> Iterator[str]:
  """How many macro clips teach no class, for a run's start.

  Args:
    config: complete.
    pool: its clips, macro-expressions among them.
  """
  macro, without = pool.macro, pool.macro & (pool.label < 0)
  if without.any():
    total = counted(int(macro.sum()), 'macro clip', 'has', 'have')
    name = config['macro']['map']
    others = ' and '.join(one for one in MACRO_MAPS if one != name)
    yield (f'{int(without.sum())} of {total} no class among {", ".join(pool.classes)} '
           f'by macro.map={name}: what learns from labels of macro-expressions leaves '
           f'them out; other maps are {others}')


def describe_empty(pool: Pool, squares: Float[np.ndarray, 'N c']) -> Iterator[str]:
  """Which clips, and which channels of all clips, hold nothing, for a run's start.

  Args:
    pool: its clips.
    squares: `pool.mean_squares` of their inputs.
  """
  numbers = np.flatnonzero(~squares.any(1))
  if numbers.size:
    names = listed([pool.clips[n] for n in numbers])
    yield (f'the inputs of {counted(numbers.size, "clip")} are 0 everywhere, as of '
           'frames that are all alike, or of a picture of one colour whose median is '
           f'taken from it: {names}')
  empty = [str(channel) for channel in np.flatnonzero(~squares.any(0))]
  if empty and numbers.size < len(squares):
    yield (f'channel {" and ".join(empty)} of the inputs, counted from 0, is 0 in '
           'every clip, so nothing is learned from it')


def _labels(clips: ClipSet, classes: tuple[str, ...], macro_map: str) -> np.ndarray:
  """Labels in `classes`: by the name of a clip's class, or a macro clip's emotion."""
  index = [classes.index(name) if name in classes else -1 for name in clips.classes]
  label = np.array([index[k] if k >= 0 else -1 for k in clips.label], np.int32)
  for n in np.flatnonzero(clips.macro & (label < 0)):
    label[n] = macro_label(clips.emotion[n], macro_map, classes)
  return label


def _joined(pool: Pool, other: ClipSet, x: Inputs, label: np.ndarray, source: str,
            shown: list[str]) -> Pool:
  """The pool with the macro clips of another data set.

  `shown` says of each clip of it which of the pool's subjects it shows, '' for none.
  """
  if not other.macro.any():
    raise InputError(f'macro.source={source} has no macro clip')
  if x.shape[1:] != pool.x.shape[1:]:
    raise InputError(
        f'macro.source={source} has inputs of {x.shape[1:]} and the data set has '
        f'{pool.x.shape[1:]}: give both the same number of frames and size')
  names = [name if name in pool.subjects else f'{source}:{subject}'
           for name, subject in zip(shown, other.subject)]
  subjects = pool.subjects + tuple(sorted(set(names) - set(pool.subjects)))
  subject = np.array([subjects.index(name) for name in names], np.int32)
  m, join = other.macro, lambda a, b: np.concatenate([a, b])
  return pool._replace(
      x=join_inputs(pool.x, select_clips(x, m)), label=join(pool.label, label[m]),
      macro=join(pool.macro, m[m]), subject=join(pool.subject, subject[m]),
      foreign=join(pool.foreign, subject[m] >= len(pool.subjects)), subjects=subjects,
      clips=pool.clips + tuple(f'{source}:{name}' for name in np.array(other.clip)[m]),
      dataset=pool.dataset + tuple(np.array(other.datasets)[m].tolist()),
      action_units=pool.action_units + tuple(np.array(_units(other))[m].tolist()),
      frames_sha256=pool.frames_sha256 + tuple(np.array(_hashes(other))[m].tolist()))


def _units(clips: ClipSet) -> tuple[str, ...]:
  return clips.action_units or ('',) * len(clips.clip)


def _hashes(clips: ClipSet) -> tuple[str, ...]:
  return clips.content or ('',) * len(clips.clip)
