"""Settings that are lists in one word, noise and candidates; what flow is freed of."""

from collections.abc import Mapping
import itertools
from typing import Any

from lightman_jax.errors import InputError

# What clips may suffer at test time; `inputs.augmentation` does it.
NOISE = ('gaussian', 'salt_pepper', 'blur', 'brightness', 'jpeg', 'occlusion',
         'dropped', 'apex', 'jitter')

# What a run is called by is not chosen.
NAMES = ('method.name', 'model.encoder', 'model.weights')

# What an inner split may choose: nothing that changes clips, inputs or folds.
SELECTABLE = ('method.', 'model.', 'augment.', 'episodes.shots', 'episodes.queries',
              'macro.clips', 'macro.factor', 'macro.label_', 'training.steps',
              'training.tasks', 'training.outer_rate', 'training.weight_decay',
              'training.clip_norm', 'training.schedule', 'training.average',
              'training.label_smoothing', 'training.dropout')


def noise(text: str) -> tuple[str, ...]:
  """The kinds of `evaluation.noise`: 'none', 'all', or names with commas between.

  Raises:
    InputError: an unknown kind.
  """
  if text in ('none', ''):
    return ()
  if text == 'all':
    return NOISE
  kinds = tuple(filter(None, (word.strip() for word in text.split(','))))
  for kind in kinds:
    if kind not in NOISE:
      raise InputError(f'evaluation.noise has no {kind!r}; give none, all, or some of '
                       f'{", ".join(NOISE)} with commas between')
  return tuple(dict.fromkeys(kinds))


def candidates(text: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
  """What each candidate of a selection changes, under dotted names.

  Args:
    text: 'method.inner_rate=.01,.05 training.steps=50,100': all combinations, the last
      setting moving fastest.
    settings: all settings, under dotted names; a value is read as one of the same type.

  Raises:
    InputError: names what cannot be understood.
  """
  values = {}
  for word in text.split():
    name, _, rest = word.partition('=')
    if name not in settings or not name.startswith(SELECTABLE) or name in NAMES:
      raise InputError(f'select.candidates: {name!r} cannot be chosen by an inner '
                       f'split; of {", ".join(SELECTABLE)} a setting can, such as '
                       'method.inner_rate=.01,.05')
    values[name] = [_value(name, part, settings[name]) for part in rest.split(',')]
  return tuple(dict(zip(values, each)) for each in itertools.product(*values.values()))


def _value(name: str, text: str, like: Any) -> Any:
  try:
    if isinstance(like, bool):
      return {'true': True, 'false': False}[text.lower()]
    return type(like)(text)
  except (ValueError, KeyError):
    raise InputError(f'select.candidates: {name}={text} is no {type(like).__name__}; '
                     f'write values with commas between, as in {name}={like}') from None


def check(settings: Mapping[str, Any]) -> None:
  """Refuses what cannot be understood, and what would be done for nothing.

  Args:
    settings: all settings, under dotted names.

  Raises:
    InputError: names the setting, and what to do.
  """
  noise(settings['evaluation.noise'])
  inner, text = settings['select.by'] == 'inner', settings['select.candidates']
  if inner and not text.strip():
    raise InputError('select.by=inner has nothing to choose from; give '
                     "--config.select.candidates='method.inner_rate=.01,.05'")
  if text.strip() and not inner:
    raise InputError('select.candidates are given and select.by=none tries none of '
                     'them; use select.by=inner')
  candidates(text, settings)
  _check_flow(settings)


def _check_flow(values: Mapping[str, Any]) -> None:
  """What is taken off flow, where flow is made."""
  frames = (values['data.frames'] > 1 or values['pretrain.source'] == 'synthetic'
            or values['macro.source'] not in ('none', 'own', 'magnified')
            and values['macro.data.frames'] > 1)
  for name in ('stabilise', 'mask'):
    if (value := values[f'inputs.{name}']) == 'none':
      continue
    if values['inputs.kind'] not in ('flow', 'picture'):
      raise InputError(f'inputs.{name}={value} is taken off flow, and inputs.kind='
                       f'{values["inputs.kind"]} is none; leave it at none')
    if not frames or values['inputs.holds'] != 'flow':
      raise InputError(
          f'inputs.{name}={value} is taken off flow that is made of frames, and here '
          'all pictures are ready; leave it at none')
