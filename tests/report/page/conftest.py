"""Run folders made by code: random predictions, no training."""

import json

import numpy as np
import pytest

from lightman_jax.runs import progress, results
from lightman_jax.runs.folder import write_json

CLASSES = ('negative', 'positive', 'surprise')


def make_run(folder, *, method='lightman', seed=0, skill=.6, dataset='casme2',
             classes=CLASSES, class_set='casme2_3', protocol='leave one subject out',
             subjects=9, clips=72, about=None, config=None, more=None, plain=True,
             beside=('ridge', 'constant'), draws=1, folds=0, parts=False,
             groups=False):
  """A finished run whose clips depend on `dataset`, `subjects` and `clips` alone."""
  rng = np.random.default_rng([len(dataset), subjects, clips])
  truth = rng.integers(0, len(classes), clips)
  subject = [f'sub{n:02}' for n in np.sort(rng.integers(0, subjects, clips))]
  names = [f'{who}/EP{n}' for n, who in enumerate(subject)]
  fixed = {name: np.where(rng.random(clips) < .6, truth, 0) for name in beside}
  mine = np.random.default_rng([seed, *method.encode()])
  guess = lambda p: np.where(mine.random(clips) < p, truth,
                             mine.integers(0, len(classes), clips))
  said = {method: guess(skill)}
  said |= {results.one_draw(method): guess(skill - .1)} if draws > 1 else {}
  said |= {f'{method}, not adapted': guess(skill - .2)} if plain else {}
  words = dict(protocol=protocol, dataset=dataset, class_set=class_set,
               sheet='sheet.xlsx', sheet_sha256='ab12cd34ef', data_sha256='0123',
               seed=seed)
  what = results.About(**{name: words.get(name, '') for name in results.About._fields})
  what = what._replace(models={method: draws}, people={})
  fold = [f'fold{int(name[3:]) % folds}' for name in subject] if folds else subject
  of = [('samm', 'smic')[int(name[3:]) % 2] for name in subject] if parts else ()
  sex = {'sex': ['fm'[int(name[3:]) < 2] for name in subject]} if groups else {}
  who = results.Clips(names, subject, fold, truth, classes, of, sex)
  content = results.summarise({**said, **fixed}, who, what, resamples=100)
  content['about'] |= {'clips_seen': 7200, 'tried': 1, **(about or {})}
  folder.mkdir(parents=True)
  settings = {'seed': seed, 'method': {'name': method}, 'model': {'encoder': 'conv4'},
              'data': {'name': dataset, 'data_dir': '/somewhere'}, **(config or {})}
  write_json(folder / 'config.json', settings)
  write_json(folder / 'environment.json', {'code_sha256': 'c0de' * 16})
  results.write_predictions(folder / 'predictions.csv', who, said[method],
                            np.full((clips, len(classes)), 1 / len(classes)))
  progress.append(folder / 'metrics.jsonl', [
      {'stage': 'train', 'fold': name, 'step': step,
       'loss': 1.1 * np.exp(-step / 30) + .1 * mine.random()}
      for name in sorted(set(subject))[:3] for step in range(1, 81)])
  results.write_results(folder / 'results.json', {**content, **(more or {})})
  return folder


def damaged(folder):
  """A robustness section whose rows are the run's own."""
  row = json.loads((folder / 'results.json').read_text())
  first = next(iter(row['rows'].values()))
  return {'blur': [{'level': level, 'unit': 'pixels', 'row': first}
                   for level in (0, 1, 2, 4)]}


def with_everything(folder, *, seed=0):
  """Adds all that a run folder may hold beside its scores."""
  path = folder / 'results.json'
  content = json.loads(path.read_text())
  content['robustness'] = damaged(folder)
  scored = {'value': .51, 'low': .48, 'high': .54}
  content['few_shot'] = {
      'protocol': '3-way 1-shot, support from training subjects', 'chance': .333333,
      'held_out_by': 'leave one subject out', 'episodes': 600, 'queries': 3,
      'distinct_episodes': 590, 'people': 8, 'held_out_people': 9,
      'intervals': {'uf1, uar, accuracy': 'of people', 'accuracy_over_episodes': 'of'},
      'rows': {next(iter(content['rows'])): {
          'accuracy': scored, 'uf1': scored, 'accuracy_over_episodes': scored}}}
  results.write_results(path, content)
  write_json(folder / 'efficiency.json', {'measures': {
      'parameters': {'value': 12345, 'unit': 'numbers'},
      'step_time': {'value': .0615, 'low': .06, 'high': .07, 'unit': 'seconds'}}})
  write_json(folder / 'cost.json', {'measures': {
      'step_time': {'value': .0711, 'unit': 'seconds of a meta-step of one fold'},
      'machine_copy_rate': {'value': 7.0, 'unit': 'never shown'}}})
  write_json(folder / 'oracle.json', {
      'honest': {'uf1': .61}, 'chosen on the held-out clips': {'uf1': .745},
      'gap': {'uf1': .135}})
  rng = np.random.default_rng(seed)
  before = rng.standard_normal((60, 4)).astype(np.float32)
  np.savez(folder / 'embeddings.npz', before=before, after=before * .6 + .4,
           label=rng.integers(-1, 3, 60), macro=np.arange(60) % 3 == 0,
           held_out=np.arange(60) % 7 == 1, fold=np.array('sub03'),
           explained=np.array([.4, .2, .1, .1]))
  (folder / 'actions.png').write_bytes(PNG)
  return folder


# One black pixel.
PNG = bytes.fromhex(
    '89504e470d0a1a0a0000000d4948445200000001000000010800000000'
    '3a7e9b550000000a49444154789c6360000000020001e221bc33'
    '0000000049454e44ae426082')


@pytest.fixture
def table_of_runs(tmp_path):
  """Three methods, two seeds each, on one data set."""
  return [make_run(tmp_path / f'{method}-{seed}', method=method, seed=seed, skill=skill,
                   plain=method != 'supervised')
          for method, skill in (('lightman', .95), ('maml', .5), ('supervised', .48))
          for seed in (0, 1)]


@pytest.fixture
def make(tmp_path):
  """`make_run` by the name of a folder."""
  return lambda name, **options: make_run(tmp_path / 'runs' / name, **options)


@pytest.fixture
def fill():
  """`with_everything`."""
  return with_everything
