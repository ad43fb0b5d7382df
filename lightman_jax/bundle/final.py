"""A run's settings trained on everyone, or one of its folds, becomes a bundle."""

from collections import Counter
from collections.abc import Mapping
import functools
import hashlib
import os
import pathlib
import platform
import shutil
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lightman_jax
from lightman_jax import registry, settings as settings_module
from lightman_jax.bundle import calibration, folder as bundle_folder, predictor
from lightman_jax.bundle.model import Model, load_model
from lightman_jax.code_digest import code_sha256
from lightman_jax.configurations import defaults
from lightman_jax.data import people
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.store import Records
from lightman_jax.errors import InputError
from lightman_jax.evaluation import intervals, predict as prediction, scores
from lightman_jax.experiment import (
  assembly,
  notebook,
  preconditions,
  pretraining,
  selection,
)
from lightman_jax.experiment.assembly import Material
from lightman_jax.experiment.finished import Run
from lightman_jax.experiment.notebook import HeldOut
from lightman_jax.models import weights_files
from lightman_jax.models.network import Params
from lightman_jax.options import check_seed, suggestion
from lightman_jax.runs import environment, identity, results
from lightman_jax.runs.folder import blaming
from lightman_jax.runs.identity import canonical_json
from lightman_jax.runs.progress import Progress
from lightman_jax.tasks.folds import Fold
from lightman_jax.training import compiled, numerics
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import open_devices
from lightman_jax.units import counted, short_repr

EVERYONE = 'all'
UNFINISHED = '.unfinished'      # in a bundle's folder until it is whole
PICTURE = dict(frames=3, size=64)     # of which a flow picture is made, where none says
_CODE = ('lightman_jax.bundle.model', 'lightman_jax.bundle.predictor')


class Trained(NamedTuple):
  """One model, of a seed, before it becomes what a bundle keeps."""
  config: Mapping[str, Any]
  material: Material
  fold: Fold
  params: Params
  __repr__ = short_repr


def train_final(source: Mapping[str, Any] | Run | str | os.PathLike,
                folder: str | os.PathLike, *, seeds: int = 1,
                fold: str | None = None) -> Model:
  """Trains settings on everyone, or takes a fold of a run, and writes a bundle.

  Args:
    source: a finished run, its folder, or complete settings. Of a run the bundle has
      the scores to expect, a temperature and sets; of settings alone none of these.
    folder: of the bundle, which is not there yet; a training that was ended goes on
      from what it kept there.
    seeds: models that are trained, from the seed of the settings on, whose
      log-probabilities are averaged.
    fold: the name of one of the run's folds, whose models are taken as they are: they
      have not seen who was held out.

  Returns:
    The model, read from the folder again; see `load_model`.

  Raises:
    InputError: one sentence on what cannot be used.

  Example:
    >>> model = lm.train_final('runs/first', 'model')             # doctest: +SKIP
    >>> model.about['expect']['scores']['uf1']['value']           # doctest: +SKIP
    .61
  """
  run = (source if isinstance(source, Run) else
         None if isinstance(source, Mapping) else Run(source))
  config = dict(run.settings if run else source)
  if run is None and fold is not None:
    raise InputError(f'fold={fold} is of a finished run, and these are settings; give '
                     'the folder of the run')
  if type(seeds) is not int or not 1 <= seeds <= 64 or (fold is not None and seeds > 1):
    raise InputError(f'seeds is {seeds}; give 1 to 64, and of a fold, which has the '
                     'seed of its run, leave it out')
  if run and (missing := settings_module.missing_settings(config)):
    raise InputError(f'{run.path} was made by an earlier version, without the setting '
                     f'{missing[0]}; make the run anew')
  settings_module.check(config)
  check_seed(config['seed'] + seeds - 1, 'the last of these seeds')
  predictor.check_method(config)
  place = bundle_folder.check_place(folder)
  preconditions.check(config)
  config, chosen = _chosen(config, run, fold)
  _check_supports(config)
  with numerics.pinned(config['model']['matmul_precision']), Progress() as progress:
    open_devices(config['training']['devices'])
    trained = ([_of_fold(config, run, fold, progress)] if fold is not None else
               [_on_everyone(config, config['seed'] + n, place / UNFINISHED, progress)
                for n in range(seeds)])
    arrays = [_kept(one) for one in trained]
    about = _about(trained, run, chosen)
  bundle_folder.write(folder, about, arrays)
  shutil.rmtree(place / UNFINISHED, ignore_errors=True)
  return load_model(folder)


def _chosen(config: dict[str, Any], run: Run | None, fold: str | None
            ) -> tuple[dict[str, Any], list[str]]:
  """Settings that folds have chosen inside are fixed: the fold's, or the commonest."""
  options = selection.candidates(config)
  if not options:
    return config, []
  if run is None:
    raise InputError('select.by=inner chooses settings inside each fold, and there is '
                     'no run whose folds have; give a run, or select.by=none')
  with blaming(run.path / 'results.json'):
    by_fold = run.results['about']['chosen']
    words = [' '.join(f'{name}={value}' for name, value in option.items())
             for option in options]
    counts = Counter({word: 0 for word in words}) + Counter(
        [by_fold[fold]] if fold is not None else by_fold.values())
    best = max(words, key=lambda word: counts[word])
  config = settings_module.changed(config, {**options[words.index(best)],
                                            'select.by': 'none'})
  return config, [f'{best} was chosen by {counts[best]} of '
                  f'{counted(sum(counts.values()), "fold")}']


def _on_everyone(config: Mapping[str, Any], seed: int, unfinished: pathlib.Path,
                 progress: Progress) -> Trained:
  """A model that nobody is kept from, as a fold without a test.

  What a training that was ended has kept below `unfinished` is gone on from, where
  settings, data, code and packages are the same.
  """
  config = {**config, 'seed': seed,
            'evaluation': {**config['evaluation'], 'episodes': 0}}
  material = assembly.prepare(config, progress, cut=lambda pool: (Fold(
      EVERYONE, np.ones(len(pool.label), bool), np.zeros(len(pool.label), bool)),))
  fold = material.folds[0]
  steps = config['training']['steps']
  data = assembly.fold_data(config, material, 0)
  with Checkpoints(unfinished / _name(config, material), say=progress.say) as kept:
    done = kept.reached([data.name])[data.name]
    if done:
      progress.say(f'seed {seed} goes on from step {done}')
    progress.stage(f'train on everyone, seed {seed}', total=steps, done=done)
    whole = HeldOut(fold.held_out, fold.train, fold.test, data, material.pool)
    params, = notebook.train_each(config, [whole], progress, checkpoints=kept)
  return Trained(config, material, fold, params)


def _name(config: Mapping[str, Any], material: Material) -> str:
  """A hash over all that a training depends on."""
  return hashlib.sha256(canonical_json([
      config, material.sha256, environment.versions(), jax.default_backend(),
      environment.code_version()]).encode()).hexdigest()[:32]


def _of_fold(config: Mapping[str, Any], run: Run, name: str, progress: Progress
             ) -> Trained:
  """The models of one of a run's folds, and the data that it was trained on."""
  models = run.models
  if name not in models:
    raise InputError(f'{run.path} has no fold {name!r}' + suggestion(name, models))
  material = assembly.prepare(config, progress)
  if material.sha256 != run.results['about']['data_sha256']:
    raise InputError(f'the data are others than those of {run.path}, of which a fold '
                     'takes its supports; bring them back, or make the run anew')
  fold = next(fold for fold in material.folds if fold.held_out == name)
  return Trained(config, material, fold, models[name])


def _kept(trained: Trained) -> dict[str, Any]:
  """What a bundle keeps of a model: of each support, what it has moved."""
  config, material, fold, params = trained
  layout = assembly.make_layout(
      config, open_devices(config['training']['devices'])[:1], 1)
  recipe = assembly.make_recipe(config, material.pool, layout)
  data = assembly.fold_data(config, material, material.folds.index(fold))
  learner, scale = recipe.learner, np.asarray(data.clips.view.scale)[0]
  adapts = learner.needs_support and (learner.adapted_subtrees
                                  or config['method']['name'] == 'protonet')
  if not adapts:
    return predictor.keep(learner, params, None, scale)
  draws, sizes = config['evaluation']['draws'], recipe.support_sizes
  supports = prediction.make_supports(sizes=sizes, draws=draws)(data.key, data.clips)
  if not learner.adapted_subtrees:
    _check_means(supports, sizes.classes)

  @compiled.jit
  def adapt(params, key, drawn):
    def one(both):
      number, support = both
      fast = prediction.adapt_to_support(learner, params, key, support, number)
      return {name: fast[name] for name in learner.adapted_subtrees or ('prototypes',)}
    return jax.lax.map(one, (jnp.arange(draws),
                             prediction.support_examples(drawn, sizes)))
  return predictor.keep(learner, params, adapt(params, data.key, supports), scale)


def _check_supports(config: Mapping[str, Any]) -> None:
  """Refuses before training what `_check_means` would refuse after it."""
  if config['method']['name'] != 'protonet':
    return
  most = config['evaluation']['draws'] * (
      config['evaluation']['support_shots'] or config['episodes']['shots'])
  _refuse_few(most)


def _check_means(supports, classes: int) -> None:
  """No class mean is that of one or two clips, which it would show.

  Raises:
    InputError: a class has too few clips in all draws together.
  """
  _, sides, _ = supports
  micro, label = np.asarray(sides.micro), np.asarray(sides.label)
  fewest = min(len(np.unique(micro[label == k])) for k in range(classes))
  _refuse_few(fewest)


def _refuse_few(clips: int) -> None:
  if clips < predictor.FEWEST:
    raise InputError(
        f'the mean of a class would be that of {counted(clips, "clip")}, of which it '
        f'shows too much for a bundle: {predictor.FEWEST} or more are needed; raise '
        'evaluation.draws, or evaluation.support_shots, in the run or configuration '
        'that the model is made of')


def _about(trained: list[Trained], run: Run | None, chosen: list[str]
           ) -> dict[str, Any]:
  """The fields of model.json that are not of the file itself."""
  config, material, fold, _ = trained[0]
  pool, calibrated = material.pool, None
  remarks = [*chosen]
  if run is not None:
    calibrated = calibration.of_run(
        run.path, pool.classes, None if fold.held_out == EVERYONE else fold.held_out)
  if calibrated is None:
    remarks.append('nobody was held out: there are no scores to expect, no temperature '
                   'and no sets')
  elif calibrated['threshold'] is None:
    remarks.append(f'no sets: {calibrated["why"]}')
  if trial := defaults.describe_trial(config):
    remarks.append(trial)
  seen = sorted({person for one in trained for person in _seen(one)})
  if all(own == people.SYNTHETIC for own, _ in seen):
    remarks.append('trained and calibrated on synthetic people' if calibrated else
                   'trained on synthetic people')
  return {
      'fold': fold.held_out, 'classes': list(pool.classes),
      'clip': list(map(int, pool.x.shape[1:])), **frames_of(config),
      'rate': _rate(config, material), 'seeds': [one.config['seed'] for one in trained],
      'draws': _draws(config, material), 'scaling': _scaling(config),
      'settings': portable(config), 'expect': run and _expect(run),
      'calibration': calibrated, 'seen': [list(person) for person in seen],
      'licences': licences(seen), 'remarks': remarks,
      'lightman_jax': lightman_jax.__version__, 'python': platform.python_version(),
      'versions': environment.versions(),
      'code_sha256': code_sha256(*_CODE),
      'data_sha256': material.sha256,
      'run_sha256': run and identity.config_sha256(run.settings)}


def _draws(config: Mapping[str, Any], material: Material) -> int:
  learner = assembly.make_learner(config, assembly.make_net(config,
                                                           material.pool.classes))
  return config['evaluation']['draws'] if learner.needs_support else 0


def _seen(one: Trained) -> set[tuple[str, str]]:
  """Whom a model has seen, weights that it began with among it: (data set, person)."""
  dataset, before = one.material.clips.info['dataset'], one.material.pretrained
  seen = {*pretraining.people_seen(one.config, one.material.pool, one.fold, dataset),
          *(before.people(one.fold) if before else ())}
  if one.material.weights:
    declared, _ = weights_files.read(one.material.weights.files[one.fold.held_out])
    seen |= {*(declared.trained_on or (('unknown', 'unknown'),))}
  return seen


def frames_of(config: Mapping[str, Any]) -> dict[str, int]:
  """How many frames a clip has, and of how many pixels, where it is given as frames.

  Of ready pictures no frames are known; flow pictures are made of frames as those of
  the macro-expressions are.

  Args:
    config: complete.
  """
  data = config['data']
  if data['frames'] > 1:
    return {'frames': data['frames'], 'size': data['size'] or PICTURE['size']}
  if config['inputs']['holds'] != 'flow':
    return {'frames': 1, 'size': data['size'] or PICTURE['size']}
  other = settings_module.macro_data(config)
  return {name: other[name] if other and other['frames'] > 1 else PICTURE[name]
          for name in ('frames', 'size')}


def _rate(config: Mapping[str, Any], material: Material) -> dict[str, float] | None:
  """The frames a second of the clips; None where they are not known."""
  if not isinstance(material.clips.frames, Records):
    return None
  rates = [float(rate) for rate in material.clips.frames.beside('fps') if rate > 0]
  return {'least': min(rates), 'most': max(rates)} if rates else None


def _scaling(config: Mapping[str, Any]) -> list | None:
  path = config['model'].get('weights', '')
  return list(weights_files.scaling_of(path)) if path else None


# Where something lies on the machine of the run; what is left of it is its name.
_PATHS = ('data.path', 'data.landmarks', 'data.apex', 'macro.data.path')


def portable(config: Mapping[str, Any]) -> dict[str, Any]:
  """Settings without places on disk, and without code from outside.

  Args:
    config: complete; its method and encoder are of the package.
  """
  changes: dict[str, Any] = {
      'data.data_dir': '', 'data.manual_dir': '',
      **{name: os.path.basename(settings_module.flat(config)[name])
         for name in _PATHS}}
  if changes['macro.data.path'] == changes['data.path'] != '':
    changes['macro.data.path'] = f'macro {changes["data.path"]}'
  if 'weights' in config['model']:
    changes['model.weights'] = ''
  if config['pretrain']['source'] not in preconditions.PRETRAIN:
    changes['pretrain.source'] = 'none'
  result = {name: dict(part) if isinstance(part, Mapping) else part
            for name, part in config.items()}
  for section, key, usual in (('data', 'name', 'manifest'),
                              ('episodes', 'protocol', 'loso'),
                              ('evaluation', 'scores', '')):
    if any(map(registry.is_outside, str(config[section][key]).split(','))):
      # What such a protocol can be set to goes with it.
      names = defaults.base()[section]
      result[section] = {name: value for name, value in result[section].items()
                         if name in names} | {key: usual}
  return settings_module.changed(result, changes)


def licences(seen: list[tuple[str, str]]) -> list[str]:
  """What the user of a model has to think of, a line for each data set that it saw.

  Args:
    seen: (data set, person).
  """
  lines = []
  for origin in sorted({people.origin(*person) or '' for person in seen}):
    facts = TABLES.get(origin)
    if origin == people.SYNTHETIC:
      continue
    lines.append(
        f'{facts.title}: {facts.access}; whether a model trained on it may be handed '
        'on or sold is for that agreement to say' if facts else
        f'{origin or "people of a data set without a name"}: its terms are not known '
        'to this program; whether a model trained on it may be handed on is for them '
        'to say')
  return lines


def _expect(run: Run) -> dict[str, Any]:
  """The run's scores of people whom its models had not seen, with intervals."""
  with blaming(run.path / 'results.json'):
    content = run.results
    about, (name, row) = content['about'], next(iter(content['rows'].items()))
    table = run.predictions
    fold_of = dict(zip(table['subject'].tolist(), table['fold'].tolist()))
    counts = np.array([one['confusion'] for one in row['per_subject'].values()])
    _, folds = np.unique([fold_of[subject] for subject in row['per_subject']],
                         return_inverse=True)
    by_class = {
        label: {**row['per_class'][label], **{
            f'{score}_interval': _interval(counts, folds, functools.partial(
                _one_class, function, k))
            for score, function in (('f1', scores.class_f1),
                                    ('recall', scores.class_recall))}}
        for k, label in enumerate(about['clips_per_class'])}
    return {
        'row': name, 'scores': {score: row[score] for score in results.SCORES},
        'by_class': by_class,
        'data_sets': {own: part['rows'][name]['uf1']
                      for own, part in content.get('data_sets', {}).items()},
        **{key: about[key] for key in ('protocol', 'dataset', 'class_set', 'interval',
                                       'subjects', 'clips', 'remarks')}}


def _one_class(function, k: int, counts: np.ndarray) -> np.ndarray:
  return function(counts)[..., k]


def _interval(counts, folds, score) -> list[float | None]:
  return [round(float(end), 6) if np.isfinite(end) else None
          for end in intervals.subject_interval(counts, score, folds=folds)]
