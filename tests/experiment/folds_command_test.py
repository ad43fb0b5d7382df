"""The folds of a configuration as a file, and back as scores."""

import csv

import numpy as np
from PIL import Image
import pytest

from lightman_jax.__main__ import main
from lightman_jax.configurations.named import settings_by_name
from lightman_jax.data import load as load_module
from lightman_jax.errors import InputError
from lightman_jax.experiment import folds_command


@pytest.fixture
def manifest(tmp_path):
  """Twelve pictures of four people in two data sets."""
  rng = np.random.default_rng(0)
  lines = ['clip,subject,label,path,dataset,group_sex']
  for n in range(12):
    picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / f'{n}.png')
    who = n % 4
    lines.append(f'c{n:02},p{who},{"joy" if n // 4 else "fear"},{n}.png,'
                 f'{"lab" if who < 2 else "home"},{"fm"[who % 2]}')
  (tmp_path / 'm.csv').write_text('\n'.join(lines) + '\n')
  return tmp_path / 'm.csv'


def test_folds_are_written_and_scored(manifest, tmp_path, capsys, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  out = tmp_path / 'folds.csv'
  more = [f'--config.data.path={manifest}', f'--config.data.data_dir={tmp_path}/home',
          '--config.episodes.shots=1', '--config.episodes.queries=1',
          '--config.inputs.size=8', '--config.data.size=8']
  # Neither macro clips, which are faces that would be drawn first, nor inputs.
  loaded, load = [], load_module.load
  monkeypatch.setattr(load_module, 'load', lambda data, **how: (
      loaded.append(data['name']), load(data, **how))[1])
  monkeypatch.setattr('lightman_jax.inputs.inputs.cached_inputs', None)
  assert main(['folds', 'manifest', f'--out={out}', *more]) == 0
  rows = list(csv.DictReader(out.read_text().splitlines()))
  assert list(rows[0]) == ['clip', 'subject', 'dataset', 'label', 'fold']
  assert sorted(row['clip'] for row in rows) == [f'c{n:02}' for n in range(12)]
  assert len({row['fold'] for row in rows}) == 4
  for row in rows:
    assert row['fold'] == row['subject'] and row['subject'].endswith(
        f'p{int(row["clip"][1:]) % 4}')
    assert row['label'] == ('joy' if int(row['clip'][1:]) // 4 else 'fear')
    assert row['dataset'] == ('lab' if int(row['clip'][1:]) % 4 < 2 else 'home')
  # What another program adds to it is scored.
  theirs = tmp_path / 'theirs.csv'
  with open(theirs, 'w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow([*rows[0], 'prediction'])
    writer.writerows([*row.values(), 'joy'] for row in rows)
  assert main(['score', str(theirs)]) == 0
  assert 'lab: 2 people' in capsys.readouterr().out
  assert main(['folds', 'manifest:protocol=leave_one_dataset_out', f'--out={out}',
               *more]) == 0
  assert {row['fold'] for row in csv.DictReader(out.read_text().splitlines())} == {
      'lab', 'home'}
  assert loaded == ['manifest'] * 2


@pytest.mark.parametrize('words, said', [
    (['synthetc', '--out=f.csv'], "the nearest is 'synthetic'"),
    (['synthetic', '--out=f.csv', '--config.training.stepz=3'],
     "the nearest is 'steps'"),
    (['synthetic', '--out=f.csv', '--config.seed=x'], 'takes a whole number'),
    (['synthetic', '--out=f.csv', '--config.seed', 'x'], 'takes a whole number'),
    (['synthetic', '--out=f.csv', '--steps=3'], "'--steps=3' is no flag"),
    (['manifest', '--out=f.csv'], 'data.path')])
def test_what_cannot_be_used_is_refused_in_a_sentence(words, said, capsys):
  assert main(['folds', *words]) == 2
  error = capsys.readouterr().err
  assert said in error and error.startswith('folds: ') and 'Traceback' not in error


def test_settings_are_read_as_launch_reads_them(monkeypatch):
  """Those of a part that is named with them, and in two words."""
  taken = []
  monkeypatch.setattr('lightman_jax.data.sources.check_present',
                      lambda data, inputs: None)

  def load(settings):
    taken.append(settings)
    raise InputError('enough')
  monkeypatch.setattr('lightman_jax.experiment.folds_command._cut_folds', load)
  for words in (['--config.model.depth=3', '--config.seed=4'],
                ['--config.model.depth', '3', '--config.seed', '4']):
    assert main(['folds', *words, 'synthetic:debug', '--out=f.csv',
                 '--config.model.encoder=mlp']) == 2
  for settings in taken:
    assert settings['model']['encoder'] == 'mlp' and settings['seed'] == 4
    assert settings['model']['depth'] == 3
  assert len(taken) == 2


@pytest.mark.parametrize('text, words', [
    ('x = undefined_name', 'mine.py line 1: it is not a configuration (NameError: '),
    ('def get_config(arg=None):\n  return 3', 'returns int, and must return a Config'),
    ('def get_config(arg=None):\n  return 1 + None', 'mine.py line 2: it is not a'),
    ('import sys\nsys.exit(0)', 'line 2: it is not a configuration (SystemExit: 0'),
    ('def f(:', 'mine.py is not a configuration: ')])
def test_a_file_that_is_no_configuration_is_refused_by_its_line(
    tmp_path, text, words, capsys):
  file = tmp_path / 'mine.py'
  file.write_text(text + '\n')
  assert main(['folds', str(file), '--out=f.csv']) == 2
  error = capsys.readouterr().err
  assert words in error and 'Traceback' not in error and error.count('\n') == 1
  with pytest.raises(InputError) as caught:
    settings_by_name(str(file))
  assert words in str(caught.value)


def test_no_file_of_anything_else_is_replaced(tmp_path, capsys):
  """A run's results are gone quickly; folds that were written before are made anew."""
  mine, earlier = tmp_path / 'results.json', tmp_path / 'folds.csv'
  mine.write_text('{}')
  earlier.write_text('clip,subject,dataset,label,fold\n')
  for out in (mine, tmp_path, '', '/dev/null'):
    assert main(['folds', 'synthetic:debug', f'--out={out}']) == 2
    said = capsys.readouterr().err
    assert 'is no file that folds has written' in said and said.endswith('[E601]\n')
  assert mine.read_text() == '{}'
  assert folds_command.is_of_folds(earlier)

