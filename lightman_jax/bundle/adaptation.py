"""A carried model adapts to a few labelled clips of a new person or laboratory.

A bundle keeps the initialisation that meta-training has reached, and beside it what the
supports of training people have moved. Here the same inner loop starts from that
initialisation once more, on clips of somebody new, and what it moves stands in the
place of all those (Finn et al. 2017, eq. 1). Classes count alike: of the rarer ones
clips are repeated in turn, as in a support of training.

Where training magnified the support's clips for the auxiliary branch, so does this;
macro-expressions of others are in no bundle, and without them the branch of recognition
steps alone. Scores to expect, temperature and sets are those of another model: the
adapted one has none.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
from jaxtyping import Float, Int
import numpy as np

from lightman_jax import keys
from lightman_jax.bundle import folder as bundle_folder, predictor
from lightman_jax.bundle.model import Model
from lightman_jax.errors import InputError
from lightman_jax.keys import Purpose
from lightman_jax.meta.learners import Learner
from lightman_jax.settings import draws_macro
from lightman_jax.tasks.sampling import Examples
from lightman_jax.training import compiled, numerics
from lightman_jax.units import counted

OWN = 'own'           # the data set of people of whom none is named
MOST = 50             # clips of a class that are adapted to


def adapt(model: Model, x: Float[np.ndarray, 'n *clip'], labels: Sequence[str],
          people: Sequence[tuple[str, str]]) -> Model:
  """A model whose weights are those that the inner loop reaches on some clips.

  Args:
    model: of `load_model`.
    x: inputs as the network sees them.
    labels: the class of each clip.
    people: (data set, person) of each clip, who join those that the model has seen.

  Returns:
    The adapted model; the other one stays as it is.

  Raises:
    InputError: the method does not adapt, a class lacks a clip, or a label is none of
      the model's.
  """
  label, learner = check_support(model, labels, people, len(x)), model.learner
  config = model.about['settings']
  if not learner.needs_support:
    raise InputError(f'a model of method={config["method"]["name"]} does not adapt: '
                     'nothing of it moves at test time; train one of a method that '
                     'does, as lightman, maml, anil, reptile or finetune')
  support, arrays = support_numbers(label, len(model.classes)), []
  with numerics.pinned(config['model']['matmul_precision']):
    for seed, own in zip(model.about['seeds'], model.arrays):
      scale = np.asarray(own['scale'])
      scaled = np.asarray(x[support], np.float32) / scale
      key = keys.key_for(jax.random.key(seed), Purpose.EVAL_ADAPT)
      fast = _program(learner)(
          own['params'], examples_of(scaled, label[support], config), key)
      arrays.append(predictor.keep(learner, own['params'], fast, scale))
  return Model(bundle_folder.Bundle(_about(model, label, people), arrays), like=model)


@functools.lru_cache(maxsize=8)
def _program(learner: Learner) -> Callable:
  """The compiled inner loop: (params, support, key) to what it moves, as one draw."""
  @compiled.jit
  def moved(params, examples, key):
    fast = learner.adapt(params, examples, key).fast
    return {name: jax.tree.map(lambda leaf: leaf[None], fast[name])
            for name in learner.adapted_subtrees or ('prototypes',)}
  return moved


def check_support(model: Model, labels: Sequence[str],
                  people: Sequence[tuple[str, str]], count: int
                  ) -> Int[np.ndarray, 'n']:
  """The classes of the clips as numbers.

  Args:
    model: to adapt.
    labels: the class of each clip.
    people: (data set, person) of each.
    count: of clips.

  Raises:
    InputError: see `adapt`.
  """
  if not (len(labels) == len(people) == count):
    raise InputError(f'there are {counted(count, "clip")}, '
                     f'{counted(len(labels), "label")} and '
                     f'{counted(len(people), "person")} to adapt to; give one of each '
                     'for every clip')
  if unknown := [name for name in labels if name not in model.classes]:
    raise InputError(f'{str(unknown[0])[:80]!r} is no class of this model, whose '
                     f'classes are {", ".join(model.classes)}')
  label = np.array([model.classes.index(name) for name in labels], np.int32)
  counts = np.bincount(label, minlength=len(model.classes))
  if not counts.all():
    lacking = model.classes[int(counts.argmin())]
    raise InputError(f'the clips to adapt to hold none of the class {lacking!r}, and '
                     'the model would unlearn it; give one or more of every class')
  if counts.max() > MOST:
    raise InputError(f'{counts.max()} clips of {model.classes[int(counts.argmax())]!r} '
                     f'to adapt to are more than {MOST}; with so many train a model '
                     'of them')
  return label


def support_numbers(label: Int[np.ndarray, 'n'], classes: int) -> Int[np.ndarray, 's']:
  """Numbers of clips, class after class, as many of each.

  Args:
    label: of each clip, each class at least once.
    classes: how many there are.
  """
  most = int(np.bincount(label, minlength=classes).max())
  return np.concatenate([np.resize(np.flatnonzero(label == k), most)
                         for k in range(classes)])


def examples_of(x: Float[np.ndarray, 's *clip'], label: Int[np.ndarray, 's'],
                config: Any) -> Examples:
  """A support, with the clips of the auxiliary branch where they are its own.

  These are taken from the classes in turn, as in test episodes.

  Args:
    x: the support, class after class, as many of each; brought to its scale.
    label: of each.
    config: settings of the model.
  """
  macro, factor = np.zeros(0, int), 1.
  if draws_macro(config) and config['macro']['source'] == 'magnified':
    by_turns = np.arange(len(x)).reshape(int(label.max()) + 1, -1).T.reshape(-1)
    macro = np.resize(by_turns, config['macro']['clips'])
    factor = config['macro']['factor']
  return Examples(x, label, np.float32(factor) * x[macro], label[macro])


def _about(model: Model, label: Int[np.ndarray, 'n'],
           people: Sequence[tuple[str, str]]) -> dict[str, Any]:
  """The fields of model.json of the adapted model."""
  from lightman_jax.bundle.final import licences
  before = [tuple(person) for person in model.about['seen']]
  new = sorted(set(people))
  seen = sorted({*before, *new})
  counts = np.bincount(label, minlength=len(model.classes))
  words = ', '.join(f'{count} {name}' for name, count in zip(model.classes, counts))
  remarks = [f'adapted to clips of {counted(len(new), "person")} ({words}), who are '
             'among those it has seen: scores of clips of theirs that it was adapted '
             'to are no test of it',
             'not calibrated: temperature, sets and scores to expect were of the model '
             'before']
  config = model.about['settings']
  if draws_macro(config) and config['macro']['source'] != 'magnified':
    remarks.append('adapted by recognition alone: no macro-expressions are in a model '
                   'that is carried')
  if shared := sorted({*before} & {*new}):
    remarks.append(f'{shared[0][1]} of {shared[0][0]} had been seen before: what '
                   'adapting gains is not that of a new person')
  return {**model.about, 'draws': 1, 'expect': None, 'calibration': None,
          'seen': [list(person) for person in seen],
          'licences': licences(seen),
          'adapted': {'people': [list(person) for person in new],
                      'clips': dict(zip(model.classes, counts.tolist()))},
          'remarks': [*model.about['remarks'], *remarks]}


def check_written(model: Model) -> None:
  """No class mean that is written is that of one or two clips, which it would show.

  Args:
    model: adapted.

  Raises:
    InputError: a class has too few clips.
  """
  adapted = model.about.get('adapted')
  if adapted and model.about['settings']['method']['name'] == 'protonet':
    name, fewest = min(adapted['clips'].items(), key=lambda pair: pair[1])
    if fewest < predictor.FEWEST:
      raise InputError(
          f'the mean of the class {name!r} would be that of {counted(fewest, "clip")}, '
          f'of which it shows too much for a file: {predictor.FEWEST} or more are '
          'needed')
