"""What the settings of a run may be, checked before anything heavy is imported."""

from collections.abc import Callable, Mapping
import copy
import dataclasses
import functools
import importlib
import inspect
import math
import os
import sys
import types
from typing import Any

from lightman_jax import places, protocol_settings, registry, sections
from lightman_jax.errors import InputError
from lightman_jax.options import nearest

CHOICES = {
    'inputs.kind': ('flow', 'difference', 'frames', 'picture', 'landmarks'),
    'inputs.span': ('each', 'apex'),
    'inputs.algorithm': ('farneback', 'dis', 'tvl1'),
    'inputs.holds': ('flow', 'intensity'),
    'inputs.centre': ('none', 'median'),
    'inputs.stabilise': ('none', 'nose', 'median'),
    'inputs.mask': ('none', 'eyes'),
    # Of the data sets those whose sheets have macro-expressions.
    'macro.source': ('own', 'none', 'magnified', 'synthetic', 'manifest', *(
        name for name in registry.DATA_SETS if any(
            one.kind == 'macro' for one in registry.find('data', name).expected))),
    'macro.map': ('same', 'valence', 'emotions'),
    'macro.label_where': ('inner', 'outer', 'both'),
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
    'pretrain.steps': (1, 10**6),
    'pretrain.batch': (1, 65536),
    'pretrain.rate': (1e-9, 100.),
    'augment.shift': (0, 64),
    'augment.flip': (0., 1.),
    'augment.amplitude': (0., .99),
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


def _no_such(name: str, value: Any, config: Mapping[str, Any], known: Mapping[str, Any]
             ) -> str:
  """What to say of a setting that a configuration does not have."""
  for kind, (section, key) in sections.SECTIONS.items():
    setting = name.removeprefix(f'{section}.')
    if kind in sections.OWN and name.startswith(f'{section}.') and (
        sections.owners(kind, setting)):
      return sections.refusal(kind, config[section][key], setting, value)
  return f'there is no setting {name!r}; the nearest is {nearest(name, known)!r}'


def check(config: Mapping[str, Any]) -> None:
  """Refuses a configuration that cannot run.

  Args:
    config: complete and nested, as `config.to_dict()` gives it. Its `data` section is
      checked by `clips.sources.check_present`.

  Raises:
    InputError: names the setting, and the nearest right value.
  """
  values = flat(config)
  protocol_settings.check(values)
  text = values['select.candidates']
  for changes in ({}, *protocol_settings.candidates(text, values)):
    if changes.get('macro.label_weight') and not values['macro.label_weight']:
      raise InputError('select.candidates try macro.label_weight above 0 and the '
                       'configuration has 0, so its clips are not there; give it one '
                       'of the values above 0')
    _check_alone({**values, **changes})
    _check_together({**values, **changes})


def _check_alone(values: Mapping[str, Any]) -> None:
  """Each setting by itself."""
  for kind in ('data', 'macro'):
    if said := sections.hint(kind, values[sections.VARIANTS[kind]]):
      raise InputError(said)
  if registry.is_outside(values['macro.source']):
    raise InputError(f'macro.source={values["macro.source"]}: a data set from outside '
                     'has no macro clips for another one; list them in a csv, and give '
                     'macro.source=manifest with macro.data.path=CSV')
  for name, known in CHOICES.items():
    if values[name] not in known and not (name in SECTION_NAMES
                                         and registry.is_outside(values[name])):
      raise InputError(f'{name} is {values[name]!r}; the nearest that exists is '
                       f'{nearest(values[name], known)!r} (all: {", ".join(known)})')
  for name, (least, most) in RANGES.items():
    value = values[name]
    if not math.isfinite(value) or not least <= value <= most:
      raise InputError(f'{name} is {value!r}; it must be from {least} to {most}')


def _check_together(values: Mapping[str, Any]) -> None:
  """Settings that are right each, and wrong together."""
  for kind in sections.SECTIONS:
    part = sections.check(kind, values)
    if part is not None:
      part.check(values)
  _check_few_shot(values)
  _check_macro_labels(values)
  if values['episodes.people_draw'] and not values['episodes.training_people']:
    raise InputError(f'episodes.people_draw={values["episodes.people_draw"]} is of '
                     'some of the training people, and episodes.training_people=0 '
                     'takes all of them; leave it at 0')
  if values['macro.only']:
    _check_macro_only(values)
  _check_of_another(values)
  if values['pretrain.source'] != 'none':
    _check_pretraining(values)
  if values['macro.source'] == values['data.name']:
    _check_other_people(values)


def _check_macro_labels(values: Mapping[str, Any]) -> None:
  """Labelled macro clips in a loss of the method, under a head that is trained."""
  name, where = values['method.name'], values['macro.label_where']
  own = values['macro.label_head'] == 'own'
  if not values['macro.label_weight']:
    for setting, off in (('label_learned', False), ('label_head', 'shared'),
                         ('label_where', 'inner')):
      if (value := values[f'macro.{setting}']) != off:
        raise InputError(f'macro.{setting}={value} is of labelled macro clips, and '
                         'macro.label_weight=0 leaves them out of every loss; give it '
                         'a value above 0')
    return
  method = registry.find('method', name)
  if 'labels' not in inspect.signature(getattr(method, 'make', method)).parameters:
    raise InputError(f'macro.label_weight: method.name={name} has no loss that takes '
                     'labelled macro clips; give its make(net, labels) one, or set '
                     'macro.label_weight=0')
  if values['macro.source'] == 'none':
    raise InputError('macro.label_weight is above 0 and macro.source=none has no macro '
                     'clips; give a source, or macro.label_weight=0')
  if values.get('model.norm') == 'batch':
    raise InputError('macro.label_weight: model.norm=batch is STSTNet as it was '
                     'published, without macro clips; use model.norm=group')
  first_order = (values.get('method.first_order', False)
                 or not getattr(method, 'second_order', False))
  if values.get('method.outer') == 'none' and where != 'inner':
    raise InputError(f'macro.label_where={where} is of the outer level, which '
                     'method.outer=none takes away; use macro.label_where=inner')
  if values['macro.label_learned'] and (first_order or where != 'inner'
                                       or values.get('method.outer') == 'none'):
    raise InputError('macro.label_learned goes by the derivative of the outer loss '
                     'through the inner steps: use lightman, maml, metasgd or anil, of '
                     'second order, and macro.label_where=inner')
  if name in ('supervised', 'reptile') and where != 'inner':
    raise InputError(f'macro.label_where={where}: method.name={name} has one loss, '
                     'which takes the labelled macro clips; leave it at inner')
  if own and where != 'outer' and name in ('anil', 'protonet', 'matchingnet'):
    raise InputError(f'macro.label_head=own: what method.name={name} does inside knows '
                     'no such head; use macro.label_where=outer, or '
                     'macro.label_head=shared')
  if own and where == 'inner' and first_order and name not in ('supervised', 'reptile'):
    raise InputError('macro.label_head=own and macro.label_where=inner: no gradient of '
                     'first order reaches that head from the outer loss, so it would '
                     'never be trained; use macro.label_where=both')


# Where `macro.only` would bring micro clips in, or stand for nothing.
_NOT_WITH_ONLY = {
    'macro.label_weight': (0., 'all clips have their labels in the loss'),
    'select.by': ('none', 'who judges the candidates is judged by micro clips'),
    'evaluation.episodes': (0, 'the support of a test episode is of micro clips'),
    'training.wrong_labels': (0., 'it is micro clips that get wrong labels'),
    'model.norm': ('group', 'batch is STSTNet as it was published')}


def _check_macro_only(values: Mapping[str, Any]) -> None:
  """Macro clips in the place of all micro clips of the training."""
  for name, (off, why) in _NOT_WITH_ONLY.items():
    if values.get(name, off) != off:
      raise InputError(f'macro.only trains on no micro clip, and with {name}='
                       f'{values[name]} {why}; leave that at {off}')
  options = sections.options_of('method', values['method.name'])
  if 'align_weight' in options:
    default, weight = options['align_weight'].default, values['method.align_weight']
    if weight != default:
      raise InputError(f'method.align_weight={weight} is of macro clips beside micro '
                       'ones, and macro.only has no micro clip to align; leave it at '
                       f'{default}, or use macro.only=False')
  if values['macro.source'] in ('none', 'magnified'):
    raise InputError(f'macro.only trains on macro clips, and macro.source='
                     f'{values["macro.source"]} has none but micro clips; use own, or '
                     'a data set')
  if values['model.encoder'] == 'dere_grl':
    raise InputError('macro.only divides each clip by its own root mean square, which '
                     'model.encoder=dere_grl does not take; use another encoder')


# How weights are trained before the task, and of which faces, where nothing is said.
_TRAINED_BEFORE = {'steps': 300, 'batch': 48, 'rate': 3e-3}
_FACES = {'seed': 1, 'subjects': 16, 'micro': 18, 'macro': 9, 'fps': 200.}
# What is of another setting alone: its default, of which that is, and who looks at it.
_OF_ANOTHER = {
    **{f'pretrain.{name}': (
        default, 'pretrain.source', ('macro', 'synthetic'),
        'is of weights that are trained before the task')
       for name, default in _TRAINED_BEFORE.items()},
    **{f'pretrain.synthetic.{name}': (
        default, 'pretrain.source', ('synthetic',), 'is of the faces that weights are '
        'trained on before the task') for name, default in _FACES.items()},
    'macro.factor': (4., 'macro.source', ('magnified',), 'is how much micro clips are '
                     'amplified'),
    'select.share': (.25, 'select.by', ('inner',), 'is how many training people judge'),
}


def _check_of_another(values: Mapping[str, Any]) -> None:
  """Settings that would have no effect are as they are by default."""
  for name, (default, other, used, what) in _OF_ANOTHER.items():
    if values[name] != default and values[other] not in used:
      raise InputError(
          f'{name}={values[name]} {what}, and {other}={values[other]} does not look at '
          f'it; use {other}={" or ".join(used)}, or leave {name} at {default}')


def _check_pretraining(values: Mapping[str, Any]) -> None:
  """Weights of the network of the run, from clips that are not those of the run."""
  source = values['pretrain.source']
  chosen = [word.partition('=')[0] for word in values['select.candidates'].split()]
  if networks := [name for name in chosen if name.startswith('model.')]:
    raise InputError(f'select.candidates: {networks[0]} changes the network, and the '
                     f'weights of pretrain.source={source} are of one; leave it out, '
                     'or use pretrain.source=none')
  if values.get('model.norm') == 'batch':
    raise InputError('pretrain.source: model.norm=batch begins with published weights '
                     'or none; use model.norm=group, or pretrain.source=none')
  if source == 'macro' and values['macro.source'] in ('none', 'magnified'):
    raise InputError(f'pretrain.source=macro trains on macro clips, and macro.source='
                     f'{values["macro.source"]} has none but micro clips; use own, or '
                     'a data set')
  if source == 'synthetic':
    _check_faces(values)
    if values['data.name'] == 'synthetic' and (values['pretrain.synthetic.seed']
                                              == values['data.synthetic.seed']):
      raise InputError('pretrain.synthetic.seed is that of the data set, so these are '
                       'the same people; give another')
    if values['inputs.kind'] == 'picture' and values['inputs.holds'] != 'flow':
      raise InputError('pretrain.source=synthetic has flow pictures, and inputs.holds='
                       f'{values["inputs.holds"]} are others; use macro, or a run')
  elif source != 'macro' and values['select.by'] != 'none':
    raise InputError('select.by=inner: who judges was seen by the weights of '
                     'pretrain.source, a finished run; fix the settings with '
                     'select.by=none')


def _check_faces(values: Mapping[str, Any]) -> None:
  """Synthetic people with clips, for weights before the task."""
  for name, least in (('seed', 0), ('subjects', 1), ('micro', 0), ('macro', 0),
                      ('fps', 1)):
    value = values[f'pretrain.synthetic.{name}']
    if not least <= value < math.inf:
      raise InputError(f'pretrain.synthetic.{name} is {value}; it must be at least '
                       f'{least}')
  if not values['pretrain.synthetic.micro'] + values['pretrain.synthetic.macro']:
    raise InputError('pretrain.synthetic.micro and pretrain.synthetic.macro are 0, so '
                     'there is no clip to train on; give one of them a value above 0')


def _check_few_shot(values: Mapping[str, Any]) -> None:
  """As many test episodes as the field asks for, of people who can be divided."""
  episodes, protocol = values['evaluation.episodes'], values['episodes.protocol']
  if 0 < episodes < 600:
    raise InputError(f'evaluation.episodes is {episodes}; few-shot test episodes are '
                     '600 or more, and 0 is none')
  if episodes and values['evaluation.ways'] == 1:
    raise InputError('evaluation.ways is 1, and with one class there is nothing to '
                     'tell apart; use 2 or more, or 0 for all classes')
  if (episodes and values['evaluation.support'] == 'held_out_dataset'
      and protocol not in ('kfold', 'leave_one_dataset_out')
      and not registry.is_outside(protocol)):
    raise InputError('evaluation.support=held_out_dataset divides the people of a fold '
                     f'and episodes.protocol={protocol} holds one person out at a '
                     'time; use kfold or leave_one_dataset_out')


def _check_other_people(values: Mapping[str, Any]) -> None:
  """Macro clips of another data set belong to nobody here, so every fold uses them."""
  name = values['data.name']
  what = {'synthetic': 'synthetic.seed', 'manifest': 'path'}.get(name)
  if what is None:
    raise InputError('macro.source is the data set itself; use macro.source=own')
  mine, theirs = values[f'data.{what}'], values[f'macro.data.{what}']
  if what == 'path':
    mine, theirs = (value and os.path.realpath(places.expand(value))
                    for value in (mine, theirs))
  if mine == theirs != '':
    raise InputError(
        f'macro.source={name} with the {what} of the data set are the same people '
        f'under another name; use macro.source=own, or another macro.data.{what}')


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
        are settings. `macro` and `support` are names.

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
