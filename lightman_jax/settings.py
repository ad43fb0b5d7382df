"""What the settings of a run may be, checked before anything heavy is imported."""

from collections.abc import Callable, Iterable, Mapping
import copy
import dataclasses
import functools
import importlib
import math
import os
import sys
import types
from typing import Any

from lightman_jax import coupled_settings, listed_settings, places, registry, sections
from lightman_jax.errors import InputError
from lightman_jax.options import not_there, suggestion
from lightman_jax.units import counted

CHOICES = {
    'inputs.kind': ('flow', 'difference', 'frames', 'picture', 'landmarks'),
    'inputs.span': ('each', 'apex'),
    'inputs.algorithm': ('farneback', 'dis', 'tvl1'),
    'inputs.holds': ('flow', 'intensity'),
    'inputs.centre': ('none', 'median'),
    'inputs.stabilise': ('none', 'nose', 'median'),
    'inputs.mask': ('none', 'eyes'),
    'inputs.unit': ('none', 'clip', 'channel'),
    # Of the data sets those whose sheets have macro-expressions.
    'macro.source': ('own', 'none', 'magnified', 'synthetic', 'manifest', *(
        name for name in registry.DATA_SETS if 'macro' in (
            registry.find('data', name).kind,
            *(one.kind for one in registry.find('data', name).expected)))),
    'macro.map': ('same', 'valence', 'emotions'),
    'macro.label_where': ('inner', 'outer', 'both'),
    'labels.kind': ('classes', 'action_units'),
    'macro.label_head': ('shared', 'own'),
    # All else in this section is the encoder's own, as in that of the method below.
    'model.encoder': tuple(registry.ENCODERS),
    'model.matmul_precision': ('highest', 'high', 'default'),
    'training.schedule': ('constant', 'cosine'),
    'training.data': ('auto', 'device', 'host'),
    'training.split': ('auto', 'folds', 'tasks'),
    'select.by': ('none', 'inner'),
    # All else in this section is the method's own: `sections` reads and checks it.
    'method.name': tuple(registry.METHODS),
    'episodes.protocol': tuple(registry.PROTOCOLS),
    'evaluation.support': ('training_subjects', 'held_out_subject',
                           'held_out_dataset'),
}

# Where code from outside may be named, too.
SECTION_NAMES = tuple('.'.join(place) for place in sections.SECTIONS.values())

# Least and greatest value, both allowed.
RANGES = {
    'seed': (0, 2**31 - 1),
    'inputs.size': (0, 1024),
    'macro.clips': (1, 4096),
    'macro.factor': (1.001, 100.),
    'macro.label_weight': (0., 1000.),
    'labels.people': (2, 10**6),
    'labels.units_weight': (0., 1000.),
    'labels.clips': (2, 10**6),
    'pretrain.steps': (1, 10**6),
    'pretrain.batch': (1, 65536),
    'pretrain.rate': (1e-9, 100.),
    'augment.shift': (0, 64),
    'augment.flip': (0., 1.),
    'augment.amplitude': (0., .99),
    'augment.mixup': (0., 100.),
    'episodes.folds': (2, 4096),
    'episodes.shots': (1, 4096),
    'episodes.queries': (1, 4096),
    'episodes.training_people': (0, 10**6),
    'episodes.people_draw': (0, 10**6),
    'training.steps': (1, 10**9),
    'training.tasks': (1, 10**6),
    'training.checkpoint_every': (1, 10**9),
    'training.outer_rate': (0., 100.),
    'training.weight_decay': (0., 1.),
    'training.clip_norm': (1e-9, 1e9),
    'training.average': (0., 1.),
    'training.label_smoothing': (0., .9),
    'training.dropout': (0., .9),
    'training.members': (1, 64),
    'training.wrong_labels': (0., .5),
    'training.devices': (0, 10**6),
    'training.folds_at_once': (0, 10**6),
    'training.tasks_at_once': (0, 10**6),
    'training.memory_limit': (0., 1e6),
    'select.share': (.05, .5),
    'evaluation.draws': (1, 10**6),
    'evaluation.support_shots': (0, 4096),
    'evaluation.episodes': (0, 10**6),
    'evaluation.ways': (0, 4096),
    'evaluation.shots': (1, 4096),
    'evaluation.queries': (1, 4096),
    'evaluation.resamples': (100, 10**7),
    'evaluation.ridge_penalty': (1e-9, 1e9),
}


def flat(config: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
  """Nested settings under dotted names."""
  flattened = {}
  for name, value in config.items():
    if isinstance(value, Mapping):
      flattened |= flat(value, f'{prefix}{name}.')
    else:
      flattened[prefix + name] = value
  return flattened


def changed(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
  """A copy of `config` with some settings changed.

  Args:
    config: complete and nested.
    changes: dotted setting -> value.

  Raises:
    InputError: there is no such setting, or its value is of another type.
  """
  result = copy.deepcopy(dict(config))
  for place in SECTION_NAMES:
    section, key = place.split('.')
    old = result[section].get(key, '')
    if not isinstance(changes.get(place, old), str):
      raise InputError(f'{place} is {changes[place]!r}; it must be a name, as {old!r}')
    if changes.get(place, old) != old:
      result[section] = {**result[section], key: changes[place]}
      sections.fit(result)
  known = flat(result)
  for name, value in changes.items():
    if name not in known:
      raise InputError(_no_such(name, value, result, known))
    old = known[name]
    if isinstance(old, float) and type(value) is int:
      value = float(value)
    if type(value) is not type(old):
      raise InputError(f'{name} is {value!r}; it must be of the type of {old!r}')
    *above, last = name.split('.')
    part = result
    for section in above:
      part = part[section]
    part[last] = value
  return result


def no_setting(name: str, known: Iterable[str]) -> str:
  """What to say of a name that no setting has.

  Args:
    name: what was given.
    known: names of settings, dotted.
  """
  return (f'there is no setting {name!r}' + suggestion(name, known, listed=False)
          + '; python -m lightman_jax settings WORD searches all')


def _no_such(name: str, value: Any, config: Mapping[str, Any], known: Mapping[str, Any]
             ) -> str:
  """What to say of a setting that a configuration does not have."""
  for kind, (section, key) in sections.SECTIONS.items():
    setting = name.removeprefix(f'{section}.')
    if kind in sections.OWN and name.startswith(f'{section}.') and (
        sections.owners(kind, setting)):
      return sections.refusal(kind, config[section][key], setting, value)
  return no_setting(name, known)


def check(config: Mapping[str, Any]) -> None:
  """Refuses a configuration that cannot run.

  Args:
    config: complete and nested, as `config.to_dict()` gives it. Its `data` section is
      checked by `data.sources.check_present`.

  Raises:
    InputError: names the setting, and the nearest right value.
  """
  values = flat(config)
  if missing := missing_settings(config):
    raise InputError(f'{missing[0]} is not set '
                     f'({counted(len(missing), "setting", "is", "are")} missing); '
                     'begin with all of them, as lm.settings() and '
                     'lightman_jax.configurations.defaults give them')
  listed_settings.check(values)
  text = values['select.candidates']
  for changes in ({}, *listed_settings.candidates(text, values)):
    if changes.get('macro.label_weight') and not values['macro.label_weight']:
      raise InputError('select.candidates try macro.label_weight above 0 and the '
                       'configuration has 0, so its clips are not there; give it one '
                       'of the values above 0')
    _check_alone({**values, **changes})
    coupled_settings.check({**values, **changes})


def missing_settings(config: Mapping[str, Any]) -> list[str]:
  """Names of settings that every configuration has, and this one lacks.

  Args:
    config: nested.
  """
  values = flat(config)
  return [name for name in (*sections.VARIANTS.values(), *CHOICES, *RANGES)
          if name not in values]


def _check_alone(values: Mapping[str, Any]) -> None:
  """Each setting by itself."""
  for name, value in values.items():
    if isinstance(value, str):
      places.check_text(name, value)
  for kind in ('data', 'macro'):
    if said := sections.hint(kind, values[sections.VARIANTS[kind]]):
      raise InputError(said)
  for name, known in CHOICES.items():
    if values[name] not in known and not (name in SECTION_NAMES
                                         and registry.is_outside(values[name])):
      raise InputError(f'{name} is {not_there(values[name], known)}')
  for name, (least, most) in RANGES.items():
    value = values[name]
    if not math.isfinite(value) or not least <= value <= most:
      raise InputError(f'{name} is {value!r}; it must be from {least} to {most}')


def is_multi_label(config: Mapping[str, Any]) -> bool:
  """Whether action units are told, and no classes; those of 0.1.0 tell classes."""
  return config.get('labels', {}).get('kind', 'classes') == 'action_units'


def uses_macro(config: Mapping[str, Any]) -> bool:
  """Whether macro-expressions are looked at at all."""
  return config['macro']['source'] != 'none' and bool(
      draws_macro(config) or config['macro']['only']
      or config['pretrain']['source'] == 'macro')


def draws_macro(config: Mapping[str, Any]) -> bool:
  """Whether tasks hold macro clips beside the micro ones."""
  method = registry.find('method', config['method']['name'])
  return (config['macro']['source'] != 'none' and not config['macro']['only']
          and bool(getattr(method, 'uses_macro', False)
                   or config['macro']['label_weight']))


def describe_missing_macro(config: Mapping[str, Any], clips: int) -> str:
  """Why tasks hold no macro clips where one may think so; '' where nothing is to say.

  Args:
    config: complete.
    clips: macro clips of a task.
  """
  name = config['method']['name']
  if draws_macro(config):
    return '' if clips else ('there are no macro-expressions to align with: without '
                             'the auxiliary term this is MAML')
  if (not registry.is_outside(name) or config['macro']['source'] == 'none'
      or config['macro']['only'] or hasattr(registry.find('method', name),
                                            'uses_macro')):
    return ''
  return (f'method={registry.label(name)}: its tasks hold no macro clips, for it does '
          'not say uses_macro = True; uses_macro = False says that it needs none')


def aligns_macro(config: Mapping[str, Any]) -> bool:
  """Whether the method aligns micro- with macro-expressions, for which any will do."""
  method = registry.find('method', config['method']['name'])
  aligned = (config['method'].get('align_weight', 1.) > 0
             or config['method'].get('weight') == 'learned')
  return (aligned and getattr(method, 'uses_macro', False)
          and not config['macro']['only'])


def macro_data(config: Mapping[str, Any]) -> dict[str, Any] | None:
  """The `data` section of the data set that macro-expressions come from, if another.

  Raises:
    InputError: it is a manifest, and its path is not values.
  """
  source = config['macro']['source']
  if not uses_macro(config) or source in ('own', 'magnified'):
    return None
  if source == 'manifest' and not config['macro']['data']['path']:
    raise InputError('macro.source=manifest has no path; give the csv of the macro '
                     'clips with --config.macro.data.path=CSV')
  places = {name: config['data'][name] for name in ('data_dir', 'manual_dir')}
  # Of a run in which another source takes the place of the manifest, as in a sweep.
  other = {} if source == 'manifest' else {'path': ''}
  return {**config['macro']['data'], **places, **other, 'name': source,
          'section': 'macro.data'}


def faces_data(config: Mapping[str, Any]) -> dict[str, Any] | None:
  """The `data` section of the faces of `pretrain.source=synthetic`; None for others."""
  if config['pretrain']['source'] != 'synthetic':
    return None
  # Ready pictures are one frame; of faces they are made.
  clip = config['macro' if config['inputs']['kind'] == 'picture' else 'data']
  clip = clip.get('data', clip)
  return {**config['macro']['data'],
          **{name: config['data'][name] for name in ('data_dir', 'manual_dir')},
          **{name: clip[name] for name in ('frames', 'size')},
          'path': '', 'class_set': '', 'name': 'synthetic', 'section': 'pretrain',
          'synthetic': config['pretrain']['synthetic']}


def _named_part(kind: str, part: Any) -> tuple[str, dict[str, Any]]:
  """The name of a part, or of an object, and the settings that its fields are."""
  if isinstance(part, str):
    if said := sections.hint(kind, part):
      raise InputError(said)
    return part, {}
  if kind not in sections.SECTIONS:
    raise InputError(f'{kind} is {part!r}; it must be a name, as '
                     f'{kind}={CHOICES[sections.VARIANTS[kind]][0]!r}')
  instance = dataclasses.is_dataclass(part) and not isinstance(part, type)
  name = registry.allow_object(kind, type(part) if instance else part)
  fields = {f'{sections.SECTIONS[kind][0]}.{key}': getattr(part, key)
            for key in sections.options_of(kind, name)} if instance else {}
  return name, fields


def take_variants(changes: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
  """Divides keywords into what variants name and dotted settings.

  Args:
    changes: kind of `sections.VARIANTS` to a name or an object, of scores a list, too;
      and dotted setting to value.

  Returns:
    Kind to name, names with commas between; and the settings, the fields of objects
    among them.

  Raises:
    InputError: what is no name, or an object whose text cannot be recorded.
  """
  words, rest = {}, dict(changes)
  for kind in sections.VARIANTS:
    if kind not in changes:
      continue
    value, names = rest.pop(kind), []
    for part in value if isinstance(value, list) else [value]:
      part_name, fields = _named_part(kind, part)
      names.append(part_name)
      rest = {**fields, **rest}
    words[kind] = ','.join(names)
  return words, rest


def takes_settings(function: Callable) -> Callable:
  """Has a function of the door refuse what is no settings, as a name or a path is.

  Args:
    function: whose first argument, `settings`, is complete settings.
  """
  @functools.wraps(function)
  def checked(*args: Any, **options: Any) -> Any:
    value = args[0] if args else options.get('settings', {})
    if not isinstance(value, Mapping):
      name, word = function.__name__, str(value)
      wanted = repr(word if isinstance(value, str) else 'synthetic')
      if sections.hint('data', word):      # of one's own clips
        wanted = f"'manifest', **{{'data.path': {word!r}}}"
      raise InputError(f'{name} takes complete settings first, not '
                       f'{word if len(word) < 200 else type(value).__name__}: write '
                       f'lm.{name}(lm.settings({wanted}){", ..." * (name != "load")})')
    return function(*args, **options)
  return checked


class _Callable(types.ModuleType):
  """This module, which `lightman_jax.settings(NAME)` calls; it does not import it.

  The door's name of the function is this module's own, and whoever imports the module
  gets it by that name from then on.
  """

  def __call__(self, name: Any = '', /, **changes: Any) -> dict[str, Any]:
    """Returns the complete settings of a configuration, checked.

    Args:
      name: of a configuration or a file, text or path, with variants behind a colon,
        as 'synthetic:debug'.
      **changes: dotted setting to value, as `**{'training.steps': 50}`; and `method`,
        `encoder`, `data`, `protocol` and `score`, each a name, or an object of one's
        own, whose text is recorded by a run: what makes a `Learner` of a network, a
        flax module, `Facts`, what makes folds of a clip table, a function of truth and
        prediction (of these a list, too). A dataclass may be an instance: its fields
        are settings. `macro`, `support` and `labels` are names.

    Returns:
      Nested plain values: section to setting to value.

    Raises:
      InputError: there is no such configuration, variant or setting, with the nearest
        that there is; or the settings cannot run.

    Example:
      >>> import lightman_jax as lm
      >>> lm.settings('casme2', method='maml', **{'training.steps': 50})['seed']
      0
    """
    named = importlib.import_module('lightman_jax.configurations.named')
    if not isinstance(name, (str, os.PathLike)) or isinstance(os.fspath(name), bytes):
      raise InputError(f'settings are those of a configuration: give its name, not a '
                       f"{type(name).__name__}, as lm.settings('synthetic')")
    name = os.fspath(name)
    words, changes = take_variants(changes)
    if not name:
      raise InputError("settings are those of a configuration: give its name, as "
                       f"lm.settings('synthetic') (all: {', '.join(named.NAMES)})")
    return named.settings_by_name(name, **words, **changes)


sys.modules[__name__].__class__ = _Callable
