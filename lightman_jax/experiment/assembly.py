"""A configuration becomes the parts of a run: material, recipe, a fold's data."""

from collections.abc import Callable, Mapping, Sequence
import functools
import hashlib
import math
from typing import Any, NamedTuple

import jax
import numpy as np

from lightman_jax import keys, registry
from lightman_jax.data import duplicates, people
from lightman_jax.data.load import load
from lightman_jax.data.sources import check_flow_pictures
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.experiment import preconditions, pretraining, published_start
from lightman_jax.experiment.pretraining import Pretraining
from lightman_jax.experiment.published_start import Weights
from lightman_jax.inputs import inputs, macros
from lightman_jax.inputs.augmentation import Augmentation, augment, mirror, mixup
from lightman_jax.inputs.pool import Inputs, Pool, channel_scale, mean_squares
from lightman_jax.meta import learners
from lightman_jax.meta.losses import MacroLabels
from lightman_jax.meta.running_statistics import MOMENTUM, beside_statistics
from lightman_jax.models.network import (
  Network,
  check_clips,
  make_encoder,
  make_network,
)
from lightman_jax.runs import results
from lightman_jax.runs.progress import Progress, Stages
from lightman_jax.settings import (
  aligns_macro,
  describe_missing_macro,
  draws_macro,
  faces_data,
  is_multi_label,
  macro_data,
  uses_macro,
)
from lightman_jax.tasks import action_units, few_shot
from lightman_jax.tasks.few_shot import EpisodePlan
from lightman_jax.tasks.folds import Fold, count_clips, make_folds, mislabel
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.tasks.splits import plan_splits
from lightman_jax.training import streaming
from lightman_jax.training.devices import Layout, lay_out, open_devices
from lightman_jax.training.state import FoldData, Recipe, make_optimizer
from lightman_jax.units import counted


class Material(NamedTuple):
  """What a run works on."""
  clips: ClipSet
  pool: Pool
  folds: tuple[Fold, ...]
  splits: tuple[np.ndarray, ...]    # (P, S) of each fold
  sha256: str                       # over data set, macro source, published weights
  labels: tuple[np.ndarray, ...]    # (N,) as each fold has them
  few_shot: EpisodePlan | None = None      # test episodes, where asked for
  squares: np.ndarray | None = None  # (N, c) of the inputs; see `pool.mean_squares`
  streamed: int = 0                 # bytes of a clip, where clips are brought in blocks
  people: Mapping[str, list[str]] = {}  # what is known of who is in several data sets
  weights: Weights | None = None    # that folds begin with, where they are published
  pretrained: Pretraining | None = None    # or where they are trained before the task
  rare: Mapping[str, str] = {}      # action units that are left out, and how rare

  def __repr__(self) -> str:
    return f'<Material {self.clips}, {self.pool}, {counted(len(self.folds), "fold")}>'


Cut = Callable[[Pool], tuple[Fold, ...]]    # in the place of a protocol's folds


def prepare(config: Mapping[str, Any], progress: Progress, *, cut: Cut | None = None
            ) -> Material:
  """Loads or builds the data, and arranges it; `cut` as in `arrange`."""
  preconditions.check_pretrain_source(config)
  shown = Stages(progress)
  others, faces = macro_data(config), faces_data(config)
  for data in filter(None, (config['data'], others)):
    check_flow_pictures(data, config['inputs'])
  read = lambda data: load(data, progress=shown.of(data), say=progress.say)
  clips = read(config['data'])
  other = read(others) if others else None
  generated = read(faces) if faces else None

  def make(some: ClipSet) -> Inputs:
    whose = (config['data'] if some is clips else faces if some is generated
             else others)
    return inputs.cached_inputs(some, inputs.Settings(**config['inputs']),
                                say=progress.say, progress=shown.of(whose))
  material = arrange(config, clips, other, make=make, say=progress.say, faces=generated,
                     cut=cut)
  for line in (*material.people['known'][1:], *material.people['not_known'],
               *macros.describe_empty(material.pool, material.squares)):
    progress.say(line)
  return _place_inputs(config, material, progress.say)


def data_sha256(sha256: Sequence[str]) -> str:
  """One hash over those of all that a run is made of."""
  return hashlib.sha256(' '.join(sha256).encode()).hexdigest()


def _place_inputs(config: Mapping[str, Any], material: Material,
            say: Callable[[str], None]) -> Material:
  """Reads the inputs into memory, where they fit there and on the device."""
  x, used = material.pool.x, open_devices(config['training']['devices'])
  where, why = streaming.choose_clip_memory(
      config['training']['data'], math.prod(x.shape) * 4, devices=len(used),
      limit=streaming.memory_of(jax.local_devices()[0]))
  if where == 'device':
    return material._replace(pool=material.pool._replace(x=np.asarray(x)))
  say(why)
  if config['evaluation']['efficiency']:
    raise InputError('evaluation.efficiency measures steps whose clips live on the '
                     'device, and here they are brought to it in blocks; set it to '
                     'False, or training.data=device')
  return material._replace(streamed=math.prod(x.shape[1:]) * 4)


def arrange(config: Mapping[str, Any], clips: ClipSet, other: ClipSet | None = None, *,
            make: macros.MakeInputs, say: Callable[[str], None],
            faces: ClipSet | None = None, cut: Cut | None = None) -> Material:
  """Inputs, pool, folds, and for every fold the ways to make a task of it.

  Args:
    config: complete.
    clips: the data set.
    other: where its macro clips come from, if from another one.
    make: clips to inputs.
    say: called with a line on what is short or absent.
    faces: that weights are trained on before the task, where they are synthetic.
    cut: the folds of the pool, with all of their people; None: those of the protocol.
  """
  pool = macros.make_pool(
      clips, inputs.Settings(**config['inputs']), other=other, make=make,
      macro_map=config['macro']['map'],
      source=config['macro']['source'] if uses_macro(config) else 'none')
  for line in (*macros.describe_macros(config, clips),
               *macros.describe_unlabelled(config, pool)):
    say(line)
  if is_multi_label(config):
    pool = action_units.coded_pool(pool, say)
  _check_alignment_by_class(config, pool)
  folds = cut(pool) if cut else make_folds(
      pool, config['episodes']['protocol'], folds=config['episodes']['folds'],
      seed=config['seed'], dataset=clips.info['dataset'], options=config['episodes'])
  rare: Mapping[str, str] = {}
  if is_multi_label(config):
    pool, rare = action_units.with_units(pool, folds, config['labels'], say)
  folds = _keep_labelled_macro(config, pool, folds)
  if cut is None:
    folds = tuple(fewer_people(config, pool, fold) for fold in folds)
  known_people = _people(config, clips, other, pool)
  per_class = count_clips(pool, np.ones(len(pool.clips), bool)).sum(1).tolist()
  for remark in results.remarks(dict(zip(pool.classes, per_class))):
    say(remark)
  weights = published_start.choose(config, pool, folds, clips.info['dataset'])
  hashes = [clips.info['sha256'], other.info['sha256'] if other else '',
            *([weights.sha256] if weights else []),
            *([action_units.sha256(pool)] if pool.multi_label else [])]
  pretrained = _pretraining(config, clips, pool, folds, faces, hashes, make, say)
  if pretrained:
    hashes.append(pretrained.sha256)
    known_people = people.join_facts(known_people, pretrained.known)
  labels = tuple(fold_labels(config, pool, fold) for fold in folds)
  return Material(clips, pool, folds, plan(config, pool, folds, labels, say),
                  data_sha256(hashes), labels,
                  plan_few_shot(config, pool, folds, labels, say),
                  mean_squares(pool.x), people=known_people, weights=weights,
                  pretrained=pretrained, rare=rare)


def _pretraining(config, clips: ClipSet, pool: Pool, folds: tuple[Fold, ...],
                 faces: ClipSet | None, sha256: Sequence[str], make: macros.MakeInputs,
                 say: Callable[[str], None]) -> Pretraining | None:
  """What folds begin with, where that is trained before the task."""
  source = None
  if faces is not None:
    how, made = inputs.Settings(**config['inputs']), make(faces)
    source = pretraining.faces_source(
        faces, made, inputs.describe_content(how, made.shape[-1]),
        config['pretrain']['synthetic']['seed'])
    if made.shape[1:] != pool.x.shape[1:]:
      raise InputError(
          f'pretrain.source=synthetic has inputs of {made.shape[1:]} and the data set '
          f'has {pool.x.shape[1:]}: give both the same number of frames and size')
  chosen = pretraining.choose(
      config, pool, folds, clips.info['dataset'], faces=source,
      make_net=functools.partial(make_net, config), data_sha256=' '.join(sha256))
  if chosen:
    say('folds begin with weights that were trained before: '
        + ', '.join(f'{name} {value}' for name, value in chosen.about.items()))
  return chosen


def _people(config: Mapping[str, Any], clips: ClipSet, other: ClipSet | None, pool: Pool
            ) -> dict[str, list[str]]:
  """What is known of who is in several data sets; refuses one clip of two people."""
  macro = np.flatnonzero(other.macro) if other else ()
  theirs = [(other.datasets[n], other.subject[n]) for n in macro]
  added = len(pool.clips) - len(macro)
  shared = pool.subject[added:][~pool.foreign[added:]]
  known = people.describe_overlap(list(zip(clips.datasets, clips.subject)), theirs,
                                  len(np.unique(shared)))
  meant = [*clips.info.get('meant', ())]
  if other:
    meant += other.info.get('meant', ())
    meant += duplicates.check_repeats(
        duplicates.same_frames(
            pool.frames_sha256, [pool.subjects[s] for s in pool.subject], pool.clips),
        config['data']['repeated_clips'],
        place=f'macro.source={config["macro"]["source"]}')
  return known | ({'as_set': list(dict.fromkeys(meant))} if meant else {})


def _keep_labelled_macro(config: Mapping[str, Any], pool: Pool, folds: tuple[Fold, ...]
                         ) -> tuple[Fold, ...]:
  """The folds, without macro clips of no class where macro clips count by their labels.

  Raises:
    InputError: a fold has no macro clip that has one of the classes.
  """
  macro = config['macro']
  setting = 'macro.only' if macro['only'] else 'macro.label_weight'
  if macro['source'] == 'magnified' or not (macro['label_weight'] or macro['only']):
    return folds
  labelled = pool.macro & (pool.label >= 0)
  for fold in folds:
    if not (fold.train & labelled).any():
      raise InputError(
          f'{setting}: fold {fold.held_out} has no macro clip of a class of '
          f'{", ".join(pool.classes)} to train on; use another macro.map or '
          f'macro.source, or leave {setting} as it is by default')
  if aligns_macro(config):
    return folds
  return tuple(fold._replace(train=fold.train & (labelled | ~pool.macro))
               for fold in folds)


ATTEMPTS = 256     # draws of people, of whom a task must be possible


def fewer_people(config: Mapping[str, Any], pool: Pool, fold: Fold) -> Fold:
  """A fold that trains on `episodes.training_people` of its people alone.

  Who they are is a function of the seed, the draw and the fold: the first order of its
  people whose first so many can fill a task. The macro clips of those who are left out
  go with them; those of people without a micro clip stay.

  Args:
    config: complete.
    pool: of the run.
    fold: with all its training people.

  Raises:
    InputError: there are too few, or no draw can fill a task.
  """
  count, draw = (config['episodes'][name]
                 for name in ('training_people', 'people_draw'))
  if not count:
    return fold
  everyone = np.unique(pool.subject[fold.train & ~pool.macro])
  if count > len(everyone):
    raise InputError(
        f'episodes.training_people is {count} and fold {fold.held_out} has '
        f'{counted(len(everyone), "training person")}; use fewer, or 0 for all')
  by_name = sorted(everyone.tolist(), key=lambda s: pool.subjects[s])
  rng = keys.generator(config['seed'], 'training people', str(draw), fold.held_out)
  for _ in range(ATTEMPTS):
    left_out = np.isin(pool.subject, rng.permutation(by_name)[count:])
    part = fold._replace(train=fold.train & ~left_out)
    try:
      plan(config, pool, (part,), (pool.label,), lambda line: None)
      return part
    except InputError as error:
      why = error
  raise InputError(
      f'episodes.training_people={count}: of {ATTEMPTS} draws of the training people '
      f'of fold {fold.held_out} none can fill a task ({why}); use more people')


def macro_as_micro(config: Mapping[str, Any], pool: Pool, fold: Fold
                   ) -> tuple[Pool, Fold]:
  """The pool and the fold as training sees them.

  With `macro.only` the macro clips that have a class stand in the place of all micro
  clips: tasks are drawn of them, and the scale is theirs.
  """
  if not config['macro']['only']:
    return pool, fold
  mine = fold.train & pool.macro & (pool.label >= 0)
  return pool._replace(macro=np.zeros_like(pool.macro)), fold._replace(train=mine)


def _check_alignment_by_class(config: Mapping[str, Any], pool: Pool) -> None:
  """Alignment by class needs macro clips of every class."""
  if (config['method'].get('alignment', 'marginal') == 'marginal'
      or not draws_macro(config)
      or config['macro']['source'] == 'magnified' or not pool.macro.any()):
    return
  present = set(pool.label[pool.macro].tolist())
  if missing := [name for k, name in enumerate(pool.classes) if k not in present]:
    raise InputError(
        f'method.alignment=per_class: no macro clip is of class {missing[0]}; use '
        'method.alignment=marginal, another macro.map, or macro.source=magnified')


def plan_few_shot(config: Mapping[str, Any], pool: Pool, folds: tuple[Fold, ...],
                  labels: tuple[np.ndarray, ...], say: Callable[[str], None]
                  ) -> EpisodePlan | None:
  """The test episodes; says how many people have enough clips. None where it is off."""
  form = few_shot.Form(**{name: config['evaluation'][name]
                          for name in few_shot.Form._fields})
  if not form.episodes:
    return None
  planned = few_shot.plan_episodes(pool, folds, labels, form, seed=config['seed'])
  say(few_shot.describe_episodes(planned))
  return planned


def fold_labels(config: Mapping[str, Any], pool: Pool, fold: Fold) -> np.ndarray:
  """A fold's labels: some of its training micro clips have wrong ones, where asked."""
  return mislabel(
      pool.label, fold.train & ~pool.macro, share=config['training']['wrong_labels'],
      classes=len(pool.classes),
      rng=keys.generator(config['seed'], 'wrong labels', fold.held_out))


def make_sizes(config: Mapping[str, Any], pool: Pool) -> Sizes:
  """What a task holds; no macro clip where none is used, or there is none."""
  magnified = draws_macro(config) and config['macro']['source'] == 'magnified'
  has_macros = magnified or (draws_macro(config) and bool(pool.macro.any()))
  return Sizes(
      len(pool.classes), config['episodes']['shots'], config['episodes']['queries'],
      config['macro']['clips'] if has_macros else 0,
      float(config['macro']['factor']) if magnified else 0., pool.multi_label)


def make_net(config: Mapping[str, Any], classes: Sequence[str]) -> Network:
  """The network of a configuration, for the classes of its data."""
  return make_network(make_encoder(**config['model']), classes=len(classes),
                      **network_settings(config))


def network_settings(config: Mapping[str, Any]) -> dict[str, Any]:
  """What a configuration says of a network beside its encoder and classes."""
  unless_outside = lambda section, key, name: (
      0 if registry.is_outside(config[section][key]) else config[section].get(name, 0))
  return {'skip': unless_outside('model', 'encoder', 'skip'),
          'projection': unless_outside('method', 'name', 'projection'),
          'label_smoothing': config['training']['label_smoothing'],
          'macro_head': config['macro']['label_head'] == 'own',
          'multi_label': is_multi_label(config),
          'unit_clips': config['macro']['only'],
          'units': len(action_units.beside_classes(config.get('labels', {})))}


def macro_labels(config: Mapping[str, Any]) -> MacroLabels | None:
  """How labelled macro clips are in the losses of a configuration; None: not at all."""
  macro = config['macro']
  if not macro['label_weight']:
    return None
  return MacroLabels(macro['label_weight'], macro['label_where'],
                     macro['label_head'] == 'own', macro['label_learned'])


def make_member_learner(config: Mapping[str, Any], net: Network) -> learners.Learner:
  """The method of a configuration, as the learner of one of its members."""
  learner = learners.make_learner(net, labels=macro_labels(config), **config['method'])
  weight = config.get('labels', {}).get('units_weight', 0.)
  return learners.with_dropout(learners.with_units(learner, net, weight), net,
                               config['training']['dropout'])


def make_learner(config: Mapping[str, Any], net: Network) -> learners.Learner:
  """The method of a configuration, as the learner of all its members."""
  member, count = make_member_learner(config, net), config['training']['members']
  return (learners.ensemble(member, count, multi_label=net.multi_label)
          if count > 1 else member)


def make_recipe(config: Mapping[str, Any], pool: Pool, layout: Layout) -> Recipe:
  """Network, learner, optimizer and tasks of a configuration."""
  net = make_net(config, pool.classes)
  if registry.is_outside(config['model']['encoder']):
    check_clips(net, pool.x.shape[1:], config['model']['encoder'])
  training, members = config['training'], config['training']['members']
  optimizer = make_optimizer(
      outer_rate=training['outer_rate'], weight_decay=training['weight_decay'],
      # The norm of all members' gradients together: that of each, times this root.
      clip_norm=training['clip_norm'] * math.sqrt(members), steps=training['steps'],
      schedule=training['schedule'], average=training['average'])
  return Recipe(
      make_learner(config, net),
      # At an outer rate of 0 nothing moves, running statistics neither.
      beside_statistics(optimizer, momentum=MOMENTUM if training['outer_rate'] else 0.)
      if net.train else optimizer,
      make_sizes(config, pool),
      functools.partial(augment, content=pool.content,
                        how=Augmentation(**config['augment'])),
      training['tasks'], layout.tasks_at_once, training['steps'],
      functools.partial(mirror, content=pool.content)
      if config['evaluation']['mirror'] and pool.content.kind != 'array' else None,
      config['evaluation']['support_shots'],
      functools.partial(mixup, classes=len(pool.classes),
                        concentration=config['augment']['mixup'])
      if config['augment']['mixup'] else None)


def make_layout(config: Mapping[str, Any], devices: tuple[jax.Device, ...],
                folds: int) -> Layout:
  """How a configuration's work is divided over devices."""
  training = config['training']
  return lay_out(devices, folds=folds, **{
      name: training[name]
      for name in ('tasks', 'split', 'folds_at_once', 'tasks_at_once')})


def fold_data(config: Mapping[str, Any], material: Material, number: int) -> FoldData:
  """The arrays of one fold of a run; see `fold_data_of_pool`."""
  data = fold_data_of_pool(
      config, material.pool, material.folds[number], labels=material.labels[number],
      splits=material.splits[number], squares=material.squares,
      weights=material.weights)
  if material.pretrained is None:
    return data
  return data._replace(start=material.pretrained.start(material.folds[number]))


def fold_data_of_pool(config: Mapping[str, Any], pool: Pool, fold: Fold, *,
                      labels: np.ndarray, splits: np.ndarray,
                      squares: np.ndarray | None = None, weights: Weights | None = None
                      ) -> FoldData:
  """The arrays of one fold, with its statistics from training clips alone.

  Args:
    config: complete.
    pool: N clips.
    fold: which of them are for training.
    labels: (N,) as the fold has them.
    splits: (P, S) ways to divide its people.
    squares: (N, c) of the inputs, where they are known; see `pool.mean_squares`.
    weights: published ones that it begins with, if so.
  """
  pool, fold = macro_as_micro(config, pool, fold)
  units = action_units.fold_units(pool, fold, config.get('labels', {}))
  scale, start = channel_scale(pool, fold.train, squares), None
  if weights:
    # Published weights take the pictures as they are, by the network's own scaling.
    scale = np.ones_like(scale)
    start = published_start.start(weights.files[fold.held_out],
                                  make_net(config, pool.classes), pool)
  return FoldData(
      fold.held_out, keys.fold_key(config['seed'], fold.held_out),
      fold_clips(pool, fold.train, scale, labels, units), splits, start)


def plan(config: Mapping[str, Any], pool: Pool, folds: tuple[Fold, ...],
         labels: tuple[np.ndarray, ...], say: Callable[[str], None]
         ) -> tuple[np.ndarray, ...]:
  """Splits of every fold; says what is drawn more than once, and what is absent."""
  sizes, planned = make_sizes(config, pool), []
  if config['macro']['label_weight'] and not sizes.macros:
    raise InputError('macro.label_weight is above 0 and there is no macro clip; give '
                     'them, or set it to 0')
  if line := describe_missing_macro(config, sizes.macros):
    say(line)
  for fold, label in zip(folds, labels):
    drawn, part = macro_as_micro(config, pool._replace(label=label), fold)
    action_units.fold_units(drawn, part, config.get('labels', {}))   # may refuse
    planned.append(plan_splits(
        drawn, part, shots=sizes.shots, queries=sizes.queries,
        own_macro=sizes.macros > 0 and needs_own_macro(pool, fold),
        rng=splits_generator(config['seed'], fold.held_out)))
  if any(short := [plan.short for plan in planned]):
    say(f'classes are short of clips in {np.count_nonzero(short)} of '
        f'{counted(len(folds), "fold")}: a task draws up to {max(short)} of its '
        f'{sizes.classes * (sizes.shots + sizes.queries)} clips again')
  return tuple(plan.support for plan in planned)


def splits_generator(seed: int, held_out: str) -> np.random.Generator:
  """Which ways to divide a fold's people are tried, where there are too many."""
  return keys.generator(seed, held_out)    # without a purpose, as in results so far


def needs_own_macro(pool: Pool, fold: Fold) -> bool:
  """Whether a support must hold someone with macro clips of their own.

  Not where no training person has any and those of another data set stand in.
  """
  own = pool.macro & ~pool.foreign
  return bool(own.any() and ((own & fold.train).any()
                             or not (pool.foreign & fold.train).any()))
