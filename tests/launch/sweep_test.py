"""A sweep: a family of runs in one command that can be killed and given again."""

import json
import time

import pytest

CONFIG = '''
from configs import synthetic


def get_config(arg=None):
  return synthetic.get_config(arg)


def sweep(family):
  assert family == 'pair'
  return (('slow', {'method.name': 'supervised'}),
          ('many-devices', {'training.devices': 99}),
          ('fast', {'method.name': 'supervised', 'training.outer_rate': .01,
                    'evaluation.efficiency': True}))
'''


@pytest.fixture
def command(tiny, tmp_path):
  (tmp_path / 'mine.py').write_text(CONFIG)
  return (f'--config={tmp_path / "mine.py"}:debug', *tiny[1:], '--sweep=pair',
          f'--workdir={tmp_path / "all"}')


def results(folder):
  return {path.parent.name: path.read_bytes() for path in folder.glob('*/results.json')}


def test_killed_sweep_goes_on(program, tiny, command, tmp_path):
  folder = tmp_path / 'all'
  process = program.start(*command)
  while not (folder / 'fast-seed0' / 'environment.json').exists():
    assert process.poll() is None, process.communicate()
    time.sleep(.01)
  process.kill()
  process.communicate()
  before = results(folder)
  assert list(before) == ['slow-seed0']
  # Its child has ended, too, or the folder of the run would be in use.
  ended = program.run(*command)
  assert ended.code == 1 and 'Traceback' not in ended.err, ended.err
  assert 'many-devices-seed0 failed: training.devices is 99' in ended.err
  assert 'fast-seed0 failed' not in ended.err
  assert '2 of 3 runs are finished' in ended.out
  assert 'these failed: many-devices-seed0' in ended.out
  assert (f'python -m lightman_jax report {folder}/*-seed*/ --out={folder}/report '
          '--skip-unfinished\n') in ended.out
  after = results(folder)
  assert set(after) == {'slow-seed0', 'fast-seed0'}
  assert after['slow-seed0'] == before['slow-seed0'] != after['fast-seed0']
  cost = json.loads((folder / 'fast-seed0' / 'efficiency.json').read_text())
  assert cost['about']['method'] == 'supervised' and cost['about']['folds'] == 3
  assert cost['measures']['step_time']['value'] > 0
  assert not (folder / 'slow-seed0' / 'efficiency.json').exists()
  # A variant is the run of its configuration, and no score depends on what it costs.
  alone = program.run(*tiny, '--config.method.name=supervised', '--config.seed=0',
                      '--config.training.outer_rate=.01', f'--workdir={tmp_path / "b"}')
  assert alone.code == 0, alone.err
  assert (tmp_path / 'b' / 'results.json').read_bytes() == after['fast-seed0']


def test_everything_is_checked_first(program, command, tmp_path):
  refused = program.run(*command, '--config.training.steps=0')
  assert refused.refused_with('training.steps is 0')
  assert program.run(*command, '--seeds=0').refused_with('seeds')
  built_in = program.run('--config=configs/synthetic.py:debug', '--sweep=metods')
  assert built_in.refused_with('--sweep=metods', 'methods', 'ablation')
  assert not (tmp_path / 'all').exists()
