"""Settings that are right each, and wrong together."""

from collections.abc import Mapping
import inspect
import math
import os
import re
from typing import Any

from lightman_jax import places, registry, sections
from lightman_jax.errors import InputError
from lightman_jax.units import counted


def check(values: Mapping[str, Any]) -> None:
  """Refuses settings that cannot run together, or of which one has no effect.

  Args:
    values: all settings, under dotted names; each is right by itself.

  Raises:
    InputError: names the settings, and what to do.
  """
  for kind in sections.SECTIONS:
    part = sections.check(kind, values)
    if part is not None:
      part.check(values)
  _check_few_shot(values)
  _check_macro_labels(values)
  _check_action_units(values)
  if values['episodes.people_draw'] and not values['episodes.training_people']:
    raise InputError(f'episodes.people_draw={values["episodes.people_draw"]} is of '
                     'some of the training people, and episodes.training_people=0 '
                     'takes all of them; leave it at 0')
  across = values['episodes.protocol'] == 'cross_dataset'
  if across != bool(values['episodes.train_on']):
    raise InputError('episodes.protocol=cross_dataset trains on the data set '
                     'episodes.train_on and tests on the others, and no other protocol '
                     'has that setting; give both, or neither')
  if values['augment.mixup'] and values.get('method.alignment') == 'per_class' and (
      values['method.align_outside'] or values['method.outer'] == 'none'):
    raise InputError('augment.mixup leaves a clip of the query in no one class, and '
                     'method.alignment=per_class aligns those of each; use marginal, '
                     'or augment.mixup=0')
  if values['macro.only']:
    _check_macro_only(values)
  if values['evaluation.attribution'] and values['inputs.kind'] == 'landmarks':
    raise InputError('evaluation.attribution draws maps of pictures, and '
                     'inputs.kind=landmarks has none; leave it out: of '
                     'model.encoder=dere_grl the actions are drawn in any case')
  _check_of_another(values)
  _check_files(values)
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
  first_order = not sections.is_second_order({
      'name': name, 'first_order': values.get('method.first_order', False)})
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


# What is of classes, one of which each clip has, and why units have none of it.
_OF_CLASSES = {
    'macro.only': (False, 'a scale of macro clips alone is of clips that have a class'),
    'method.alignment': ('marginal', 'a clip in which several units act is of no one '
                         'class'),
    'model.norm': ('group', 'batch is STSTNet as it was published, which tells classes '
                   'apart'),
    'augment.mixup': (0., 'shares of classes say nothing of sets of them'),
    'training.wrong_labels': (0., 'a set of units has no other class that it could be'),
    'evaluation.episodes': (0, 'a test episode asks which of several classes a clip is '
                            'of'),
    'evaluation.noise': ('none', 'curves under noise are of UF1, which is of classes'),
    'evaluation.oracle_gap': (False, 'it is counted in clips whose class is right'),
    'evaluation.embeddings': (False, 'its picture has a colour for each class'),
    'evaluation.scores': ('', 'a score from outside takes one class of each clip')}
MOST_UNITS = 30    # of one label: bits of an int32 beside its sign
# Of action units alone, and their defaults beside those of `debug`.
_OF_UNITS = {'labels.units': ('',), 'labels.people': (4, 2), 'labels.clips': (8, 2)}


def read_unit_numbers(text: str) -> tuple[int, ...]:
  """The units of the setting `labels.units`: '1,2,4', 'AU1, AU2' or '' for none.

  Args:
    text: of the setting.

  Raises:
    InputError: what is no number, or stands twice, or more than `MOST_UNITS`.
  """
  words = [word.strip() for word in text.split(',') if word.strip()]
  numbers = []
  for word in words:
    match = re.fullmatch(r'(?:AU)?0*([1-9][0-9]?)', word, re.IGNORECASE)
    if match is None:
      raise InputError(f'labels.units has {word!r}, which is no action unit; write '
                       'their numbers with commas between, as 1,2,4')
    numbers.append(int(match[1]))
  if len(set(numbers)) < len(numbers):
    twice = next(number for number in numbers if numbers.count(number) > 1)
    raise InputError(f'labels.units has AU{twice} twice; leave one out')
  if len(numbers) > MOST_UNITS:
    raise InputError(f'labels.units has {counted(len(numbers), "unit")}, and a label '
                     f'holds {MOST_UNITS} at most; leave some out')
  return tuple(sorted(numbers))


def _check_action_units(values: Mapping[str, Any]) -> None:
  """Several units of a clip, where one class is meant; and the other way round."""
  class_set = values['data.class_set']
  read_unit_numbers(values['labels.units'])
  beside = values.get('labels.units_weight', 0.)
  if beside and values.get('augment.mixup'):
    raise InputError(f'labels.units_weight={beside} takes the units of each clip, and '
                     'augment.mixup mixes it with another one; leave one of them at 0')
  if values['labels.kind'] != 'action_units':
    for name, usual in _OF_UNITS.items():
      if values[name] not in usual and not (beside and name == 'labels.units'):
        raise InputError(f'{name}={values[name]} is of action units, and labels.kind='
                         'classes tells classes; use labels.kind=action_units, or '
                         f'leave it at {usual[0]!r}')
    if class_set == 'action_units':
      raise InputError('data.class_set=action_units takes all clips whose units are '
                       'coded, as one class; use labels.kind=action_units with it, or '
                       'another class set')
    return
  if beside:
    raise InputError(f'labels.units_weight={beside} learns action units beside '
                     'classes, and with labels.kind=action_units they are what is '
                     'learned; leave it at 0, or use labels.kind=classes')
  for name, (off, why) in _OF_CLASSES.items():
    if values.get(name, off) != off:
      raise InputError(f'labels.kind=action_units and {name}={values[name]}: {why}; '
                       f'leave that at {off!r}, or use labels.kind=classes')


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
_FACES = {'seed': 1, 'subjects': 16, 'micro': 18, 'macro': 9, 'fps': 200.,
          'faces': 'close'}
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


# Data sets that are no folder of files which somebody sent, and macro sources.
_WITHOUT_FOLDER = {'synthetic', 'manifest', 'own', 'magnified', 'none'}


def _check_files(values: Mapping[str, Any]) -> None:
  """Files that are named are those of a data set that is read."""
  name, manual = values['data.name'], values['data.manual_dir']
  if values['data.path'] and name != 'manifest':
    raise InputError(
        f'data.path={values["data.path"]} is the list of a manifest, and data.name='
        f'{name} does not look at it; use the configuration manifest, or leave it out')
  if manual and {name, values['macro.source']} <= _WITHOUT_FOLDER:
    raise InputError(
        f'data.manual_dir={manual} is the folder of a licensed data set, and data.name='
        f'{name} reads none; use the configuration of the data set, as '
        '--config=configs/casme2.py, or leave it out')


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
  name = values['method.name']
  if values['evaluation.support_shots'] and name == 'supervised':
    raise InputError(f'evaluation.support_shots={values["evaluation.support_shots"]} '
                     'is of the supports that a model is adapted to, and '
                     f'method.name={name} has none; leave it at 0')
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
