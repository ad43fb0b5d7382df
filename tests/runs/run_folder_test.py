"""A run folder belongs to one configuration, and foreign files are never touched."""

import copy
import fcntl
import json
import os
import pathlib
import subprocess
import sys

import ml_collections
import pytest

from lightman_jax.errors import InputError
from lightman_jax.experiment import finished, verify
from lightman_jax.report import predictions
from lightman_jax.report.page import groups
from lightman_jax.runs import folder as lock, folder as run_folder, owned
from lightman_jax.runs.identity import name_of

CONFIG = {
    'seed': 0, 'workdir': '', 'method': 'lightman', 'inner': {'steps': 3, 'rate': .05},
    'data': {'name': 'casme2', 'data_dir': '', 'manual_dir': '', 'path': ''},
    'scales': (.25, .5)}
ENVIRONMENT = {
    'code_sha256': 'c0de', 'data_sha256': 'da7a', 'packages': {'jax': '0.10.2'},
    'devices': {'kind': 'cpu', 'count': 1}, 'noted': {'cpus': 2}}


def changed(tree, **values):
  tree = copy.deepcopy(tree)
  for name, value in values.items():
    *above, last = name.split('__')
    part = tree
    for key in above:
      part = part[key]
    part[last] = value
  return tree


def opened(path, config=CONFIG, environment=ENVIRONMENT, **options):
  return run_folder.open_run(path, config=config, environment=environment, **options)


def begun(path, *arguments):
  """A run that has trained a step."""
  with opened(path, *arguments) as folder:
    folder.metrics.write_text('{}\n')


def test_where_nothing_was_trained_there_is_nothing_to_mix(tmp_path):
  opened(tmp_path / 'a').close()
  other = changed(ENVIRONMENT, code_sha256='c0ffee')
  with opened(tmp_path / 'a', environment=other) as folder:
    assert json.loads(folder.environment.read_text()) == other
    (folder.folds / 'sub01.json').parent.mkdir(exist_ok=True)
    (folder.folds / 'sub01.json').write_text('{}')
  with pytest.raises(InputError, match='another environment'):
    opened(tmp_path / 'a')


def test_name_says_what_and_is_a_function_of_the_configuration():
  words = ('casme2', 'lightman', 'Conv 4')
  name = name_of(CONFIG, words)
  assert name.startswith('casme2-lightman-conv_4-')
  digest = name.rpartition('-')[2]
  assert len(digest) == 8 and int(digest, 16) >= 0
  reordered = dict(reversed(CONFIG.items()))
  as_config_dict = ml_collections.ConfigDict(CONFIG).to_dict()
  elsewhere = changed(CONFIG, workdir='/x', data__data_dir='/y', data__manual_dir='/z')
  for same in (reordered, as_config_dict, elsewhere):
    assert name_of(same, words) == name
  for other in (changed(CONFIG, seed=1), changed(CONFIG, data__path='m.csv')):
    assert name_of(other, words) != name


def test_new_folder_holds_configuration_and_environment(tmp_path):
  with opened(tmp_path / 'runs' / 'a') as folder:
    assert json.loads(folder.config.read_text())['inner'] == CONFIG['inner']
    assert json.loads(folder.environment.read_text()) == ENVIRONMENT
    assert not folder.is_finished()
    folder.results.write_text('{}')
    assert folder.is_finished()


def test_same_again_goes_on(tmp_path):
  with opened(tmp_path / 'a') as folder:
    folder.metrics.write_text('kept')
  moved = changed(CONFIG, workdir='b', data__manual_dir='/m')
  noted = changed(ENVIRONMENT, noted__cpus=64)
  with opened(tmp_path / 'a', moved, noted) as folder:
    assert folder.metrics.read_text() == 'kept'


def test_another_configuration_is_refused_by_name(tmp_path):
  opened(tmp_path / 'a').close()
  other = changed(CONFIG, inner__steps=5, method='maml')
  del other['seed']
  with pytest.raises(InputError) as error:
    opened(tmp_path / 'a', other)
  for text in ('inner.steps: 3 -> 5', 'method: "lightman" -> "maml"',
               'seed: 0 -> (absent)', '--fresh', '--workdir'):
    assert text in str(error.value)
  assert json.loads((tmp_path / 'a' / 'config.json').read_text())['seed'] == 0


def test_at_most_eight_differences_are_told(tmp_path):
  opened(tmp_path / 'a').close()
  other = {**CONFIG, **{f'new{n:02}': n for n in range(11)}}
  with pytest.raises(InputError, match=r'new07: .* and 3 more') as error:
    opened(tmp_path / 'a', other)
  assert 'new08' not in str(error.value)


@pytest.mark.parametrize('change', [
    {'code_sha256': 'c0ffee'}, {'data_sha256': 'dada'}, {'packages__jax': '0.12.0'},
    {'devices__kind': 'TPU v6'}])
def test_another_environment_is_refused_unless_told_otherwise(tmp_path, change):
  begun(tmp_path / 'a')
  other = changed(ENVIRONMENT, **change)
  dotted, value = next(iter(change.items()))
  with pytest.raises(InputError) as error:
    opened(tmp_path / 'a', environment=other)
  assert dotted.replace('__', '.') in str(error.value)
  assert str(value) in str(error.value) and '--resume_anyway' in str(error.value)

  with opened(tmp_path / 'a', environment=other, resume_anyway=True) as folder:
    stored = json.loads(folder.environment.read_text())
  assert stored == {**ENVIRONMENT, 'resumed_with': [other]}
  # From here on that is the environment to compare with.
  opened(tmp_path / 'a', environment=other).close()
  with pytest.raises(InputError):
    opened(tmp_path / 'a')


def test_another_layout_is_noted_and_told(tmp_path):
  config = {**CONFIG, 'training': {'steps': 4, 'devices': 0, 'split': 'auto'}}
  begun(tmp_path / 'a', config)
  on_one = changed(config, training__devices=1, training__split='tasks')
  assert name_of(on_one, 'a') == name_of(config, 'a')
  other = changed(ENVIRONMENT, devices__count=8, devices__processes=2)
  with opened(tmp_path / 'a', on_one, None) as folder:
    line = folder.check(other)
    assert 'devices.count: 1 -> 8' in line and 'devices.processes' in line
    assert json.loads(folder.environment.read_text()) == {
        **ENVIRONMENT, 'resumed_with': [other]}
    assert folder.check(other) == ''
    # With another change beside it the run is refused as before.
    with pytest.raises(InputError, match='code_sha256'):
      folder.check(changed(ENVIRONMENT, code_sha256='c0ffee'))
    folder.results.write_text('{}')
    assert folder.check(ENVIRONMENT) == ''
    assert len(json.loads(folder.environment.read_text())['resumed_with']) == 1


def test_environment_may_come_later(tmp_path):
  with opened(tmp_path / 'a', environment=None) as folder:
    assert not folder.environment.exists()
    folder.check(ENVIRONMENT)
    folder.metrics.write_text('{}\n')
  with opened(tmp_path / 'a', environment=None) as folder:
    with pytest.raises(InputError):
      folder.check(changed(ENVIRONMENT, data_sha256='x'))


@pytest.mark.parametrize('error, stays', [(InputError, False), (KeyboardInterrupt,
                                                                True)])
def test_a_new_run_that_is_refused_leaves_nothing(tmp_path, error, stays):
  """Though its environment was written, before anything was computed."""
  path = tmp_path / 'above' / 'a'
  with pytest.raises(error):
    with opened(path) as folder:
      folder.checkpoints.mkdir()
      folder.outside.write_text('{}')
      raise error
  assert path.exists() == path.parent.exists() == stays
  for name in ('metrics.jsonl', 'mine.txt'):
    with pytest.raises(InputError):
      with opened(tmp_path / name) as folder:
        (folder.path / name).write_text('{}\n')
        raise InputError('refused later')
    assert (tmp_path / name / 'config.json').exists()
  opened(tmp_path / 'begun').close()
  with pytest.raises(InputError):
    with opened(tmp_path / 'begun'):
      raise InputError('of a second start')
  assert (tmp_path / 'begun' / 'environment.json').exists()


def test_fresh_deletes_what_is_ours_and_nothing_else(tmp_path):
  with opened(tmp_path / 'a') as folder:
    for name in owned.OWNED[4:-1]:
      (folder.path / name).write_text('old')
    folder.results.write_text('{}')
    (folder.checkpoints / '40').mkdir(parents=True)
    (folder.checkpoints / '40' / 'state').write_text('old')
    (folder.path / '.metrics.jsonl.abc').write_text('torn')
    (folder.path / 'notes.txt').write_text('mine')
  other = changed(CONFIG, seed=3)
  with opened(tmp_path / 'a', other, fresh=True) as folder:
    folder.forget_earlier()
    assert {p.name for p in folder.path.iterdir()} == {
        lock.NAME, 'config.json', 'environment.json', 'notes.txt'}
    assert json.loads(folder.config.read_text())['seed'] == 3


def finished_run(path):
  with opened(path) as folder:
    folder.results.write_text('{}')
    (folder.checkpoints / '40').mkdir(parents=True)
    (folder.checkpoints / '40' / 'state').write_text('old')
  return content(path)


def content(path):
  return {place: place.read_bytes() for place in path.rglob('*')
          if place.is_file() and place.name != lock.NAME}


OTHER = changed(CONFIG, seed=3)


@pytest.mark.parametrize('error', [InputError, KeyboardInterrupt, OSError])
def test_a_start_anew_that_is_refused_leaves_the_run(tmp_path, error):
  """What refuses comes after the folder is opened: data, memory, a disk, weights."""
  before = finished_run(tmp_path / 'a')
  with pytest.raises(error):
    with opened(tmp_path / 'a', OTHER, fresh=True) as folder:
      assert not folder.is_finished() and not folder.has_begun()
      (folder.folds).mkdir()
      (folder.folds / 'sub01.json').write_text('new')
      raise error('refused')
  assert content(tmp_path / 'a') == before
  with opened(tmp_path / 'a') as folder:
    assert folder.is_finished()
  # Once steps of the new one are there, the other is gone.
  with pytest.raises(error):
    with opened(tmp_path / 'a', OTHER, fresh=True) as folder:
      folder.forget_earlier()
      folder.metrics.write_text('{}')
      raise error('later')
  assert {place.name for place in content(tmp_path / 'a')} == {
      'config.json', 'environment.json', 'metrics.jsonl'}


class Killed(BaseException):
  pass


def test_killed_at_any_moment_of_a_start_anew(tmp_path, monkeypatch):
  """The old run or the new one: never a part of either, nor one in the other's place.

  Every rename, deletion and new folder is such a moment, on the way there and back.
  """
  def killed_after(count, path):
    left = [count]

    def dying(act):
      def carry_out(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
          raise Killed
        return act(*arguments, **options)
      return carry_out
    with monkeypatch.context() as patch:
      for name in ('rename', 'mkdir', 'rmdir'):
        patch.setattr(owned.pathlib.Path, name, dying(getattr(pathlib.Path, name)))
      patch.setattr(owned, 'remove', dying(owned.remove))
      folder = None
      try:
        folder = opened(path, OTHER, fresh=True)
        folder.__exit__(InputError)
      except Killed:
        return True
      finally:
        if folder is not None:
          folder.close()
    return False
  for moment in range(300):
    path = tmp_path / str(moment)
    before = finished_run(path)
    if not killed_after(moment, path):
      break
    with opened(path) as folder:
      assert folder.is_finished()
    assert content(path) == before, moment
  assert 8 < moment < 299


def test_a_new_run_that_was_killed_goes_on_and_the_old_one_goes(tmp_path):
  """A kill after its first steps, before what was set aside was deleted."""
  finished_run(tmp_path / 'a')
  folder = opened(tmp_path / 'a', OTHER, fresh=True)
  folder.metrics.write_text('{}')
  folder.close()
  with opened(tmp_path / 'a', OTHER) as folder:
    assert folder.has_begun() and not folder.is_finished()
    assert not (folder.path / owned.ASIDE).exists()


@pytest.mark.parametrize('name', ['results.json', 'metrics.jsonl', 'checkpoints'])
def test_a_run_that_lost_its_configuration_is_not_deleted(tmp_path, name):
  finished_run(tmp_path / 'a')
  (tmp_path / 'a' / 'metrics.jsonl').write_text('{}')
  (tmp_path / 'a' / 'config.json').unlink()
  before = content(tmp_path / 'a')
  with pytest.raises(InputError, match='holds results.json of a run, and no config'):
    opened(tmp_path / 'a')
  assert content(tmp_path / 'a') == before
  with opened(tmp_path / 'a', fresh=True) as folder:
    assert not folder.has_begun()


def test_checkpoints_elsewhere_are_unlinked_not_deleted(tmp_path):
  (tmp_path / 'big').mkdir()
  (tmp_path / 'big' / 'state').write_text('x')
  with opened(tmp_path / 'a') as folder:
    folder.checkpoints.symlink_to(tmp_path / 'big')
  with opened(tmp_path / 'a', fresh=True):
    pass
  assert (tmp_path / 'big' / 'state').exists()
  assert not (tmp_path / 'a' / 'checkpoints').is_symlink()


@pytest.mark.parametrize('fresh', [False, True])
@pytest.mark.parametrize('name', ['thesis.tex', 'config.json', 'results.json'])
def test_foreign_folder_is_never_touched(tmp_path, fresh, name):
  (tmp_path / name).write_text('{}')
  with pytest.raises(InputError, match='no run of this program'):
    opened(tmp_path, fresh=fresh)
  assert [p.name for p in tmp_path.iterdir()] == [name]
  assert (tmp_path / name).read_text() == '{}'


def test_workdir_that_is_a_file(tmp_path):
  (tmp_path / 'a').write_text('')
  for path in (tmp_path / 'a', tmp_path / 'a' / 'b'):
    with pytest.raises(InputError, match='--workdir'):
      opened(path)


def test_damaged_configuration_is_said(tmp_path):
  with opened(tmp_path / 'a') as folder:
    folder.config.write_text('{"seed"')
  with pytest.raises(InputError, match='config.json'):
    opened(tmp_path / 'a')
  opened(tmp_path / 'a', fresh=True).close()


def test_failed_write_leaves_nothing(tmp_path):
  with pytest.raises(TypeError):
    opened(tmp_path / 'runs' / 'a', {'data': {'name': object()}})
  assert not list(tmp_path.iterdir())
  opened(tmp_path / 'runs' / 'a').close()


def test_refused_before_anything_was_computed(tmp_path):
  """A new folder goes, an empty one stays, a run that was begun is not touched."""
  (tmp_path / 'empty').mkdir()
  for name in ('new', 'empty'):
    with pytest.raises(InputError, match='no such data'):
      with opened(tmp_path / name, environment=None):
        raise InputError('no such data')
  assert [p.name for p in tmp_path.iterdir()] == ['empty']
  assert not list((tmp_path / 'empty').iterdir())
  opened(tmp_path / 'begun', environment=None).close()
  with pytest.raises(InputError, match='no such data'):
    with opened(tmp_path / 'begun', environment=None):
      raise InputError('no such data')
  assert (tmp_path / 'begun' / 'config.json').exists()


def test_what_a_killed_writer_left_goes_at_the_next_start(tmp_path):
  with opened(tmp_path) as folder:
    folder.folds.mkdir()
    for place in (folder.path / '.results.json.x1', folder.folds / '.s1.json.x2'):
      place.write_text('half')
    (folder.folds / 's1.json').write_text('{}')
    (folder.path / '.vimrc').write_text('mine')
  opened(tmp_path).close()
  assert {p.name for p in tmp_path.rglob('*')} == {
      lock.NAME, 'config.json', 'environment.json', 'folds', 's1.json', '.vimrc'}


def test_second_starter_is_told_who_is_there(tmp_path):
  code = ('import sys; from lightman_jax.runs import folder; '
          f'lock = folder.take({str(tmp_path)!r}); print("ready", flush=True); '
          'sys.stdin.read()')
  with subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True) as other:
    assert other.stdout.readline() == 'ready\n'
    with pytest.raises(InputError, match=f'process {other.pid} on '):
      opened(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [lock.NAME]
    other.kill()
  opened(tmp_path).close()


def test_a_lock_that_is_taken_away_is_taken_anew(tmp_path, monkeypatch):
  """As a refused first start does it, between another's opening and locking."""
  flock, opened_before = fcntl.flock, []
  def late(file, how):
    if not opened_before:
      opened_before.append(file)
      (tmp_path / lock.NAME).unlink()
    flock(file, how)
  monkeypatch.setattr(fcntl, 'flock', late)
  with lock.take(tmp_path) as file:
    assert f'process {os.getpid()}' in (tmp_path / lock.NAME).read_text()
    with pytest.raises(InputError, match='in use by'):
      lock.take(tmp_path)
  assert opened_before and file is not opened_before[0]


def test_refusal_lets_go_of_the_lock(tmp_path):
  opened(tmp_path / 'a').close()
  with pytest.raises(InputError):
    opened(tmp_path / 'a', changed(CONFIG, seed=2))
  opened(tmp_path / 'a').close()


def test_a_lock_that_keeps_nobody_out_is_said(tmp_path, monkeypatch, capsys):
  opened(tmp_path / 'a').close()
  assert capsys.readouterr().err == ''
  monkeypatch.setattr(run_folder, 'lock_limits', lambda path: 'it is nfs nolock')
  opened(tmp_path / 'a').close()
  assert 'cannot keep a second program out: it is nfs nolock; do not' in (
      capsys.readouterr().err)


@pytest.mark.parametrize('about, words', [
    ({'folds': '0:2', 'files': {}}, 'has no results of its own; merge it with'),
    ({'folds': '0:2'}, 'it is not finished: give its command again, then merge')])
def test_a_part_is_called_a_part_by_whoever_wants_a_run(about, words, tmp_path):
  """And not a run that is not finished, whose command would do nothing."""
  (tmp_path / 'config.json').write_text('{}')
  (tmp_path / 'environment.json').write_text('{}')
  (tmp_path / 'part.json').write_text(json.dumps(about))
  for read in (lambda path: list(verify.checks(path)), predictions.read_predictions,
               groups.read_run, finished.Run):
    with pytest.raises(InputError, match='its folds 0:2 alone') as refusal:
      read(tmp_path)
    assert words in str(refusal.value) and 'lightman_jax merge' in str(refusal.value)
