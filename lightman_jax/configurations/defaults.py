"""What all configurations share: the sections, and how variants are picked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_collections import config_dict

from lightman_jax import registry, sections
from lightman_jax.errors import InputError
from lightman_jax.options import suggestion
from lightman_jax.settings import CHOICES, flat
from lightman_jax.units import counted

Change = Callable[[config_dict.ConfigDict], None]


def synthetic() -> dict:
  """The people of the embedded data set; see `synthetic.scenes.Difficulty`."""
  # faces: wide; close, as published pictures frame and record them; glasses, which is
  # close with some people who wear them; or lamps, close under light that differs more.
  return dict(seed=0, subjects=8, micro=18, macro=9, fps=200., faces='wide')


def meant() -> dict:
  """What looks like a mistake in the data and is none: names by commas, or all."""
  return dict(
      different_people='',    # subjects of like names, as s0,S0
      different_labels='',    # labels of like names
      repeated_clips='')      # clips whose frames stand under two people


def _data() -> dict:
  """The data set."""
  return dict(
      name='', class_set='', frames=9, size=64, data_dir='', manual_dir='', path='',
      sheet='auto',           # or an edition, as '2014', or the names of its files
      edition='auto',
      corrections='',         # names of data/sheets.py, by commas
      apex='spotted',         # where the sheet has none: spotted, none, or a table
      landmarks='auto',       # auto, model, none, a table, or the model's folder
      own_classes={},         # class_set='own': emotion or objective class -> class
      **meant(),
      synthetic=synthetic())


def _model() -> dict:
  """The network: python -m lightman_jax settings encoder=NAME."""
  # Of products of float32: highest is float32, high and default are what an
  # accelerator has that is faster (TF32, bfloat16).
  return sections.choose('encoder', 'conv4', dict(matmul_precision='highest'))


def _training() -> dict:
  """Steps, the outer optimizer, and how work is divided."""
  return dict(
      steps=200, tasks=4, checkpoint_every=50, outer_rate=3e-3,
      weight_decay=1e-2, clip_norm=1.,
      schedule='constant',    # of outer_rate; cosine: to zero at the last step
      average=0.,             # share of the steps at the end whose weights are averaged
      label_smoothing=0.,     # in every cross entropy, inside and outside
      # Models of a fold, from draws of their own and trained on the same tasks, whose
      # log-probabilities are averaged.
      members=1,
      dropout=0.,         # share of what the head sees, left out of a training step
      wrong_labels=0.,    # share of a fold's training micro clips
      devices=0,          # 0: all
      data='auto',        # where clips live: device, or host (files)
      split='auto',       # what devices share: folds or tasks
      # Of a device, as one batch, at most: fewer where an accelerator, or
      # memory_limit, holds no more.
      folds_at_once=0,    # 0: one on a CPU, else 8
      tasks_at_once=0,    # and supports; 0: one on a CPU, else all
      # GiB that training may take, on an accelerator of each; a run
      # that needs more one by one is refused. 0: what is there.
      memory_limit=0.)


def _evaluation() -> dict:
  """What is measured on people who were held out."""
  return dict(
      noise='none',       # all, or kinds: gaussian,blur
      oracle_gap=False,   # what peeking would gain; not a result
      draws=8,            # supports whose models' logits are averaged
      support_shots=0,    # clips of a class in each; 0: episodes.shots, as in training
      mirror=False,       # and logits of a clip and of its mirror image
      resamples=2000,     # swaps of two rows that a p is taken from
      ridge_penalty=.1,   # of ridge_raw; ridge and svm choose theirs in each fold
      # Few-shot test episodes: 0 (none), or 600 or more.
      episodes=0, ways=0,     # classes of an episode; 0: all
      shots=1, queries=3,
      # training_subjects, held_out_subject, held_out_dataset: three
      # different tasks; see tasks/few_shot.py.
      support='training_subjects',
      efficiency=False,   # measures what the method costs, too
      embeddings=False,   # of the first fold's clips, for the report
      attribution=False,  # where in the face a class's predictions come from
      tensorboard=False,  # event files of every fold
      # Scores besides UF1, UAR and accuracy: FILE.py:NAME, by commas.
      scores='')


def base() -> config_dict.ConfigDict:
  """Every setting with its default. What is not LightmanNet's paper's is ours."""
  return config_dict.ConfigDict(dict(
      seed=0,
      data=_data(),
      # What the network sees. kind: flow, difference, frames, picture, landmarks.
      inputs=dict(kind='flow', span='each', algorithm='dis', size=64,
                  holds='flow',
                  centre='none',     # or median, where no motion is at no known level
                  # Of flow that is made here, what the head's motion is taken to be:
                  # none, nose, median; and where nothing counts: none, eyes.
                  stabilise='none', mask='none',
                  # What a clip is divided by: none, its own root mean square (clip),
                  # or those of its channels (channel).
                  unit='none'),
      # The macro-expressions: micro ones are aligned with them, or they are labelled
      # clips in the loss of any method.
      macro=dict(
          source='own',           # own, none, magnified, or a data set by name
          clips=9,                # of a task
          factor=4.,              # magnified: times the motion
          map='same',             # emotion -> class; data/facts.py
          label_weight=0.,        # mu, of their cross entropy; 0: not in the loss
          label_where='inner',    # the loss that they are in: inner, outer, both
          label_head='shared',    # or own
          label_learned=False,    # mu goes by its hypergradient
          only=False,             # no micro clip is trained on; macro clips stand in
          data=dict(frames=9, size=64, class_set='', path='', **meant(),
                    synthetic=synthetic())),
      # What is told of a clip: its class, or which action units act. Of units: '' is
      # all that are coded, or their numbers by commas; and how many training people,
      # and clips, must show one in every fold, or it is left out. units_weight is that
      # of units in the loss beside classes; 0: not in it.
      labels=dict(kind='classes',     # or action_units
                  units='', people=4, clips=8, units_weight=0.),
      # Weights that folds begin with. source: none, macro (macro.source's clips),
      # synthetic (faces), or the folder of a finished run, taken fold by fold.
      pretrain=dict(source='none', steps=300, batch=48, rate=3e-3,
                    synthetic=dict(synthetic(), seed=1, subjects=16,
                                   faces='close')),
      augment=dict(shift=1, flip=.5, amplitude=.2, mixup=0.),
      # protocol: loso, kfold, leave_one_dataset_out, cross_dataset, which trains on the
      # data set train_on and tests on the others, megc2019. Of a fold's training people
      # with micro clips so many are trained on, in one draw of several; 0: all.
      episodes=dict(protocol='loso', folds=5, train_on='', shots=3, queries=3,
                    training_people=0, people_draw=0),
      model=_model(),
      # What the method can be set to: python -m lightman_jax settings method=NAME.
      method=sections.choose('method', 'lightman'),
      training=_training(),
      # Settings chosen inside each fold, by people it trains on, or fixed here.
      select=dict(by='none',      # or inner
                  candidates='',  # 'method.inner_rate=.01,.05 training.steps=50,100'
                  share=.25),     # of the training people: they judge
      evaluation=_evaluation(),
  ))


def recognise(config: config_dict.ConfigDict) -> None:
  """What recognises better where clips are few, on inputs of 14 pixels.

  A linear model of such inputs is hard to beat because it varies little, not because it
  fits better. So what averages comes first: several members, mirror images, a rate that
  falls to zero, smoothed labels, larger tasks. The head sees the clip beside the
  encoder's map, so a linear answer is within its reach. How much somebody moves tells
  people and data sets apart, not expressions: each channel of a clip is divided by its
  own root mean square. benchmarks/README.md has the measurements.

  Args:
    config: of pictures, as `base` makes it; changed in place.
  """
  config.inputs.update(size=14, unit='channel')
  config.model.update(width=16, temporal_width=16, temporal_depth=1, skip=14)
  config.method.update(inner_steps=1, inner_rate=.02)
  config.episodes.update(shots=5, queries=5)
  config.training.update(steps=150, tasks=2, schedule='cosine', label_smoothing=.1,
                         members=3)
  config.evaluation.mirror = True


def licensed(name: str, class_set: str, *, source: str = 'magnified'
             ) -> config_dict.ConfigDict:
  """What the files of licensed data sets share.

  Args:
    name: of the data set.
    class_set: of it; see its facts in data/datasets/.
    source: of the macro-expressions.
  """
  config = base()
  config.data.update(name=name, class_set=class_set, frames=9, size=64)
  config.inputs.span = 'apex'
  config.macro.update(source=source, clips=10)
  recognise(config)
  return config


def classes(config: config_dict.ConfigDict, class_set: str, sheet: str = 'auto'
            ) -> None:
  """A variant of another class set, out of a certain edition of the sheet."""
  config.data.update(class_set=class_set, sheet=sheet)


def debug(config: config_dict.ConfigDict) -> None:
  """All stages in about a minute on two cores; its scores mean nothing."""
  for data in (config.data, config.macro.data):
    data.synthetic.update(subjects=4, micro=6, macro=3)
  config.inputs.size = 16
  config.model.update(width=4, temporal_width=4, temporal_depth=1)
  config.macro.clips = 3
  config.method.inner_steps = 1
  config.training.update(steps=4, tasks=1, checkpoint_every=2, members=1)
  config.episodes.update(shots=1, queries=1, folds=2)
  config.evaluation.update(draws=2, resamples=200, queries=1)
  config.labels.update(people=2, clips=2)


TRIAL_STEPS = 10     # of a fold's training; fewer than that try the program


def describe_trial(config: Mapping[str, Any]) -> str:
  """Why the scores of a run mean nothing, by its settings alone; '' of any other run.

  A run is a trial where it has all that `debug` sets, or where a fold is trained for a
  few steps from weights that were drawn.

  Args:
    config: complete, nested.
  """
  tried = base()
  before = flat(tried.to_dict())
  debug(tried)
  mine, steps = flat(config), config['training']['steps']
  of_debug = {name: value for name, value in flat(tried.to_dict()).items()
              if value != before[name]}
  if all(mine.get(name, value) == value for name, value in of_debug.items()):
    reason = 'its settings are those of :debug'
  elif (steps < TRIAL_STEPS and config['pretrain']['source'] == 'none'
        and not config['model'].get('weights')):
    reason = f'each fold is trained for {counted(steps, "step")} only'
  else:
    return ''
  return f'a trial of the program, whose scores mean nothing: {reason}'


def quick(config: config_dict.ConfigDict) -> None:
  """One member of 100 steps: for a first look.

  Its scores are honest ones of a smaller method, and no stand-in for the default's.
  """
  config.inputs.span = 'apex'
  config.training.update(steps=100, checkpoint_every=100, members=1)
  config.evaluation.draws = 4


def published(config: config_dict.ConfigDict) -> None:
  """STSTNet as it was published, on flow pictures of 28 pixels: for `model.weights`."""
  config.method.name = 'supervised'
  config.model.update(encoder='ststnet', norm='batch', temporal_depth=0, skip=0)
  config.inputs.update(kind='picture', holds='flow', size=28, centre='none',
                       unit='none')
  config.training.update(schedule='constant', label_smoothing=0., dropout=0., members=1)
  config.evaluation.mirror = False


def few_shot(config: config_dict.ConfigDict) -> None:
  """600 test episodes of all classes, over people held out by five folds."""
  config.episodes.update(protocol='kfold')
  config.evaluation.update(episodes=600)


def _name_part(config: config_dict.ConfigDict, name: str, place: str, value: str
               ) -> None:
  """Names a part, or a word, in its section; of scores one more."""
  known = registry.TABLES.get(name) or CHOICES[place]
  if value not in known and not (name in sections.SECTIONS
                                 and registry.is_outside(value)):
    raise InputError(sections.hint(name, value) or (
        f'{name}={value} is no variant' + suggestion(value, known, before=f'{name}=')))
  if name == 'score':
    value = ','.join(filter(None, (config.evaluation.scores, value)))
  if name == 'data':      # of another sheet
    config.data.update(class_set='', sheet='auto', edition='auto', corrections='')
  config.update_from_flattened_dict({place: value})
  if name == 'encoder' and value in known and (
      registry.find(name, value).takes == 'landmarks'):
    config.inputs.update(kind='landmarks', unit='none')


def _no_variant(word: str, known: Sequence[str]) -> str:
  """What to say of a word that is no variant: it may be the value of one."""
  every = f' (all: {", ".join(known)})'
  named = [f'{kind}={value}' for kind, place in sections.VARIANTS.items()
           for value in registry.TABLES.get(kind) or CHOICES[place]
           if word.casefold() == value]
  if named:
    return f'{word!r} is the value of a variant; write {" or ".join(named)}{every}'
  return sections.hint('method', word) or sections.hint('data', word) or (
      f'{word!r} is no variant of this configuration' + suggestion(word, known))


def finish(config: config_dict.ConfigDict, arg: str | None,
           variants: Mapping[str, Change]) -> config_dict.ConfigDict:
  """Applies the variants after the colon: `:debug`, `:method=maml,debug`.

  Args:
    config: complete.
    arg: names of `variants`, and method=, encoder=, data=, macro=, protocol=, score=,
      support=, labels=, separated by commas; method=FILE.py:NAME takes a method from
      outside, and so do encoder, data, protocol and score.
    variants: what this file offers beside `debug`, `quick`, `few_shot` and `published`,
      or instead of one.

  Raises:
    InputError: an unknown variant or value; names the nearest.
  """
  variants = {'debug': debug, 'quick': quick, 'few_shot': few_shot,
              'published': published, **variants}
  valued, named = sections.VARIANTS, {}
  for word in filter(None, (arg or '').split(',')):
    name, equals, value = word.partition('=')
    if equals and name in valued:
      if named.setdefault(name, value) != value and name != 'score':
        raise InputError(f'{name}={named[name]} and {name}={value} are given both; '
                         'leave one out')
      _name_part(config, name, valued[name], value)
    elif equals or name not in variants:
      raise InputError(_no_variant(word, [*variants, *(f'{key}=' for key in valued)]))
    else:
      variants[name](config)
  sections.fit(config)
  config.lock()
  return config
