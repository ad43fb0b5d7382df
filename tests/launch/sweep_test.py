"""A sweep: a family of runs in one command that can be killed and given again."""

import shlex
import subprocess
import sys

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


def test_a_sweep_is_listed_as_commands(program, command, tmp_path):
  """One a line, which a shell reads as the sweep would start them; nothing is made."""
  listed = program.run(*command, '--list', '--seeds=2')
  assert listed.code == 0, listed.err
  lines = [shlex.split(line) for line in listed.out.splitlines()]
  assert len(lines) == 6 and not (tmp_path / 'all').exists()
  config = f'--config={tmp_path / "mine.py"}:debug'
  assert lines[0][:3] == ['python', 'launch.py', config]
  assert lines[0][-2:] == ['--config.seed=0', f'--workdir={tmp_path}/all/plain-seed0']
  assert f'--workdir={tmp_path}/all/peeking-seed1' in lines[5]
  assert '--config.evaluation.oracle_gap=True' in lines[5]
  refused = program.run(*command[:-2], '--list')
  assert refused.refused_with('--list prints the commands of a --sweep')


@pytest.mark.slow
def test_parts_are_merged_to_the_bytes_of_one_run(finished, program, tiny, tmp_path):
  """With two devices a group of two folds, which the parts divide."""
  for name, span in (('a', '0:1'), ('b', '1:3')):
    part = program.run(*tiny, f'--folds={span}', f'--workdir={tmp_path / name}')
    assert part.code == 0 and 'python -m lightman_jax merge' in part.out, part
    assert not (tmp_path / name / 'results.json').exists()
  merged = subprocess.run(
      [sys.executable, '-m', 'lightman_jax', 'merge', tmp_path / 'b', tmp_path / 'a',
       f'--out={tmp_path / "all"}'], cwd=program.code, env=program.environment,
      capture_output=True, text=True)
  assert merged.returncode == 0, merged.stderr
  for name in ('results.json', 'predictions.csv', 'metrics.jsonl', 'environment.json',
               'config.json', 'reproducibility.json', 'trained_on.json', 'clips.json'):
    assert (tmp_path / 'all' / name).read_bytes() == (
        finished.folder / name).read_bytes(), name
  states = [{path.relative_to(folder).as_posix(): path.read_bytes()
             for path in folder.rglob('state.npz')}
            for folder in (tmp_path / 'all', finished.folder)]
  assert states[0] == states[1] and len(states[0]) >= 2
  again = program.run(*tiny, f'--workdir={tmp_path / "all"}')
  assert again.code == 0 and 'this run was finished before' in again.out
