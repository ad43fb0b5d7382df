"""A killed run goes on as if nothing had been."""

import random
import time

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


def test_interrupted_by_its_user(program, tiny, tmp_path):
  process = program.start(*tiny, f'--workdir={tmp_path / "run"}')
  program.wait_for((tmp_path / 'run' / 'environment.json').exists, process)
  time.sleep(random.random() / 4)
  process.send_signal(2)
  _, err = process.communicate(timeout=100)
  assert process.returncode == 130 and 'Traceback' not in err
  assert err.splitlines()[-1].startswith('launch.py: stopped')
