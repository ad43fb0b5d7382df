"""What a notebook does step by step: data, folds, a task, a network, a trained model.

Each function is a stage of a run, on the same seeds: a fold that is trained here has
the weights that it has in a run of the same settings on one device.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import math
import sys
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax import sections, settings as settings_module
from lightman_jax.configurations import defaults
from lightman_jax.errors import InputError
from lightman_jax.evaluation import predict as prediction
from lightman_jax.experiment import assembly
from lightman_jax.experiment.assembly import Material
from lightman_jax.inputs.pool import Pool, Stored, mean_squares, select_clips
from lightman_jax.meta.learners import Learner
from lightman_jax.models import network
from lightman_jax.models.network import Network, Params
from lightman_jax.options import suggestion
from lightman_jax.runs.progress import Progress
from lightman_jax.tasks.folds import Fold, make_folds
from lightman_jax.tasks.sampling import Task, bring_clips, max_clips
from lightman_jax.tasks.splits import plan_splits
from lightman_jax.training import compiled, numerics
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import open_devices
from lightman_jax.training.loop import make_trainer, stack, train_folds
from lightman_jax.training.state import FoldData, Recipe, draw_steps, make_task
from lightman_jax.units import counted, listed


class HeldOut(NamedTuple):
  """One fold: who is held out, and what the others train on."""
  name: str                 # the subject, the data set, or fold1of5
  train: np.ndarray         # (N,) bool, of all clips
  test: np.ndarray          # (N,) bool: the held-out people's micro clips
  data: FoldData            # key, arrays, ways to divide people
  pool: Pool                # all N clips

  def __repr__(self) -> str:
    people = len(np.unique(self.pool.subject[self.train]))
    return (f'<HeldOut {self.name}: trains on {counted(self.train.sum(), "clip")} of '
            f'{counted(people, "person")}, tests {self.test.sum()} micro>')


class Folds(tuple):
  """Every `HeldOut` of a data set, by number or by who is held out."""

  def __getitem__(self, place):
    if not isinstance(place, str):
      return super().__getitem__(place)
    for fold in self:
      if fold.name == place:
        return fold
    raise InputError(f'there is no fold {place!r}'
                     + suggestion(place, [fold.name for fold in self]))

  def __repr__(self) -> str:
    return f'<{counted(len(self), "fold")}: {listed([fold.name for fold in self])}>'


@settings_module.takes_settings
def load(settings: Mapping[str, Any]) -> Material:
  """Loads the data set of a configuration, built where it is not there yet.

  Args:
    settings: complete, as `lightman_jax.settings` returns them.

  Returns:
    An object with `clips` (its `table` is a row a clip, its `frames[n]` reads the
    frames of one, (T, H, W, C) uint8), `pool.x` (the inputs of all clips as one array
    (N, *clip) float32), `pool.label` (N,) and `folds`, masks over the N clips.

  Raises:
    InputError: one sentence on what is wrong with the data or the settings.

  Example:
    >>> data = lm.load(lm.settings('synthetic:debug'))        # doctest: +SKIP
    >>> data.pool.x.shape                                     # doctest: +SKIP
    (36, 4, 16, 16, 3)
  """
  settings_module.check(settings)
  with numerics.pinned(settings['model']['matmul_precision']), Progress() as progress:
    return assembly.prepare(settings, progress)


def array_settings(example: tuple[int, ...], *, method: str = 'lightman',
                   **changes: Any) -> dict[str, Any]:
  """Settings for arrays that are no pictures.

  Args:
    example: the shape of one, (d,) for rows or (t, d) for series: the encoder is `mlp`
      or `tcn` unless `changes` name another.
    method: as `method.name`.
    **changes: dotted setting to value, as `**{'training.steps': 50}`; and variants by
      name, as `encoder='tcn'` or `protocol='kfold'`; see `settings`.

  Returns:
    Nested plain values: section to setting to value.

  Raises:
    InputError: there is no such setting, with the nearest that there is.

  Example:
    >>> import lightman_jax as lm
    >>> lm.array_settings((20,), method='maml')['model']['encoder']
    'mlp'
  """
  words, changes = settings_module.take_variants({'method': method, **changes})
  config = defaults.finish(defaults.base(), ','.join(
      f'{kind}={name}' for kind, names in words.items()
      for name in sections.names_in(kind, names)), {}).to_dict()
  # What decides about pictures is not looked at.
  usual = {'model.encoder': 'mlp' if len(example) == 1 else 'tcn',
           'training.steps': 100, 'macro.source': 'own'}
  for kind in words:
    usual.pop(sections.VARIANTS[kind], None)
  config = settings_module.changed(config, {**usual, **changes})
  settings_module.check(config)
  if settings_module.is_multi_label(config):
    raise InputError('labels.kind=action_units reads the units of a data set\'s sheet, '
                     'and arrays have a class each; leave it at classes')
  return config


@settings_module.takes_settings
def folds(settings: Mapping[str, Any], data: Material | Pool) -> tuple[HeldOut, ...]:
  """Cuts the folds of a data set, or of arrays.

  Args:
    settings: complete; `episodes.protocol` says who is held out together.
    data: what `load` or `lm.tasks.from_arrays` returned.

  Returns:
    A fold for each person, data set or group that is held out, in the order of names;
    by number, or by name as `folds(settings, data)['s14']`.

  Raises:
    InputError: a class has too few people to make tasks of, with its name.

  Example:
    >>> first = lm.folds(settings, data)[0]                   # doctest: +SKIP
    >>> first.name, first.train.sum(), first.test.sum()       # doctest: +SKIP
  """
  with numerics.pinned(settings['model']['matmul_precision']):
    if isinstance(data, Material):
      made = [assembly.fold_data(settings, data, n) for n in range(len(data.folds))]
      return Folds(HeldOut(fold.held_out, fold.train, fold.test, one, data.pool)
                   for fold, one in zip(data.folds, made))
    episodes = settings['episodes']
    cut = make_folds(data, episodes['protocol'], folds=episodes['folds'],
                     seed=settings['seed'], dataset='arrays', options=episodes)
    _check_start(settings)
    cut = tuple(assembly.fewer_people(settings, data, fold) for fold in cut)
    labels = tuple(assembly.fold_labels(settings, data, fold) for fold in cut)
    splits = assembly.plan(settings, data, cut, labels, _say)
    squares = mean_squares(data.x)
    return Folds(
        HeldOut(fold.held_out, fold.train, fold.test, assembly.fold_data_of_pool(
            settings, data, fold, labels=label, splits=ways, squares=squares), data)
        for fold, label, ways in zip(cut, labels, splits))


@settings_module.takes_settings
def make_network(settings: Mapping[str, Any], classes: int, *,
                 encoder: nn.Module | None = None) -> Network:
  """Makes the network of a configuration, or one around an encoder of your own.

  Args:
    settings: complete; the sections `model` and `macro` are read.
    classes: how many, K.
    encoder: maps (n, *clip) to (n, *place, d), in place of `model.encoder`.

  Returns:
    Pure functions `init(key, clip shape)`, `logits(params, x)`, `embed(params, x)`.

  Example:
    >>> net = lm.make_network(settings, 3, encoder=MyModule())    # doctest: +SKIP
    >>> params = net.init(jax.random.key(0), (4, 16, 16, 3))      # doctest: +SKIP
  """
  beside = assembly.network_settings(settings)
  if encoder is None:
    encoder = network.make_encoder(**settings['model'])
  else:
    beside['skip'] = 0       # a setting of the encoder whose place it takes
  return network.make_network(encoder, classes=classes, **beside)


@settings_module.takes_settings
def make_learner(settings: Mapping[str, Any], net: Network) -> Learner:
  """Makes the method of a configuration for a network.

  Args:
    settings: complete; the sections `method` and `macro` are read, and how many
      `training.members` there are.
    net: of `make_network`.

  Returns:
    Pure functions: `init(key, clip shape)` to params; `meta_grad(params, task, key)` to
    the gradient and its losses; `adapt(params, support, key).fast`, which
    `predict(fast, x)` turns into logits (n, K).

  Raises:
    InputError: there is no such method.

  Example:
    >>> learner = lm.make_learner(settings, net)                  # doctest: +SKIP
    >>> grads, losses = learner.meta_grad(params, task, key)      # doctest: +SKIP
  """
  return assembly.make_learner(settings, net)


@settings_module.takes_settings
def sample_task(settings: Mapping[str, Any], fold: HeldOut, *, step: int = 0,
                number: int = 0) -> Task:
  """Draws a task of a fold, the one that training sees at this step.

  Args:
    settings: complete.
    fold: of `folds`.
    step: of training, from 0.
    number: of the task in the step's meta-batch, from 0.

  Returns:
    `support` and `query`, each with `x` (n, *clip) float32, brought to one scale,
    `label` (n,), and of macro-expressions `macro` (m, *clip) and `macro_label` (m,);
    support and query are of different people.

  Raises:
    InputError: a step has no task of this number.

  Example:
    >>> lm.sample_task(settings, fold, step=7).query.label        # doctest: +SKIP
    Array([0, 1, 2], dtype=int32)
  """
  tasks = settings['training']['tasks']
  if not 0 <= number < tasks:
    raise InputError(f'there is no task {number}: training.tasks is {tasks}, and they '
                     'are counted from 0')
  clips, first = fold.data.clips, np.int32(step)
  view = jax.tree.map(lambda x: x[0], stack([fold.data], 1)[0])
  with numerics.pinned(settings['model']['matmul_precision']):
    recipe = _recipe(settings, fold, None)[0]
    # Numbers first, then their clips alone: all of them may be in files.
    draw = compiled.jit(functools.partial(draw_steps, recipe=recipe, length=1),
                        for_an_instant=True)
    drawn = jax.tree.map(lambda x: x[0, number],
                         jax.device_get(draw(view, clips.table, first)))
    x, drawn = bring_clips(clips.x, drawn, max_clips(drawn, len(clips.x)))
    make = compiled.jit(lambda view, x, drawn, step, number: make_task(
        view.key, x, view.fold.scale, drawn, recipe, step, number)[0])
    return make(view, x, drawn, first, np.int32(number))


@settings_module.takes_settings
def train(settings: Mapping[str, Any], fold: HeldOut | Sequence[HeldOut], *,
          learner: Learner | None = None,
          on_step: Callable[[int, dict[str, np.ndarray]], None] | None = None,
          checkpoints: Checkpoints | None = None, verbose: bool = True
          ) -> Params | list[Params]:
  """Trains a fold, or several that share one compiled program.

  Args:
    settings: complete; `training` says how long.
    fold: of `folds`.
    learner: of your own, in place of that of `settings`.
    on_step: called with a step and the scalars (1, steps) of the steps that end there.
    checkpoints: what training goes on from, and keeps itself in; None: nothing.
    verbose: what is compiled, steps that are over and the time left are written to
      standard error.

  Returns:
    The trained parameters; a list of them for several folds. On one device they are
    those that a run of the same settings has.

  Raises:
    InputError: there is no fold, or a loss or a gradient is not finite.

  Example:
    >>> params = lm.train(settings, fold)                         # doctest: +SKIP
    >>> lm.predict(settings, fold, params).argmax(-1)             # doctest: +SKIP
  """
  several = [fold] if isinstance(fold, HeldOut) else list(fold)
  if not several:
    raise InputError('train has no fold to train; give one of folds(settings, data), '
                     'or several')
  with Progress(quiet=not verbose) as progress:
    progress.stage('train', total=len(several) * settings['training']['steps'],
                   unit='step of a fold')
    params = train_each(settings, several, progress, learner=learner, on_step=on_step,
                        checkpoints=checkpoints)
  return params[0] if isinstance(fold, HeldOut) else params


def train_each(settings: Mapping[str, Any], folds: Sequence[HeldOut],
               progress: Progress, *, learner: Learner | None = None,
               on_step: Callable[[int, dict[str, np.ndarray]], None] | None = None,
               checkpoints: Checkpoints | None = None) -> list[Params]:
  """As `train`, one fold after the other, in a stage that is open.

  Args:
    settings: complete.
    folds: of `folds`.
    progress: whose stage has the steps of all folds.
    learner: as of `train`.
    on_step: as of `train`.
    checkpoints: as of `train`.
  """
  with numerics.pinned(settings['model']['matmul_precision']):
    recipe, layout = _recipe(settings, folds[0], learner)
    training, x, states = settings['training'], folds[0].pool.x, []
    trainer = make_trainer(
        recipe, steps=training['steps'], every=training['checkpoint_every'],
        layout=layout, around=lambda: progress.aside(compiled.COMPILING),
        streamed=math.prod(x.shape[1:]) * 4 if isinstance(x, Stored) else 0)

    def on_chunk(step, scalars):
      facts: dict[str, Any] = (
          {'folds': f'{len(states)}/{len(folds)}'} if len(folds) > 1 else {})
      # A learner of one's own may call its losses otherwise.
      if 'query_loss' in scalars:
        facts['loss'] = float(scalars['query_loss'].mean())
      progress.update(len(states) * trainer.steps + step, **facts)
      if on_step is not None:
        on_step(step, scalars)
    for one in folds:
      states += train_folds(trainer, [one.data], checkpoints or _NoCheckpoints(),
                            on_chunk=on_chunk)
  return [jax.tree.map(jnp.asarray, state.params) for state in states]


@settings_module.takes_settings
def predict(settings: Mapping[str, Any], fold: HeldOut, params: Params, *,
            x: np.ndarray | None = None, learner: Learner | None = None) -> np.ndarray:
  """Predicts held-out clips by models that are adapted to supports of the others.

  Args:
    settings: complete; the logits of `evaluation.draws` supports are averaged.
    fold: of `folds`.
    params: of `train`.
    x: (n, *clip) inputs as `pool.x` has them, or one of these alone, and no pictures;
      None takes the fold's held-out clips.
    learner: the one that was trained, if it was of your own.

  Returns:
    (n, K) probabilities, a row a clip, in the order of `pool.classes`; those of
    action units are each between 0 and 1, those of classes sum to 1.

  Raises:
    InputError: `x` is no such input, or what comes out is not finite.

  Example:
    >>> lm.predict(settings, fold, params).shape                  # doctest: +SKIP
    (6, 3)
  """
  with numerics.pinned(settings['model']['matmul_precision']):
    recipe, _ = _recipe(settings, fold, learner)
    inputs = (select_clips(fold.pool.x, fold.test) if x is None else
              _inputs(x, fold.pool.x.shape[1:]))
    if not len(inputs):
      return np.zeros((0, recipe.sizes.classes))
    draws = settings['evaluation']['draws'] if recipe.learner.needs_support else 1
    predict_clips = prediction.make_predict(
        recipe.learner, sizes=recipe.support_sizes, draws=draws, at_once=recipe.at_once,
        mirror=recipe.mirror)
    logits: Any = predict_clips(params, fold.data.key, fold.data.clips, inputs,
                                most=len(inputs))
    prediction.check_finite(np.asarray(logits), fold.data.name)
  return prediction.probabilities(np.asarray(logits), fold.pool.multi_label)


def _inputs(x: Any, clip: tuple[int, ...]) -> np.ndarray:
  """Inputs of a network; whole numbers are pictures, of which these are yet to be made.

  Raises:
    InputError: `x` is none.
  """
  x = np.asarray(x)
  if not np.issubdtype(x.dtype, np.floating):
    raise InputError(f'x is of {x.dtype}, as pictures are, and predict takes inputs, '
                     'float32 as pool.x has them; lm.load makes these of the clips of '
                     "a manifest, and lm.load_model('MODEL').predict takes pictures")
  x = x[None] if x.shape == clip else x
  if x.shape[1:] != clip or not np.isfinite(x).all():
    what = 'clips' if x.shape[1:] != clip else 'numbers that are not finite, in clips'
    raise InputError(f'x has {what} of {x.shape[1:]}; give finite inputs (n, '
                     f'{", ".join(map(str, clip))}), as pool.x has them')
  return np.asarray(x, np.float32)


def fold_of(key: jax.Array, settings: Mapping[str, Any], pool: Pool, fold: Fold, *,
            rng: np.random.Generator) -> HeldOut:
  """A fold by masks and a key of its own.

  Args:
    key: of all that is drawn in training and prediction.
    settings: complete.
    pool: N examples.
    fold: which are for training.
    rng: which ways to divide people are tried, where there are too many.

  Raises:
    InputError: a class has too few people to make tasks of.
  """
  _check_start(settings)
  sizes = assembly.make_sizes(settings, pool)
  splits = plan_splits(
      *assembly.macro_as_micro(settings, pool, fold), shots=sizes.shots,
      queries=sizes.queries, rng=rng,
      own_macro=sizes.macros > 0 and assembly.needs_own_macro(pool, fold))
  data = assembly.fold_data_of_pool(settings, pool, fold, labels=pool.label,
                                 splits=splits.support)
  return HeldOut(fold.held_out, fold.train, fold.test, data._replace(key=key), pool)


def _check_start(settings: Mapping[str, Any]) -> None:
  """Folds of arrays begin with weights of their key."""
  if settings['pretrain']['source'] != 'none':
    raise InputError('pretrain.source is for folds of a data set, and these are of '
                     'arrays; leave it at none')


def _recipe(settings: Mapping[str, Any], fold: HeldOut, learner: Learner | None
            ) -> tuple[Recipe, Any]:
  """What a step is made of, and one device that makes it."""
  layout = assembly.make_layout(
      settings, open_devices(settings['training']['devices'])[:1], 1)
  recipe = assembly.make_recipe(settings, fold.pool, layout)
  return (recipe if learner is None else recipe._replace(learner=learner)), layout


class _NoCheckpoints(Checkpoints):
  """Nothing is kept: what a notebook trains is returned."""

  def __init__(self):
    pass

  def load(self, folds, like):
    return None

  def save(self, folds, states, *, interim=False):
    pass

  def place(self, fold):
    return None


def _say(line: str) -> None:
  print(line, file=sys.stderr)
