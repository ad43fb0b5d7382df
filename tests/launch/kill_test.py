"""A killed run goes on as if nothing had been."""

import random
import signal
import time

import pytest

SAME = ('results.json', 'predictions.csv', 'metrics.jsonl', 'config.json')


def steps(folder):
  log = folder / 'metrics.jsonl'
  return log.read_bytes().count(b'\n') if log.exists() else 0


def left(place):
  """All files."""
  return {str(path.relative_to(place)) for path in place.rglob('*')}


def test_killed_runs_end_alike(finished, program, places, tiny, tmp_path):
  folder, home = tmp_path / 'killed', tmp_path / 'home'
  command = (*tiny, f'--workdir={folder}')
  moments = {
      'building': lambda: any(home.rglob('*.npz')),
      'training': lambda: steps(folder) > 4,
      'reporting': lambda: len(list(folder.glob('folds/*.json'))) == 3,
  }
  for moment, ready in moments.items():
    process = program.start(*command, **places(home))
    program.wait_for(ready, process)
    time.sleep(random.random() / 4)     # a moment that is never the same
    if moment == 'training':
      second = program.run(*command, **places(home))
      assert second.refused_with(f'process {process.pid}', '--workdir')
    process.kill()
    process.communicate()
    assert not (folder / 'results.json').exists(), f'too late while {moment}'
  # What a kill leaves of a checkpoint in the middle of its deletion.
  (folder / 'checkpoints' / '.2.old' / 'arrays').mkdir(parents=True)
  ended = program.run(*command, **places(home))
  assert ended.code == 0 and 'checkpoint' not in ended.err, ended.err
  for name in SAME:
    assert (folder / name).read_bytes() == (finished.folder / name).read_bytes(), name
  assert left(folder) == left(finished.folder)
  for state in finished.folder.glob('checkpoints/*/arrays/state.npz'):
    assert state.read_bytes() == (
        folder / state.relative_to(finished.folder)).read_bytes(), state
  # Other tests build data sets of their own there.
  sets = [path.name for path in (home / 'data').iterdir()]
  assert 'synthetic' in sets
  for name in sets:
    assert left(home / 'data' / name) == left(program.home / 'data' / name), name


# What is compiled soon.
SMALL = ('--config.method.name=supervised', '--config.model.encoder=ststnet',
         '--config.model.temporal_depth=0', '--config.inputs.size=28')
# What a run has beside its steps; each is killed in the middle of it, and of training.
ROADS = {
    'members, average, pretrain=macro': (
        '--config.training.members=2', '--config.training.average=.5',
        '--config.pretrain.source=macro'),
    'pretrain=synthetic': (
        '--config.pretrain.source=synthetic', '--config.pretrain.synthetic.subjects=2',
        '--config.pretrain.synthetic.micro=3', '--config.pretrain.synthetic.macro=2')}


@pytest.mark.slow
@pytest.mark.parametrize('road', ROADS)
def test_killed_runs_of_other_roads_end_alike(road, program, tiny, tmp_path):
  words = (*tiny, *SMALL, *ROADS[road], '--config.pretrain.steps=60',
           '--config.pretrain.batch=8')
  whole, cut, cache = tmp_path / 'whole', tmp_path / 'cut', tmp_path / 'cache'
  assert program.run(*words, f'--workdir={whole}').code == 0
  for ready in (lambda: any(cache.rglob('pretrained/*.npz')), lambda: steps(cut) > 2):
    process = program.start(*words, f'--workdir={cut}', XDG_CACHE_HOME=str(cache))
    program.wait_for(ready, process)
    time.sleep(random.random() / 4)
    process.kill()
    process.communicate()
    assert not (cut / 'results.json').exists(), 'too late'
  ended = program.run(*words, f'--workdir={cut}', XDG_CACHE_HOME=str(cache))
  assert ended.code == 0, ended.err
  for name in (*SAME, 'trained_on.json', 'clips.json'):
    assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
  assert left(cut) == left(whole)
  for state in whole.glob('checkpoints/*/arrays/state.npz'):
    assert state.read_bytes() == (cut / state.relative_to(whole)).read_bytes(), state


def test_interrupted_by_its_user(program, tiny, tmp_path):
  process = program.start(*tiny, f'--workdir={tmp_path / "run"}')
  program.wait_for((tmp_path / 'run' / 'environment.json').exists, process)
  time.sleep(random.random() / 4)
  process.send_signal(2)
  _, err = process.communicate(timeout=100)
  assert process.returncode == 130 and 'Traceback' not in err
  assert err.splitlines()[-1].startswith('launch.py: stopped')


@pytest.mark.slow
def test_signals_in_the_middle_of_a_chunk(program, tiny, tmp_path):
  """Every fold is one chunk; whatever ends the run there, it goes on from there."""
  words = (*tiny, *SMALL, '--config.training.steps=2400',
           '--config.training.checkpoint_every=2400')
  whole, cut = tmp_path / 'whole', tmp_path / 'cut'
  assert program.run(*words, f'--workdir={whole}').code == 0
  for number, name in ((signal.SIGINT, 'Ctrl-C'), (signal.SIGUSR1, 'SIGUSR1'),
                       (signal.SIGHUP, 'SIGHUP'), (signal.SIGKILL, '')):
    before = steps(cut)
    process = program.start(*words, f'--workdir={cut}')
    program.wait_for(lambda: steps(cut) > before, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=100)
    assert not (cut / 'results.json').exists(), f'too late for {name}'
    if name:
      assert process.returncode == 128 + number and 'Traceback' not in err, err
      assert err.splitlines()[-1] == (
          f'launch.py: stopped by {name}; the same command goes on from here')
      # Every step that was done is saved.
      assert max(int(path.name) for path in (cut / 'checkpoints').iterdir()
                 ) == steps(cut) > before
  assert program.run(*words, f'--workdir={cut}').code == 0
  for name in SAME:
    assert (cut / name).read_bytes() == (whole / name).read_bytes(), name
  assert left(cut) == left(whole)
  for state in whole.glob('checkpoints/*/arrays/state.npz'):
    assert state.read_bytes() == (cut / state.relative_to(whole)).read_bytes(), state
