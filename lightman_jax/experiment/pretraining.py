"""Weights that folds begin with: trained before the task, on other clips.

The clips are macro-expressions, synthetic faces, or those of a finished run. A training
that is ended goes on from what it kept. Whom the
weights have seen is kept with them, as (data set, person), and a fold whose held-out
person is among these is refused.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import functools
import hashlib
import io
import json
import pathlib
import time
import types
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key
import numpy as np
import optax

from lightman_jax import bounded, keys, places, registry
from lightman_jax.code_digest import code_sha256
from lightman_jax.data import people
from lightman_jax.data.rows import parse_action_units
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.experiment.published_start import Person, person_of
from lightman_jax.files import write_atomically
from lightman_jax.inputs.augmentation import Augmentation, augment
from lightman_jax.inputs.pool import Content, Inputs, Pool, Stored, mean_squares
from lightman_jax.keys import Purpose
from lightman_jax.meta.losses import balanced_cross_entropy
from lightman_jax.models.network import Network, Params
from lightman_jax.runs import environment
from lightman_jax.runs.folder import RunFolder, write_json
from lightman_jax.runs.identity import canonical_json
from lightman_jax.tasks.folds import Fold
from lightman_jax.training import compiled, stopping
from lightman_jax.units import short_repr

STAGE = 'lightman_jax.experiment.pretraining'      # computes what is kept
UNITS = 46                  # action units of the face have the numbers 1 to 46
SECONDS = 30.               # after which what is trained so far is kept
ARRAYS, PEOPLE = 'array', 'people'


class SeenClip(NamedTuple):
  """A clip that weights may have seen; of its frames there is a hash alone."""
  clip: str
  dataset: str
  person: str
  frames_sha256: str


class Source(NamedTuple):
  """N labelled clips that weights are trained on before the task."""
  x: Inputs                         # (N, *clip)
  label: Int[np.ndarray, 'N']       # -1 where a clip has none of the classes
  units: Float[np.ndarray, 'N U']   # action units, 1 where one acts; NaN: not known
  person: tuple[Person, ...]        # of each clip
  clips: tuple[str, ...]
  classes: tuple[str, ...]
  content: Content
  sha256: str                       # of the data that the clips are of
  frames_sha256: tuple[str, ...] = ()     # of each clip, where it is no clip of the run
  __repr__ = short_repr


class Pretraining:
  """What the folds of a run begin with: weights, and whom these have seen.

  Args:
    about: what results say.
    sha256: over the clips or weights that it is made of.
    weights: a fold to its weights.
    seen: a fold to the people whom these have seen; trains nothing.
    clips: which these may have seen, beside those of the run itself; None: not known.
    known: sentences as of `people.describe_overlap`.
    trial: why scores of the run that the weights are of mean nothing, if so.
  """

  def __init__(self, about: Mapping[str, Any], sha256: str,
               weights: Callable[[Fold], Params],
               seen: Callable[[Fold], tuple[Person, ...]], *,
               clips: Sequence[SeenClip] | None = (),
               known: Mapping[str, Sequence[str]] = types.MappingProxyType({}),
               trial: str = ''):
    self.about, self.sha256, self._weights, self._seen = about, sha256, weights, seen
    self.clips, self.known, self.trial = clips, known, trial

  def start(self, fold: Fold) -> Params:
    """Subtrees of the parameters that a fold begins with.

    Args:
      fold: its training clips are what may be trained on.
    """
    return self._weights(fold)

  def people(self, fold: Fold) -> tuple[Person, ...]:
    """Whom the weights of a fold have seen.

    Args:
      fold: of the run.
    """
    return self._seen(fold)


def choose(config: Mapping[str, Any], pool: Pool, folds: Sequence[Fold], dataset: str,
           *, make_net: Callable[[Sequence[str]], Network],
           faces: Source | None = None, data_sha256: str = '') -> Pretraining | None:
  """What the folds of a run begin with, checked; None where it is nothing.

  Args:
    config: complete; the section `pretrain` says what.
    pool: of the run.
    folds: of the run.
    dataset: name of the run's data set.
    make_net: the network for some classes.
    faces: the clips of `pretrain.source=synthetic`.
    data_sha256: of the run's data and macro-expressions.

  Raises:
    InputError: there is nothing to train on, or a fold's held-out person was seen.
  """
  source = config['pretrain']['source']
  if source == 'none':
    return None
  if source not in ('macro', 'synthetic'):
    from lightman_jax.experiment.run_start import of_run  # which makes these
    return of_run(config, pool, folds, dataset, make_net(pool.classes))
  if source == 'macro':
    faces = macro_source(config, pool, dataset, data_sha256)
  net = make_net(faces.classes)
  trainer = _Trainer(config, faces, net, shared=(
      faces.classes == pool.classes and not pool.multi_label))
  own = lambda fold: (fold.train[pool.macro] if source == 'macro' else
                      np.ones(len(faces.label), bool))
  for fold in folds:
    if not trainer.usable[own(fold)].any():
      raise InputError(
          f'pretrain.source={source}: fold {fold.held_out} has no clip with a class of '
          f'{", ".join(faces.classes)} or with action units; use another source, or '
          'none')
  counts = [int((own(fold) & trainer.usable).sum()) for fold in folds]
  trained = config['pretrain']
  return Pretraining(
      {'source': source, 'steps': trained['steps'], 'clips': max(counts),
       'people': len(set(faces.person)), 'classes': int((faces.label >= 0).sum()),
       'action_units': int(np.isfinite(faces.units).any(1).sum())},
      faces.sha256, lambda fold: trainer.weights(own(fold)),
      lambda fold: trainer.people(own(fold)),
      clips=[SeenClip(clip, *person, sha256) for clip, person, sha256 in zip(
          faces.clips, faces.person, faces.frames_sha256)])


def macro_source(config: Mapping[str, Any], pool: Pool, dataset: str, sha256: str
                 ) -> Source:
  """The macro clips of a pool.

  Args:
    config: of a run.
    pool: of a run.
    dataset: where the pool does not say, the data set of all clips.
    sha256: of its data.

  Raises:
    InputError: there is none.
  """
  numbers = np.flatnonzero(pool.macro)
  if not numbers.size:
    raise InputError('pretrain.source=macro: there is no macro clip; give macro.source '
                     'a data set that has some')
  texts = [pool.action_units[n] if pool.action_units else '' for n in numbers]
  # Of action units the clips' cells say all.
  label = np.asarray(pool.label)[numbers]
  return Source(
      _Rows(pool.x, numbers), np.full_like(label, -1) if pool.multi_label else label,
      read_units(texts),
      tuple(person_of(config, pool, n, dataset) for n in numbers.tolist()),
      tuple(pool.clips[n] for n in numbers), pool.classes, pool.content, sha256)


def faces_source(clips: ClipSet, x: Inputs, content: Content, seed: int) -> Source:
  """All clips of a set of synthetic faces.

  Args:
    clips: made from a seed.
    x: their inputs.
    content: what these hold.
    seed: of the faces, which their names do not tell.
  """
  return Source(
      x, np.asarray(clips.label), read_units(clips.action_units or ('',) * len(x)),
      tuple((own, people.synthetic_name(seed, name))
            for own, name in zip(clips.datasets, clips.subject)),
      clips.clip, clips.classes, content, clips.info['sha256'], clips.content)


def read_units(texts: Sequence[str]) -> Float[np.ndarray, 'N U']:
  """Which action units act in each clip; NaN where its sheet names none.

  Args:
    texts: cells of a sheet.
  """
  units = np.full((len(texts), UNITS), np.nan, np.float32)
  for row, text in zip(units, texts):
    numbers = [unit.number for unit in parse_action_units(text)
               if 1 <= unit.number <= UNITS]
    if numbers:
      row[:] = 0
      row[np.array(numbers) - 1] = 1
  return units


class _Rows(Stored):
  """Some rows of inputs, which may stay in files."""

  def __init__(self, x: Inputs, numbers: Int[np.ndarray, 'N']):
    self._x, self._numbers = x, numbers
    self.shape = (len(numbers), *x.shape[1:])
    self.ndim = len(self.shape)

  def __len__(self) -> int:
    return len(self._numbers)

  def __getitem__(self, index) -> np.ndarray:
    return np.asarray(self._x[self._numbers[index]])


# Training before the task: one network, on one source, for the clips of each fold.

class _Trainer:
  """Trains an encoder to tell classes and action units of a source's clips."""

  def __init__(self, config: Mapping[str, Any], source: Source, net: Network, *,
               shared: bool):
    self._config, self._source, self._net = config, source, net
    shapes = jax.eval_shape(
        lambda: net.init(jax.random.key(0), source.x.shape[1:]))
    self._trained = {name: shapes[name] for name in ('encoder', 'projection', 'head')
                     if name in shapes}
    self._kept = [name for name in self._trained if shared or name != 'head']
    self.usable = (source.label >= 0) | np.isfinite(source.units).any(1)
    how = config['pretrain']
    self._optimizer = optax.chain(
        optax.clip_by_global_norm(config['training']['clip_norm']),
        optax.adamw(optax.cosine_decay_schedule(how['rate'], how['steps']),
                    weight_decay=config['training']['weight_decay']))
    self._augment = functools.partial(augment, content=source.content,
                                      how=Augmentation(**config['augment']))
    self._step = compiled.jit(self._step_of)
    self._last: tuple[str, Any] = ('', None)

  def people(self, which: Bool[np.ndarray, 'N']) -> tuple[Person, ...]:
    """Whom weights that are trained on some of the clips have seen.

    Args:
      which: of the source's clips may be trained on.
    """
    return tuple(sorted({self._source.person[n]
                         for n in np.flatnonzero(which & self.usable)}))

  def weights(self, which: Bool[np.ndarray, 'N']) -> Params:
    """Weights that are trained on some of the clips, or were before.

    Args:
      which: of the source's clips may be trained on.
    """
    which = which & self.usable
    name = self._name(which)
    if self._last[0] != name:
      seen = self.people(which)
      path = cache_folder() / f'{name}.npz'
      kept = _read(path, seen)
      if kept is None:
        kept = self._train(which, name)
        _write(path, kept, seen)
        path.with_name(f'{name}.part.npz').unlink(missing_ok=True)
      stopping.note_saved()
      self._last = name, kept
    return self._last[1]

  def _name(self, which) -> str:
    """A hash over all that the weights depend on."""
    config, source = self._config, self._source
    how = {name: config[name] for name in ('pretrain', 'model', 'inputs', 'augment',
                                           'seed')}
    clips = [(source.clips[n], int(source.label[n])) for n in np.flatnonzero(which)]
    units = hashlib.sha256(source.units[which].tobytes()).hexdigest()
    packages = environment.versions()
    # Encoders are imported by their names in a table; of code from outside the model's
    # section has a hash.
    encoder = registry.ENCODERS.get(config['model']['encoder'], STAGE)
    text = canonical_json([
        how, {name: config['training'][name] for name in ('clip_norm', 'weight_decay')},
        config['macro']['only'], self._kept,
        str(self._trained.get('projection')), source.sha256, source.classes, clips,
        units, code_sha256(STAGE, encoder.partition(':')[0]), jax.default_backend(),
        [packages[name] for name in ('flax', 'jax', 'jaxlib', 'numpy', 'optax')]])
    return hashlib.sha256(text.encode()).hexdigest()[:32]

  def _train(self, which, name: str) -> Params:
    source, how = self._source, self._config['pretrain']
    numbers = np.flatnonzero(which)
    # As many clips of each class, and of those without one, in the long run.
    _, kind, size = np.unique(source.label[numbers], return_inverse=True,
                              return_counts=True)
    share = 1 / size[kind]
    rng = keys.generator(self._config['seed'], 'pretraining', *self._identity(numbers))
    drawn = rng.choice(numbers, (how['steps'], how['batch']), p=share / share.sum())
    scale = self._scale(numbers)
    # Of a unit that none of the clips shows nothing can be learned.
    shown = np.nan_to_num(source.units[numbers]).any(0)
    key = keys.fold_key(self._config['seed'], 'pretraining ' + ' '.join(
        self._identity(numbers)))
    params = self._net.init(keys.key_for(key, Purpose.INIT), source.x.shape[1:])
    z = jax.eval_shape(self._net.embed, params, jnp.zeros((1, *source.x.shape[1:])))
    params = {name: params[name] for name in self._trained}
    params['units'] = {'kernel': jnp.zeros((z.shape[-1], UNITS)),
                       'bias': jnp.zeros(UNITS)}
    place = cache_folder() / f'{name}.part.npz'
    state, done = _go_on(place, (params, self._optimizer.init(params)), how['steps'])
    kept = time.monotonic()
    with stopping.deferred():
      for step, batch in enumerate(drawn[done:], done):
        # The first one compiles.
        with (stopping.nothing_to_save() if step == done else contextlib.nullcontext()):
          state = jax.block_until_ready(self._step(
              state, np.asarray(source.x[batch], np.float32) / scale,
              source.label[batch], source.units[batch], shown,
              keys.key_for(key, Purpose.PRETRAIN, step)))
        ends = stopping.is_stop_requested()
        if ends or time.monotonic() - kept > SECONDS:
          _keep(place, state, step + 1)
          kept = time.monotonic()
        if ends:
          stopping.check()
    params = {name: state[0][name] for name in self._kept}
    if not all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(params)):
      raise InputError('pretraining ended with weights that are not finite; lower '
                       'pretrain.rate')
    return params

  def _identity(self, numbers) -> tuple[str, ...]:
    return tuple(self._source.clips[n] for n in numbers)

  def _scale(self, numbers) -> Float[np.ndarray, 'c']:
    """Root mean square of each channel over the clips that are trained on."""
    squares = mean_squares(_Rows(self._source.x, numbers)).mean(0)
    return np.maximum(np.sqrt(squares), 1e-8).astype(np.float32)

  def _step_of(self, state, x: Float[Array, 'n *clip'], label: Int[Array, 'n'],
               units: Float[Array, 'n U'], shown: Bool[Array, 'U'],
               key: Key[Array, '']):
    params, opt_state = state
    x = jax.vmap(self._augment)(jax.random.split(key, len(x)), x)
    grads = jax.grad(self._loss)(params, x, label, units, shown)
    updates, opt_state = self._optimizer.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state

  def _loss(self, params, x, label, units, shown):
    """Cross entropy of classes, and the mean binary one of units that are known."""
    z = self._net.embed(params, x)
    value = balanced_cross_entropy(self._net.classify(params, z), label)
    logits = z @ params['units']['kernel'] + params['units']['bias']
    known = jnp.isfinite(units) & shown
    of_units = optax.sigmoid_binary_cross_entropy(logits, jnp.nan_to_num(units))
    return value + (of_units * known).sum() / jnp.maximum(known.sum(), 1)


# What is kept of it: arrays by their names, and who was seen.

def cache_folder() -> pathlib.Path:
  """`$XDG_CACHE_HOME`, or `~/.cache`, and our name."""
  return places.standard('XDG_CACHE_HOME') / 'lightman_jax' / 'pretrained'


def _read(path: pathlib.Path, seen: tuple[Person, ...]) -> Params | None:
  """What `_write` wrote; None where it is not there, or damaged, or of other people."""
  try:
    arrays = dict(bounded.read_arrays(path))
    if str(arrays.pop(PEOPLE)) != json.dumps(seen):
      return None
    params: Params = {}
    for name, x in arrays.items():
      *above, last = name.split('/')
      part = params
      for word in above:
        part = part.setdefault(word, {})
      part[last] = jnp.asarray(x)
    return params
  except (OSError, ValueError, KeyError):
    return None


def _write(path: pathlib.Path, params: Params, seen: tuple[Person, ...]) -> None:
  named = {'/'.join(key.key for key in place): np.asarray(x)
           for place, x in jax.tree.leaves_with_path(params)}
  _write_arrays(path, {**named, PEOPLE: np.array(json.dumps(seen))})


def _write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  content = io.BytesIO()
  np.savez(content, **arrays)
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path, 'wb') as file:
      file.write(content.getvalue())
  except OSError:
    pass      # a cache that cannot be written costs time


# What a training that was ended goes on from: the leaves of its state, in their order.

STEP = 'step'


def _keep(place: pathlib.Path, state: Any, step: int) -> None:
  """Writes the state after so many steps."""
  leaves = {f'{n:04}': np.asarray(x) for n, x in enumerate(jax.tree.leaves(state))}
  _write_arrays(place, {**leaves, STEP: np.array(step)})
  stopping.note_saved()


def _go_on(place: pathlib.Path, state: Any, steps: int) -> tuple[Any, int]:
  """What `_keep` wrote of such a state, or the state; and how many steps it is of."""
  leaves, form = jax.tree.flatten(state)
  try:
    arrays = dict(bounded.read_arrays(place))
    step = int(arrays.pop(STEP))
    kept = [arrays[name] for name in sorted(arrays)]
    if (not 0 < step <= steps or [(x.shape, x.dtype) for x in kept]
        != [(x.shape, x.dtype) for x in leaves]):
      return state, 0
  except (OSError, TypeError, ValueError, KeyError):
    return state, 0
  stopping.note_saved()
  return jax.tree.unflatten(form, list(map(jnp.asarray, kept))), step


# Whom a run's weights have seen, and in which clips.

SEEN = 'trained_on.json'
CLIPS = 'clips.json'


def people_seen(config: Mapping[str, Any], pool: Pool, fold: Fold, dataset: str
                ) -> tuple[Person, ...]:
  """Whom the training of a fold may see, of micro and macro clips: (data set, person).

  Args:
    config: of the run.
    pool: of the run.
    fold: of the run.
    dataset: where the pool does not say, the data set of all clips.
  """
  return tuple(sorted({person_of(config, pool, n, dataset)
                       for n in np.flatnonzero(fold.train).tolist()}))


def name_clips(config: Mapping[str, Any], pool: Pool, which: Bool[np.ndarray, 'N'],
               dataset: str) -> tuple[SeenClip, ...]:
  """Whom some clips of a pool show, micro and macro, and what they hold.

  Args:
    config: of the run.
    pool: of the run, N clips.
    which: of them.
    dataset: where the pool does not say, the data set of all clips.
  """
  hashes = pool.frames_sha256 or ('',) * len(pool.clips)
  return tuple(
      SeenClip(pool.clips[n], *person_of(config, pool, n, dataset), hashes[n])
      for n in np.flatnonzero(which).tolist())


def write_people(config: Mapping[str, Any], material: Any, folder: RunFolder) -> None:
  """Leaves with a run's weights whom they have seen, fold by fold, and which clips.

  Args:
    config: of the run.
    material: of the run.
    folder: of the run, all of whose folds are trained.
  """
  dataset, before = material.clips.info['dataset'], material.pretrained
  write_json(folder.path / SEEN, {
      fold.held_out: sorted({*people_seen(config, material.pool, fold, dataset),
                             *(before.people(fold) if before else ())})
      for fold in material.folds})
  train = np.any([fold.train for fold in material.folds], axis=0)
  clips = before.clips if before else ()
  # A run that began with one of an earlier version does not know all.
  write_json(folder.path / CLIPS, {'complete': clips is not None, 'clips': [
      *dict.fromkeys((*name_clips(config, material.pool, train, dataset),
                      *(clips or ())))]})
