"""Families of runs that any configuration can be swept over: launch.py --sweep=NAME.

    python -m lightman_jax train --config=synthetic --sweep=ablation --seeds=3

A variant is a name, of its run folders, and the settings that it changes; --seeds gives
each so many seeds. A configuration file of your own takes these over, as those here do,
by `sweep = sweeps.sweep`, or has a function of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lightman_jax import registry
from lightman_jax.errors import InputError
from lightman_jax.options import suggestion
from lightman_jax.settings import CHOICES

Variants = tuple[tuple[str, Mapping[str, Any]], ...]

METHODS = CHOICES['method.name']
# Those that are made for pictures: a graph of landmarks, rows and series are none.
ENCODERS = tuple(name for name in registry.ENCODERS
                 if registry.find('encoder', name).takes == 'pictures')
# What curves are drawn of: the paper's method, the same without its auxiliary branch,
# and the plainest rivals.
FEW = ('lightman', 'maml', 'protonet', 'finetune', 'supervised')
LIGHTMAN = {'method.name': 'lightman'}


def methods() -> Variants:
  """Every method, on the encoder of the configuration."""
  return tuple((name, {'method.name': name}) for name in METHODS)


def encoders() -> Variants:
  """Every picture encoder, trained plainly and by the paper's method."""
  return tuple((f'{method}-{encoder}',
                {'method.name': method, 'model.encoder': encoder})
               for method in ('supervised', 'lightman') for encoder in ENCODERS)


def few_shot() -> Variants:
  """Test episodes of 1, 3 and 5 shots, and training tasks of as many.

  Where an episode's support comes from is for the configuration to say: support=.
  """
  return tuple((f'{name}-{shots}shot',
                {'method.name': name, 'episodes.shots': shots,
                 'episodes.protocol': 'kfold', 'evaluation.shots': shots,
                 'evaluation.episodes': 600})
               for shots in (1, 3, 5) for name in FEW)


def noise() -> Variants:
  """Held-out clips under every noise that means something for the inputs."""
  return tuple((name, {'method.name': name, 'evaluation.noise': 'all'}) for name in FEW)


def wrong_labels() -> Variants:
  """A share of the training clips has another label than its own."""
  return tuple((f'{name}-wrong{share}',
                {'method.name': name, 'training.wrong_labels': share})
               for share in (0., .1, .2, .3, .4) for name in FEW)


def ablation() -> Variants:
  """LightmanNet, and one thing at a time changed or taken away."""
  single = {
      'full': {},
      'no-alignment': {'method.align_weight': 0.},
      'no-outer-level': {'method.outer': 'none'},
      'first-order': {'method.first_order': True},
      'per-class': {'method.alignment': 'per_class'},
      'u-statistic': {'method.statistic': 'u'},
      'median-bandwidth': {'method.bandwidth_rule': 'median'},
      'aligned-pooled': {'method.aligned': 'pooled'},
      'aligned-logits': {'method.aligned': 'logits'},
      'aligned-outside': {'method.align_outside': True},
      'temporal-depth0': {'model.temporal_depth': 0},
      'lambda-learned': {'method.weight': 'learned'}}
  several = {'lambda': ('method.align_weight', (.1, .5, 2.)),
             'shots': ('episodes.shots', (1, 3, 5)),
             'inner-steps': ('method.inner_steps', (1, 3, 5)),
             'encoder': ('model.encoder', ENCODERS)}
  single |= {f'{name}{"-" if isinstance(value, str) else ""}{value}': {setting: value}
             for name, (setting, values) in several.items() for value in values}
  return tuple((name, {**LIGHTMAN, **changes}) for name, changes in single.items())


def ingredients() -> Variants:
  """What `defaults.recognise` is made of, one thing at a time otherwise.

  By folds of subjects; of plain training and of LightmanNet.
  """
  changes = {
      'full': {},
      'no-skip': {'model.skip': 0},
      'one-member': {'training.members': 1},
      'no-mirror': {'evaluation.mirror': False},
      'constant-rate': {'training.schedule': 'constant'},
      'hard-labels': {'training.label_smoothing': 0.},
      'small-tasks': {'episodes.shots': 3, 'episodes.queries': 3},
      'steps75': {'training.steps': 75},
      'steps300': {'training.steps': 300},
      'pixels28': {'inputs.size': 28},
      'not-centred': {'inputs.centre': 'none'},
      'with-amplitude': {'inputs.unit': 'none'},
      'no-shift': {'augment.shift': 0},
      'no-flip': {'augment.flip': 0.},
      'width8': {'model.width': 8, 'model.temporal_width': 8},
      'width32': {'model.width': 32, 'model.temporal_width': 32},
      'no-temporal': {'model.temporal_depth': 0},
      'averaged-weights': {'training.average': .5},
      'dropout': {'training.dropout': .3},
      'mixup': {'augment.mixup': .4},
      'macro-labels': {'macro.label_weight': .3},
      'pretrained': {'pretrain.source': 'synthetic'}}
  return tuple((f'{method}-{name}',
                {'method.name': method, 'episodes.protocol': 'kfold', **change})
               for method in ('supervised', 'lightman')
               for name, change in changes.items())


def people() -> Variants:
  """Some of the training people, in three draws, with labelled macro clips and without.

  LightmanNet without them still aligns with macro clips. By folds of subjects, for a
  curve has many points.
  """
  points = [(count, draw) for count in (4, 8, 16) for draw in range(3)] + [(0, 0)]
  return tuple(
      (f'{method}{"-labels" * labels}-people{count or "all"}-draw{draw}',
       {'method.name': method, 'episodes.protocol': 'kfold',
        'episodes.training_people': count, 'episodes.people_draw': draw,
        'macro.label_weight': .3 if labels else 0.})
      for count, draw in points for method in ('lightman', 'maml', 'supervised')
      for labels in (False, True))


def efficiency() -> Variants:
  """What every method costs on one encoder, and every encoder under one method."""
  pairs = {name: changes for name, changes in (
      *methods(), *((f'lightman-{name}', {**LIGHTMAN, 'model.encoder': name})
                    for name in ENCODERS))}
  return tuple((name, {**changes, 'evaluation.efficiency': True})
               for name, changes in pairs.items())


FAMILIES = {'methods': methods, 'encoders': encoders, 'few_shot': few_shot,
            'noise': noise, 'wrong_labels': wrong_labels, 'ablation': ablation,
            'people': people, 'ingredients': ingredients, 'efficiency': efficiency}


def across(names: Iterable[str]) -> Variants:
  """Trained on each data set alone and tested on each other.

  Args:
    names: of the data sets that a configuration is made of.
  """
  return tuple((f'from-{name}', {'episodes.protocol': 'cross_dataset',
                                 'episodes.train_on': name}) for name in names)


def of_composite(*names: str) -> Callable[[str], Variants]:
  """The families of a configuration of several data sets: `across`, and all others.

  Args:
    *names: of the data sets.
  """
  return lambda family: across(names) if family == 'across' else sweep(family)


def sweep(family: str) -> Variants:
  """The variants of a family.

  Raises:
    InputError: there is no such family; names the nearest.
  """
  if family not in FAMILIES:
    raise InputError(f'--sweep={family} is no family of this configuration'
                     + suggestion(family, FAMILIES))
  return FAMILIES[family]()
