"""`verify` finds what was changed in a finished run, and nothing where nothing was."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lightman_jax.__main__ import main
from lightman_jax.experiment import verify
from lightman_jax.files import file_sha256
from lightman_jax.runs import environment, reproducibility


@pytest.fixture
def copy(finished, tmp_path):
  """The finished run's folder, to be changed."""
  return shutil.copytree(finished.folder, tmp_path / 'copy')


@pytest.fixture
def said(capsys):
  """The exit code and the lines that `verify` prints."""
  def verify_folder(folder, *more):
    code = main(['verify', str(folder), *more])
    out, err = capsys.readouterr()
    assert 'Traceback' not in err
    return code, out + err
  return verify_folder


def edit(path, change):
  value = json.loads(path.read_text())
  change(value)
  path.write_text(json.dumps(value))


def restate(folder):
  """Makes the hashes fit again, as somebody would who wants to deceive."""
  def change(statement):
    for name in statement['files']:
      statement['files'][name] = file_sha256(folder / name)
  edit(folder / reproducibility.NAME, change)


def test_an_untouched_run_agrees(finished, said):
  code, text = said(finished.folder)
  assert code == 0 and ' NO ' not in text, text
  for words in ('results.json is as it was written', 'predictions.csv is as it was',
                'config.json is the configuration that was run',
                'values bit for bit', 'logits of 3 folds', 'agrees with what it states',
                'its command was, without places: python launch.py --config=configs/'):
    assert words in text
  assert '--workdir' not in text


def test_the_statement_names_what_a_result_depends_on(finished):
  statement = finished.json(reproducibility.NAME)
  (one,) = statement['environments']
  assert one['packages'] == environment.versions()
  assert one['data_sha256'] == finished.json('results.json')['about']['data_sha256']
  assert one['devices']['used'] and len(one['code_sha256']) == 64
  assert {'results.json', 'predictions.csv', 'metrics.jsonl'} <= set(statement['files'])


def test_one_changed_prediction_is_found(copy, said):
  lines = (copy / 'predictions.csv').read_text().splitlines()
  clip, subject, fold, truth, answer, *odds = lines[1].split(',')
  other = next(name for name in ('negative', 'positive', 'surprise') if name != answer)
  lines[1] = ','.join((clip, subject, fold, truth, other, *odds))
  (copy / 'predictions.csv').write_text('\n'.join(lines) + '\n')
  code, text = said(copy)
  assert code == 1, text
  assert 'predictions.csv is not the file that was written' in text
  restate(copy)
  code, text = said(copy)
  assert code == 1 and 'is not the file' not in text
  assert '1 prediction is not the class of the greatest probability' in text
  assert 'do not come out of predictions.csv' in text and 'DOES NOT AGREE' in text


def test_a_prediction_changed_with_its_probabilities_is_found(copy, said):
  lines = (copy / 'predictions.csv').read_text().splitlines()
  *start, a, b, c = lines[1].split(',')
  start[4] = 'positive'
  lines[1] = ','.join((*start, '0.100000', '0.800000', '0.100000'))
  (copy / 'predictions.csv').write_text('\n'.join(lines) + '\n')
  restate(copy)
  code, text = said(copy)
  assert code == 1 and 'are not those of the logits' in text


def test_a_prediction_that_is_no_class_is_found(copy, said):
  lines = (copy / 'predictions.csv').read_text().splitlines()
  clip, subject, fold, truth, _, *odds = lines[1].split(',')
  lines[1] = ','.join((clip, subject, fold, truth, 'None', *odds))
  (copy / 'predictions.csv').write_text('\n'.join(lines) + '\n')
  restate(copy)
  code, text = said(copy)
  assert code == 2 and 'Error' not in text
  assert f"the prediction of the clip '{clip}' is 'None', and the classes of" in text


def test_folds_that_are_gone_are_missed(copy, said):
  first, *_ = sorted((copy / 'folds').glob('*.json'))
  first.unlink()
  restate(copy)
  code, text = said(copy)
  assert code == 1 and 'folds/: 1 of ' in text and 'are not there, the first' in text
  shutil.rmtree(copy / 'folds')
  restate(copy)
  code, text = said(copy)
  assert code == 1 and 'are not there, the first' in text


@pytest.mark.parametrize('number', [0, -1])
def test_a_changed_score_is_found(number, copy, said):
  row = [*json.loads((copy / 'results.json').read_text())['rows']][number]
  edit(copy / 'results.json',
       lambda results: results['rows'][row]['uf1'].update(value=.987))
  restate(copy)
  code, text = said(copy)
  assert code == 1 and f'the first rows.{row}.uf1.value; they differ by up to' in text


def test_changed_settings_and_environments_are_found(copy, said):
  edit(copy / 'config.json', lambda config: config.update(seed=7))
  edit(copy / 'environment.json', lambda content: content['packages'].update(jax='0.0'))
  code, text = said(copy)
  assert code == 1 and 'config.json is not the configuration that was run' in text
  assert 'environment.json is not what was stated' in text


def test_another_package_here_is_told_and_is_no_fault(finished, said, monkeypatch):
  other = {**environment.versions(), 'numpy': '0.1'}
  monkeypatch.setattr(environment, 'versions', lambda: other)
  code, text = said(finished.folder)
  assert code == 0 and f'packages.numpy: "{np.__version__}" -> "0.1"' in text


def test_without_its_statement_nothing_is_agreed_to(copy, said):
  (copy / reproducibility.NAME).unlink()
  code, text = said(copy)
  assert code == 1 and f'NO  {reproducibility.NAME} is not there' in text
  with pytest.raises(SystemExit):
    said(copy, '--data_dir=x')


def test_what_is_no_finished_run_is_one_sentence(copy, said, tmp_path):
  code, text = said(tmp_path)
  assert code == 2 and 'is no run folder' in text
  (copy / 'predictions.csv').write_text('clip,subject\nx,y\n')
  code, text = said(copy)
  assert code == 2 and 'cannot be scored again' in text
  (copy / 'results.json').unlink()
  code, text = said(copy)
  assert code == 2 and 'is not finished' in text


@pytest.mark.parametrize('resamples', [10**9, 0, True, '200', None, float('inf')])
def test_nothing_is_taken_at_the_size_that_a_file_claims(resamples, copy, said):
  edit(copy / 'config.json',
       lambda config: config['evaluation'].update(resamples=resamples))
  code, text = said(copy)
  assert code == 2 and 'evaluation.resamples from 100 to' in text, text


@pytest.mark.parametrize('change, words', [
    (lambda config: config['method'].update(name='x'), "method.name is 'x'"),
    (lambda config: config.pop('model'), 'config.json is damaged'),
    (lambda config: config['training'].update(steps='x'), 'config.json is damaged'),
    (lambda config: config['data'].update(data_dir=3), '--data_dir')])
def test_a_configuration_that_cannot_run_is_not_run_again(change, words, copy, said):
  edit(copy / 'config.json', change)
  code, text = said(copy, '--rerun')
  assert code == 2 and words in text, text


def test_nothing_is_written_where_a_configuration_says(copy, said, tmp_path):
  edit(copy / 'config.json',
       lambda config: config['data'].update(data_dir=str(tmp_path / 'elsewhere')))
  code, text = said(copy, '--rerun')
  assert code == 2 and str(tmp_path / 'elsewhere') in text and '--data_dir' in text
  assert not (tmp_path / 'elsewhere').exists()


def test_files_beside_the_results_are_compared_too(finished, copy):
  lines = (copy / 'metrics.jsonl').read_text().splitlines()
  first = json.loads(lines[0])
  for gap, words in ((1e-6, 'which is rounding'), (1., 'up to 1')):
    changed = json.dumps({**first, 'loss': first['loss'] + gap})
    (copy / 'metrics.jsonl').write_text('\n'.join([changed, *lines[1:]]) + '\n')
    said = next(one for one in verify.compare_runs(finished.folder, copy)
                if one.sentence.startswith('metrics.jsonl'))
    assert said.agrees == (gap < 1) and words in said.sentence, said
  (copy / 'metrics.jsonl').unlink()
  assert any(one.sentence == 'metrics.jsonl does not come out again.'
             and not one.agrees for one in verify.compare_runs(finished.folder, copy))


@pytest.mark.slow
def test_a_run_made_again_is_the_same(finished, program):
  done = subprocess.run(
      [sys.executable, '-m', 'lightman_jax', 'verify', '--rerun', finished.folder],
      cwd=program.code, env=program.environment, capture_output=True, text=True)
  assert done.returncode == 0, done.stdout + done.stderr
  assert 'metrics.jsonl comes out the same again, byte for byte' in done.stdout
  assert 'results.json comes out the same again, byte for byte' in done.stdout
  assert 'predictions.csv comes out the same again, byte for byte' in done.stdout
  assert 'by the same code, packages and devices' in done.stdout


def test_how_far_two_runs_are_apart_is_told(finished, copy):
  lines = (copy / 'predictions.csv').read_text().splitlines()
  *start, a, b, c = lines[1].split(',')
  near = ','.join((*start, f'{float(a) + 2e-6:.6f}', b, c))
  (copy / 'predictions.csv').write_text('\n'.join([lines[0], near, *lines[2:]]) + '\n')
  checks = list(verify.compare_runs(finished.folder, copy))
  assert all(one.agrees for one in checks)
  assert '0 of 18 predictions are others' in checks[1].sentence
  assert 'up to 2e-06, which is rounding' in checks[1].sentence
  start[4] = 'none'
  far = ','.join((*start, a, b, c))
  (copy / 'predictions.csv').write_text('\n'.join([lines[0], far, *lines[2:]]) + '\n')
  checks = list(verify.compare_runs(finished.folder, copy))
  assert not checks[1].agrees and '1 of 18 predictions' in checks[1].sentence


@pytest.mark.parametrize('words, kept', [
    (['a/launch.py', '--config=c.py', '--workdir=x', '--fresh'], ['--config=c.py']),
    (['launch.py', '--workdir', 'x', '--seeds=3', '--nofresh'], ['--seeds=3']),
    (['launch.py', '--config.data.data_dir', 'x', '--config.seed=1'],
     ['--config.seed=1'])])
def test_a_command_is_kept_without_its_places(words, kept):
  assert reproducibility.command_without_places(words) == ['launch.py', *kept]
  assert reproducibility.command_without_places(['pytest', 'x']) is None
  assert reproducibility.command_without_places(['train', *words[1:]]) == [
      '-m', 'lightman_jax', 'train', *kept]
