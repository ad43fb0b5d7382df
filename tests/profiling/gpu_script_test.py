"""The script for who has a GPU: it runs with few packages, and loses nothing."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'benchmarks' / 'gpu.py'
PARTS = ['environment', 'correctness', 'convolutions', 'steps', 'filling', 'torch',
         'memory']
# Python reads such a file at the start of every process, those of the parts too.
REFUSING = '''
import sys
class Refuse:
  def find_spec(self, name, path=None, target=None):
    if name.partition('.')[0] in {
        'tensorflow', 'tensorflow_datasets', 'array_record', 'etils', 'cv2', 'orbax',
        'tensorstore', 'ml_collections', 'sklearn', 'matplotlib', 'PIL', 'jinja2',
        'markupsafe', 'pebble', 'python_calamine', 'safetensors', 'openpyxl', 'pandas',
        'beartype', 'pytest', 'torch'}:
      raise ModuleNotFoundError(f'{name} is refused', name=name)
sys.meta_path.insert(0, Refuse())
'''


def run(folder, *arguments):
  """From a folder that is not the checkout's, without most packages."""
  (folder / 'sitecustomize.py').write_text(REFUSING, encoding='utf-8')
  environment = {**os.environ, 'PYTHONPATH': str(folder)}
  return subprocess.run([sys.executable, SCRIPT, *arguments], cwd=folder,
                        env=environment, capture_output=True, text=True, check=False)


def test_a_time_limit_loses_no_part(tmp_path):
  done = run(tmp_path, '--tiny', '--out=file.json', '--minutes=.05')
  assert done.returncode == 0, done.stderr
  parts = json.loads((tmp_path / 'file.json').read_text(encoding='utf-8'))
  assert list(parts) == PARTS
  assert {part['status'] for part in parts.values()} == {'incomplete'}
  assert [line.partition(':')[0] for line in done.stdout.splitlines()
          if line and not line.startswith(' ')] == PARTS


def test_a_part_that_fails_leaves_the_others(tmp_path):
  """No such platform: jax finds no device."""
  environment = {**os.environ, 'JAX_PLATFORMS': 'nothing'}
  done = subprocess.run(
      [sys.executable, SCRIPT, '--tiny', '--out=file.json',
       '--parts=environment,memory'], cwd=tmp_path, env=environment,
      capture_output=True, text=True, check=False)
  assert done.returncode == 1
  parts = json.loads((tmp_path / 'file.json').read_text(encoding='utf-8'))
  assert [part['status'] for part in parts.values()] == ['failed', 'failed']
  assert all('nothing' in part['error'] for part in parts.values())


@pytest.mark.parametrize('arguments, words', [
    (['--parts=wheels'], "no part 'wheels'"), (['--out=none/f.json'], 'no folder')])
def test_what_cannot_be(tmp_path, arguments, words):
  done = run(tmp_path, '--out=file.json', *arguments)
  assert done.returncode == 2 and words in done.stderr
  assert not (tmp_path / 'file.json').exists()


@pytest.mark.slow
def test_all_parts_on_a_cpu_with_few_packages(tmp_path):
  done = run(tmp_path, '--tiny', '--out=file.json', '--minutes=30')
  assert done.returncode == 0, done.stdout + done.stderr
  parts = json.loads((tmp_path / 'file.json').read_text(encoding='utf-8'))
  assert list(parts) == PARTS
  for name, part in parts.items():
    assert part['status'] == ('incomplete' if name == 'torch' else 'done'), part
    assert part['rows'] and not any('error' in row for row in part['rows']), part
  assert parts['torch']['not_measured'][-1] == '(PyTorch is not installed)'
  assert parts['environment']['facts']['backend'] == 'cpu'
  for row in parts['correctness']['rows']:
    # A CPU has one arithmetic of float32, and rounds to 8 bits where it is told to.
    short = row['precision'] == 'bfloat16'
    assert (1e-4 if short else 0) < row['gradient_error'] < (.5 if short else 1e-4)
    assert row['same_bits_again']
  assert all(row['max_error'] < 1e-5 for row in parts['convolutions']['rows'])
  # Twice the folds are twice the work.
  work = {(row['folds'], row['tasks']): row['tflops'] * row['ms']
          for row in parts['filling']['rows']}
  assert work[2, 2] == pytest.approx(2 * work[1, 2])
  assert all(row['estimate_mib'] > 0 for row in parts['memory']['rows'])
