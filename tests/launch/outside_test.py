"""A method in a file of one's own is launched, recorded, and run from no folder."""

import hashlib
import json
import pathlib
import shutil

import pytest

from lightman_jax import registry
from lightman_jax.__main__ import main

FILE = pathlib.Path(__file__).resolve().parents[2] / 'examples' / 'proximal_maml.py'
CONFIG = '--config=configs/synthetic.py:debug,encoder=mlp,method={}:proximal_maml'


@pytest.fixture(scope='module')
def outside(program, tmp_path_factory):
  """A finished run of the example, and the file that it had."""
  folder = tmp_path_factory.mktemp('outside')
  file = pathlib.Path(shutil.copy(FILE, folder))
  outcome = program.run(
      CONFIG.format(file), '--config.data.size=16', '--config.data.frames=3',
      '--config.data.synthetic.subjects=3', '--config.data.synthetic.micro=6',
      '--config.data.synthetic.macro=2', '--config.training.steps=2',
      '--config.method.proximal=.1', f'--workdir={folder / "run"}')
  assert outcome.code == 0, outcome.err
  return folder / 'run', file


def test_it_is_in_the_record_and_in_the_results(outside):
  run, file = outside
  read = lambda name: json.loads((run / name).read_text())
  name, text = f'{file}:proximal_maml', FILE.read_text()
  method = read('config.json')['method']
  assert method == {'name': name, 'inner_steps': 1, 'inner_rate': .02, 'proximal': .1,
                    'sha256': hashlib.sha256(text.encode()).hexdigest()}
  assert read('outside.json') == {'method': {
      'name': name, 'sha256': method['sha256'], 'text': text}}
  rows = read('results.json')['rows']
  assert {'proximal_maml.py:proximal_maml', 'ridge', 'constant',
          'proximal_maml.py:proximal_maml, not adapted'} <= set(rows)
  assert 'support_proximal' in (run / 'metrics.jsonl').read_text()


def test_verify_runs_the_file_only_where_it_is_named_again(
    outside, tmp_path, capsys, monkeypatch):
  run, file = outside
  monkeypatch.setattr(registry, '_ALLOWED', {})
  said = lambda *more: (main(['verify', str(run), *more]), ''.join(capsys.readouterr()))
  assert said()[0] == 0
  code, text = said('--rerun')
  assert code == 2 and f'--method={file}:proximal_maml' in text
  other = tmp_path / 'proximal_maml.py'
  other.write_text(FILE.read_text() + 'WORDS = 1\n')
  code, text = said('--rerun', f'--method={other}:proximal_maml')
  assert code == 2 and 'is other code than that of this configuration' in text


def test_what_it_does_not_have_is_refused(program, tmp_path):
  for flags, words in (
      (['--config.method.align_weight=7'], ['align_weight=7', 'lightman has']),
      (['--config.method.proximal=-1'], ['method.proximal', 'from 0.0 to 1000.0'])):
    refused = program.run(CONFIG.format(FILE), *flags, f'--workdir={tmp_path / "run"}')
    assert refused.refused_with(*words) and refused.err.count('\n') == 1
    assert refused.out == '' and not list(tmp_path.iterdir())


def test_a_name_on_the_command_line_brings_its_settings(program, tmp_path):
  flags = ['--config=configs/synthetic.py:debug', f'--workdir={tmp_path / "run"}']
  refused = program.run(*flags, '--config.method.name=maml',
                        '--config.method.align_weight=7')
  assert refused.refused_with('method.align_weight=7', 'method.name=maml', 'lightman')
  refused = program.run(*flags, f'--config.method.name={FILE}:proximal_maml',
                        '--config.method.proximal=2000')
  assert refused.refused_with('method.proximal is 2000.0')
