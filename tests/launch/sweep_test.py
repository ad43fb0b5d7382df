"""A sweep: a family of runs in one command that can be killed and given again."""

import pytest

# Two of them share programs, data and scores with the run that all tests share.
CONFIG = '''
from configs import synthetic


def get_config(arg=None):
  return synthetic.get_config(arg)


def sweep(family):
  assert family == 'three'
  return (('plain', {}),
          ('many-devices', {'training.devices': 99}),
          ('peeking', {'evaluation.oracle_gap': True}))
'''


@pytest.fixture
def command(tiny, tmp_path):
  (tmp_path / 'mine.py').write_text(CONFIG)
  return (f'--config={tmp_path / "mine.py"}:debug', *tiny[1:], '--sweep=three',
          f'--workdir={tmp_path / "all"}')


def results(folder):
  return {path.parent.name: path.read_bytes() for path in folder.glob('*/results.json')}


@pytest.mark.slow
def test_killed_sweep_goes_on(finished, program, command, tmp_path):
  folder = tmp_path / 'all'
  process = program.start(*command)
  program.wait_for((folder / 'peeking-seed0' / 'environment.json').exists, process)
  process.kill()
  process.communicate()
  assert list(results(folder)) == ['plain-seed0']
  # Its child has ended, too, or the folder of the run would be in use.
  ended = program.run(*command)
  assert ended.code == 1 and 'Traceback' not in ended.err, ended.err
  assert 'many-devices-seed0 failed: training.devices is 99' in ended.err
  assert 'peeking-seed0 failed' not in ended.err
  assert '2 of 3 runs are finished' in ended.out
  assert 'these failed: many-devices-seed0' in ended.out
  assert (f'next: python -m lightman_jax report {folder}/*-seed*/ '
          f'--out={folder}/report --skip-unfinished\n') in ended.out
  # As launched alone; and no score depends on who looks on.
  alone = (finished.folder / 'results.json').read_bytes()
  assert results(folder) == {'plain-seed0': alone, 'peeking-seed0': alone}
  assert (folder / 'peeking-seed0' / 'oracle.json').exists()
  assert not (folder / 'plain-seed0' / 'oracle.json').exists()


def test_everything_is_checked_first(program, command, tmp_path):
  refused = program.run(*command, '--config.training.steps=0')
  assert refused.refused_with('training.steps is 0')
  assert program.run(*command, '--seeds=0').refused_with('seeds')
  built_in = program.run('--config=configs/synthetic.py:debug', '--sweep=metods')
  assert built_in.refused_with('--sweep=metods', 'methods', 'ablation')
  assert not (tmp_path / 'all').exists()
