"""A whole run: what it leaves, that it can be repeated, and who may go on with it."""

import collections
import json
import pathlib
import shutil

import matplotlib.image
import numpy as np
import pytest
from sklearn import metrics

FILES = {'config.json', 'environment.json', 'metrics.jsonl', 'predictions.csv',
         'results.json', 'timing.json', 'trained_on.json', 'clips.json',
         'confusion.png', 'learning_curves.png',
         'checkpoints', 'folds', 'lightman_jax.lock', 'reproducibility.json',
         'cost.json'}
ROWS = ['lightman', 'lightman, one draw', 'lightman, not adapted', 'ridge', 'svm',
        'macro_only', 'ridge_raw', 'constant']


@pytest.fixture
def copy(finished, tmp_path):
  """The finished run's folder, to be changed."""
  return shutil.copytree(finished.folder, tmp_path / 'copy')


def content(folder):
  """Every file's bytes, but for the lock's, which names whoever was here last."""
  return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*')
          if path.is_file() and path.name != 'lightman_jax.lock'}


def test_promised_files_and_no_others(finished):
  assert {path.name for path in finished.folder.iterdir()} == FILES
  assert [path.name for path in sorted((finished.folder / 'folds').iterdir())] == [
      'sub01.json', 'sub02.json', 'sub03.json']
  for name in ('config.json', 'environment.json', 'timing.json', 'cost.json'):
    assert finished.json(name)
  for name in ('confusion.png', 'learning_curves.png'):
    assert matplotlib.image.imread(finished.folder / name).std() > 0
  # Two devices train two folds side by side, then the third, and one device each by
  # itself: of each of these groups the last is kept; of the newest two one is that.
  steps = finished.json('config.json')['training']['steps']
  groups = (1, 2, 3) if finished.json('environment.json')['devices']['used'] == 1 else (
      2, 3)
  kept = {int(path.name) for path in (finished.folder / 'checkpoints').iterdir()}
  assert kept == {*(steps * number for number in groups), 3 * steps - 1}


def test_log_has_every_step_once(finished):
  lines = [json.loads(line) for line in
           (finished.folder / 'metrics.jsonl').read_text().splitlines()]
  steps = finished.json('config.json')['training']['steps']
  for number in (1, 2, 3):
    mine = [line['step'] for line in lines if line['fold'] == f'sub0{number}']
    assert mine == list(range(1, steps + 1))
  assert len(lines) == 3 * steps
  assert all(np.isfinite(line['loss']) for line in lines)


def test_every_clip_is_predicted_once(finished):
  rows = finished.predictions()
  assert collections.Counter(row['subject'] for row in rows) == {
      'sub01': 6, 'sub02': 6, 'sub03': 6}
  assert len({row['clip'] for row in rows}) == len(rows)
  classes = finished.json('results.json')['about']['clips_per_class']
  for row in rows:
    assert row['fold'] == row['subject']
    odds = {name: float(row[f'probability_{name}']) for name in classes}
    assert sum(odds.values()) == pytest.approx(1, abs=3e-6)
    assert odds[row['prediction']] == max(odds.values())


def test_scores_are_those_of_another_library(finished):
  rows, results = finished.predictions(), finished.json('results.json')
  assert list(results['rows']) == ROWS
  truth, said = ([row[name] for row in rows] for name in ('truth', 'prediction'))
  names, score = list(results['about']['clips_per_class']), results['rows']['lightman']
  assert score['confusion'] == metrics.confusion_matrix(
      truth, said, labels=names).tolist()
  for name, value in (
      ('uf1', metrics.f1_score(truth, said, average='macro', zero_division=0)),
      ('uar', metrics.recall_score(truth, said, average='macro', zero_division=0)),
      ('accuracy', metrics.accuracy_score(truth, said))):
    assert score[name]['value'] == pytest.approx(value, abs=1e-6)
    assert score[name]['low'] <= score[name]['value'] <= score[name]['high']
  constant = results['rows']['constant']['accuracy']['value']
  assert constant == pytest.approx(1 / 3, abs=1e-6)


def test_results_hold_no_time_and_no_place(finished):
  text = (finished.folder / 'results.json').read_text()
  assert str(finished.folder.parent) not in text
  assert not {'time', 'seconds', 'date', 'cpus'} & set(text.replace('"', ' ').split())
  assert 'seconds' in finished.json('timing.json')['unit']


def test_table_says_what_its_figures_are(finished):
  words = ' '.join(finished.outcome.out.split())
  for said in (*ROWS, 'leave one subject out', '3 folds', 'synthetic_3', 'labels made',
               'UF1: unweighted mean of class F1', 'jackknife of 3 subjects', 'seed 0',
               str(finished.folder), 'lightman: trained, then adapted to supports',
               'not adapted: the same trained model', 'ridge: class-weighted ridge',
               'svm: C chosen inside each of 3 folds', 'is the strongest reference',
               'constant: the commonest class'):
    assert said in words
  assert (f'next: python -m lightman_jax report {finished.folder} '
          f'--out={finished.folder}-report\n') in finished.outcome.out
  assert finished.outcome.err.count('train: ') and 'Warning' not in finished.outcome.err


@pytest.mark.slow
def test_its_own_config_file_repeats_the_run(finished, program, tmp_path):
  """Nothing but config.json is needed, and a second run gives the same bytes."""
  file = tmp_path / 'again.py'
  file.write_text(
      'import json\nfrom ml_collections import config_dict\n'
      f'TEXT = open({str(finished.folder / "config.json")!r}).read()\n'
      'def get_config():\n  return config_dict.ConfigDict(json.loads(TEXT))\n')
  again = program.run(f'--config={file}', f'--workdir={tmp_path / "again"}')
  assert again.code == 0, again.err
  for name in ('config.json', 'results.json', 'predictions.csv', 'metrics.jsonl'):
    assert ((tmp_path / 'again' / name).read_bytes()
            == (finished.folder / name).read_bytes()), name


def test_finished_run_says_so_and_changes_nothing(finished, program, tiny):
  before = content(finished.folder)
  again = program.run(*tiny, f'--workdir={finished.folder}')
  assert again.code == 0 and 'this run was finished before' in again.out
  table = finished.outcome.out.splitlines()[:-1]
  assert again.out.splitlines()[:len(table)] == table
  assert content(finished.folder) == before


def test_a_fold_whose_file_is_damaged_is_predicted_again(copy, finished, program, tiny):
  (copy / 'results.json').unlink()
  (copy / 'folds' / 'sub02.json').write_text('{"index": [')
  again = program.run(*tiny, f'--workdir={copy}')
  assert again.code == 0 and 'sub02.json is damaged' in again.err, again.err
  for name in ('results.json', 'predictions.csv', 'metrics.jsonl'):
    assert (copy / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_results_that_are_none_are_a_sentence(copy, program, tiny):
  (copy / 'results.json').write_text('{"rows": 3, "about": {}}')
  refused = program.run(*tiny, f'--workdir={copy}')
  assert refused.refused_with(
      str(copy / 'results.json'), 'is not the file that the run wrote', '--fresh')


def test_another_configuration_is_refused(copy, program, tiny):
  before = content(copy)
  refused = program.run(*tiny, '--config.method.inner_rate=.2', f'--workdir={copy}')
  assert refused.refused_with('method.inner_rate: 0.02 -> 0.2', '--fresh', '--workdir')
  assert content(copy) == before


def test_another_code_version_is_refused(copy, program, tiny):
  environment = json.loads((copy / 'environment.json').read_text())
  environment['code_sha256'] = 'c0de'
  (copy / 'environment.json').write_text(json.dumps(environment))
  before = content(copy)
  refused = program.run(*tiny, f'--workdir={copy}')
  assert refused.refused_with('code_sha256: "c0de"', '--resume_anyway', '--fresh')
  assert content(copy) == before
  # A run that has yet to end notes with what it went on.
  (copy / 'results.json').unlink()
  assert program.run(*tiny, f'--workdir={copy}', '--resume_anyway').code == 0
  environment = json.loads((copy / 'environment.json').read_text())
  assert environment['code_sha256'] == 'c0de'
  assert len(environment['resumed_with'][0]['code_sha256']) == 64
  assert (copy / 'results.json').read_bytes() == before[pathlib.Path('results.json')]


@pytest.mark.slow
def test_what_a_user_told_jax_moves_no_number(finished, program, tiny, tmp_path):
  elsewise = program.run(
      *tiny, f'--workdir={tmp_path / "elsewise"}', JAX_ENABLE_X64='1',
      JAX_DEFAULT_PRNG_IMPL='rbg', JAX_THREEFRY_PARTITIONABLE='0',
      JAX_DEFAULT_MATMUL_PRECISION='bfloat16', JAX_NUMPY_RANK_PROMOTION='raise',
      JAX_NUMPY_DTYPE_PROMOTION='strict', JAX_TRANSFER_GUARD='disallow',
      JAX_DEBUG_NANS='1')
  assert elsewise.code == 0, elsewise.err
  for name in ('results.json', 'predictions.csv', 'metrics.jsonl', 'environment.json'):
    assert ((tmp_path / 'elsewise' / name).read_bytes()
            == (finished.folder / name).read_bytes()), name


def test_a_run_goes_on_under_no_other_flags(copy, finished, program, tiny):
  (copy / 'results.json').unlink()
  before, flags = content(copy), program.environment['XLA_FLAGS']
  refused = program.run(*tiny, f'--workdir={copy}', NVIDIA_TF32_OVERRIDE='0',
                        XLA_FLAGS=f'{flags} --xla_cpu_enable_fast_math=true')
  assert refused.refused_with(
      'jax.variables.NVIDIA_TF32_OVERRIDE: (absent) -> "0"',
      'jax.xla_flags.xla_cpu_enable_fast_math: (absent) -> "true"', '--resume_anyway')
  assert content(copy) == before
  # The number of devices may change.
  other = program.run(*tiny, f'--workdir={copy}',
                      XLA_FLAGS=f'{flags} --xla_force_host_platform_device_count=1')
  assert other.code == 0, other.err
  assert 'devices.count: 2 -> 1' in ' '.join(other.err.split())
  assert (copy / 'results.json').read_bytes() == (
      finished.folder / 'results.json').read_bytes()


def test_foreign_folder_is_refused(program, tiny, tmp_path):
  (tmp_path / 'thesis.tex').write_text('mine')
  for flags in ((), ('--fresh',)):
    refused = program.run(*tiny, f'--workdir={tmp_path}', *flags)
    assert refused.refused_with(str(tmp_path), 'no run of this program')
  assert content(tmp_path) == {pathlib.Path('thesis.tex'): b'mine'}
