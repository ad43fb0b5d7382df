"""A family becomes runs, and each of them is started, told of, and ended."""

import functools
import io
import json
import os
import subprocess
import sys
import time

import pytest
from rich.console import Console

from configs import synthetic
from lightman_jax import settings
from lightman_jax.errors import InputError
from lightman_jax.experiment import sweep
from lightman_jax.runs import environment, folder as lock
from lightman_jax.runs.progress import Progress

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(sweep.__file__)))


@pytest.fixture
def config():
  return synthetic.get_config('debug').to_dict()


def test_every_variant_gets_every_seed_the_first_ones_first(config):
  config['seed'] = 5
  family = (('plain', {}), ('first-order', {'method.first_order': True}))
  runs = sweep.plan(config, family, seeds=2)
  assert [run.name for run in runs] == [
      'plain-seed5', 'first-order-seed5', 'plain-seed6', 'first-order-seed6']
  assert [run.config['seed'] for run in runs] == [5, 5, 6, 6]
  assert [run.config['method']['first_order'] for run in runs] == [
      False, True, False, True]
  assert runs[0].config == config and not config['method']['first_order']
  assert runs[3].changes == {'method.first_order': True, 'seed': 6}


def test_the_same_configuration_is_run_once(config):
  shots = config['episodes']['shots']
  family = (('full', {}), (f'shots{shots}', {'episodes.shots': shots}),
            ('shots9', {'episodes.shots': 9}))
  said = []
  assert [run.name for run in sweep.plan(config, family, seeds=1, say=said.append)] == [
      'full-seed0', 'shots9-seed0']
  assert said == [f'shots{shots} is full here, by whose name it is run']


def test_a_variant_that_does_not_fit_the_configuration_is_left_out_and_said(config):
  """All others run; one that is asked for by its name is refused."""
  config = settings.changed(config, {'macro.source': 'none'})
  family = (('plain', {}), ('labels', {'macro.label_weight': .3}))
  said = []
  runs = sweep.plan(config, family, seeds=2, say=said.append)
  assert [run.name for run in runs] == ['plain-seed0', 'plain-seed1']
  line, = said
  assert line.startswith('left out: the variant labels cannot run: macro.label_weight')
  for some, every in ((family, True), (family[1:], False)):
    with pytest.raises(InputError, match='variant labels cannot run: macro.label'):
      sweep.plan(config, some, seeds=1, every=every)


def test_what_a_run_changes_is_given_once(config, tmp_path):
  """The user's own setting for all, and that of the variant."""
  run, = sweep.plan(config, (('long', {'training.steps': 9}),), seeds=1)
  words, = sweep.commands([run], tmp_path, [
      'train', '--config.training.steps=5', '--config.training.tasks=2']).values()
  assert words == ['train', '--config.training.tasks=2', '--config.training.steps=9',
                   '--config.seed=0', f'--workdir={tmp_path / "long-seed0"}']


def test_some_variants_of_a_family():
  family = (('a', {}), ('b', {'method.inner_steps': 2}), ('c', {}))
  assert sweep.subset(family, '') == family
  # In the order of the family, whatever that of the names is.
  assert sweep.subset(family, 'c, a') == (family[0], family[2])
  with pytest.raises(InputError, match="'bb' in this family; the nearest is 'b'"):
    sweep.subset(family, 'a,bb')


def test_the_list_of_runs_keeps_an_earlier_part_of_the_family(config, tmp_path):
  whole = (('a', {}), ('b', {'method.inner_steps': 2}))
  first, second = (sweep.plan(config, part, seeds=1)
                   for part in (sweep.subset(whole, 'a'), sweep.subset(whole, 'b')))
  (tmp_path / 'a-seed0').mkdir()
  (tmp_path / 'sweep.json').write_text(json.dumps(sweep._listed(tmp_path, first)))
  assert sweep._listed(tmp_path, second) == {
      'a-seed0': {'seed': 0}, 'b-seed0': {'method.inner_steps': 2, 'seed': 0}}
  (tmp_path / 'sweep.json').write_text('damaged')
  assert list(sweep._listed(tmp_path, second)) == ['b-seed0']


@pytest.mark.parametrize('family, words', [
    ((('a', {'method.inner_stepz': 3}),), ['variant a', "'method.inner_steps'"]),
    ((('a', {'method.inner_steps': 2.5}),), ['variant a', 'method.inner_steps is 2.5']),
    ((('a', {'method.first_order': 1}),), ['method.first_order is 1', 'False']),
    ((('a', {'training': 1}),), ["'training'", 'no setting']),
    ((('fine', {}), ('a', {'method.inner_steps': 0})), ['variant a', 'from 1 to']),
    ((('a', {}), ('a', {'method.inner_steps': 2})), ['two variants are called a']),
    ((('../a', {}),), ["'../a'", 'folder']),
    ((), ['no variant'])])
def test_what_cannot_run_is_refused_before_anything_does(config, family, words):
  with pytest.raises(InputError) as caught:
    sweep.plan(config, family, seeds=1)
  assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_file_without_families(tmp_path):
  file = tmp_path / 'mine.py'
  file.write_text('def get_config():\n  return {}\n')
  with pytest.raises(InputError, match='mine.py has no function sweep'):
    sweep.family(file, 'methods')
  file.write_text('def sweep(family):\n  return [(family, {"seed": 3})]\n')
  assert sweep.family(file, 'methods') == (('methods', {'seed': 3}),)


def python(program: str) -> list[str]:
  """What starts a process that runs `program`, then ends with its parent."""
  return [sys.executable, '-c', 'from lightman_jax.experiment import sweep\n'
          'sweep.end_with_parent()\n' + program]


def run_all(commands, folder, **options):
  """What failed, and all that was shown."""
  shown = io.StringIO()
  with Progress(console=Console(file=shown, width=200), period=0.) as progress:
    failed = sweep.run_all(commands, folder, progress=progress,
                               **{'parallel': 1, **options})
  return failed, shown.getvalue()


def test_one_failed_run_does_not_stop_the_others(tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  commands = {
      'bad': python('import sys; print("12%"); sys.exit("launch.py: no such device.")'),
      'shot': python('import os; os.kill(os.getpid(), 9)'),
      'good': python(f'open({str(tmp_path / "made")!r}, "w")')}
  failed, shown = run_all(commands, tmp_path, finished=2)
  assert failed == {
      'bad': f'no such device; its output is {tmp_path / "bad.log"}',
      'shot': 'it was ended by SIGKILL, as happens where memory is short; its output '
              f'is {tmp_path / "shot.log"}'}
  assert (tmp_path / 'made').exists()
  assert (tmp_path / 'bad.log').read_text() == '12%\nlaunch.py: no such device.\n'
  assert f'bad failed: {failed["bad"]}\n' in shown
  assert 'sweep: 2/5\n' in shown and 'sweep: 5/5, failed 2' in shown


def test_so_many_share_the_machine(tmp_path, monkeypatch):
  """Each waits for the other to have begun, which one after the other cannot."""
  monkeypatch.chdir(ROOT)
  meet = ('import pathlib, time\n'
          'mine, other = map(pathlib.Path, ({!r}, {!r}))\n'
          'mine.touch()\n'
          'until = time.monotonic() + 60\n'
          'while not other.exists():\n'
          '  assert time.monotonic() < until\n'
          '  time.sleep(.01)\n')
  a, b = str(tmp_path / 'a'), str(tmp_path / 'b')
  commands = {'a': python(meet.format(a, b)), 'b': python(meet.format(b, a))}
  assert run_all(commands, tmp_path, parallel=2)[0] == {}


@pytest.mark.parametrize('visible, there, shares, keep', [
    ('4,5,GPU-7', (), ['4', '5', 'GPU-7'], None),
    ('0,1,2,3,4', (), ['0,3', '1,4', '2'], None),
    (None, ('0', '1', '2', 'ctl', '-caps'), ['0', '1', '2'], None),
    ('0,1', (), ['0,1'] * 3, 'false'), ('', ('0', '1', '2'), [''] * 3, 'false'),
    (None, ('0', '1'), [None] * 3, 'false')])
def test_gpus_are_shared_out(visible, there, shares, keep, tmp_path, monkeypatch):
  """Six runs, three at a time: each sees what it has, and it is given on."""
  monkeypatch.chdir(ROOT)
  monkeypatch.setattr(sweep, 'DEVICES', tmp_path)
  for name in there:
    (tmp_path / f'nvidia{name}').touch()
  monkeypatch.delenv('XLA_PYTHON_CLIENT_PREALLOCATE', raising=False)
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  if visible is not None:
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
  tell = python('import json, os\nprint(json.dumps([*map(os.environ.get, ('
                '"CUDA_VISIBLE_DEVICES", "XLA_PYTHON_CLIENT_PREALLOCATE"))]))')
  names = [f'run{n}' for n in range(6)]
  assert run_all(dict.fromkeys(names, tell), tmp_path, parallel=3)[0] == {}
  shares_of_runs = [json.loads((tmp_path / f'{name}.log').read_text())
                    for name in names]
  assert [seen for seen, _ in shares_of_runs[:3]] == shares
  assert {seen for seen, _ in shares_of_runs[3:]} <= set(shares)
  assert {kept for _, kept in shares_of_runs} == {keep}


@pytest.mark.parametrize('fraction, parallel, share', [
    ({}, 4, {'XLA_CLIENT_MEM_FRACTION': '0.1875'}),
    ({'XLA_CLIENT_MEM_FRACTION': '.9'}, 2, {'XLA_CLIENT_MEM_FRACTION': '0.4500'}),
    # jax refuses both names at once.
    ({'XLA_PYTHON_CLIENT_MEM_FRACTION': '.9'}, 3,
     {'XLA_PYTHON_CLIENT_MEM_FRACTION': '0.3000'})])
def test_runs_on_one_gpu_divide_its_memory(fraction, parallel, share, monkeypatch,
                                           tmp_path):
  monkeypatch.setattr(sweep, 'DEVICES', tmp_path)
  (tmp_path / 'nvidia0').touch()
  for name in ('CUDA_VISIBLE_DEVICES', *sweep.FRACTIONS):
    monkeypatch.delenv(name, raising=False)
  for name, value in fraction.items():
    monkeypatch.setenv(name, value)
  shares = sweep._shares(parallel)
  assert len(shares) == parallel
  assert all(share.items() <= one.items() and len(one) == 2 for one in shares)
  assert sweep._shares(1) == [{}]


def test_a_share_that_is_no_number_is_named(monkeypatch, tmp_path):
  monkeypatch.setattr(sweep, 'DEVICES', tmp_path)
  monkeypatch.setenv('XLA_CLIENT_MEM_FRACTION', 'half')
  with pytest.raises(InputError, match="XLA_CLIENT_MEM_FRACTION is 'half'"):
    sweep._shares(2)


def test_children_end_with_who_started_them(tmp_path):
  """Killed, not asked: nothing is left that could still write into a run's folder."""
  file = tmp_path / 'child'
  child = f'import os, time; open({str(file)!r}, "w").write(str(os.getpid()))\n'
  program = ('import pathlib, sys\n'
             'from lightman_jax.experiment import sweep\n'
             'from lightman_jax.runs.progress import Progress\n'
             f'with Progress() as progress:\n'
             f'  sweep.run_all({{"a": {python(child + "time.sleep(99)")!r}}},\n'
             f'                pathlib.Path({str(tmp_path)!r}), parallel=1,\n'
             '                progress=progress)\n')
  parent = subprocess.Popen([sys.executable, '-c', program], cwd=ROOT)
  wait_until(lambda: file.exists() and file.read_text())
  parent.kill()
  parent.wait()
  wait_until(lambda: ended(int(file.read_text())))


def wait_until(ready, seconds=60.):
  until = time.monotonic() + seconds
  while not ready():
    assert time.monotonic() < until
    time.sleep(.02)


def ended(number: int) -> bool:
  try:
    with open(f'/proc/{number}/stat', encoding='utf-8') as file:
      return file.read().rpartition(')')[2].split()[0] == 'Z'
  except FileNotFoundError:
    return True


def finish(folder, code):
  """Leaves what a finished run does."""
  folder.mkdir(parents=True)
  (folder / 'results.json').write_text('{}')
  (folder / 'environment.json').write_text(json.dumps({'code_sha256': code}))


def test_what_is_finished_is_not_run_again(config, tmp_path, monkeypatch, capfd):
  family = (('old', {}), ('done', {'episodes.shots': 5}))
  runs = sweep.plan(config, family, seeds=2)
  folder, changes = tmp_path / 'all', {}
  started = lambda commands, *_, finished, **__: changes.update(commands) or {}
  monkeypatch.setattr(sweep, 'run_all', started)
  sweep.carry_out(runs, folder, command=['launch'], parallel=1)
  assert list(changes) == [run.name for run in runs]
  assert changes['done-seed1'] == ['launch', '--config.episodes.shots=5',
                                   '--config.seed=1', f'--workdir={folder}/done-seed1']
  finish(folder / 'old-seed0', 'c0de')
  finish(folder / 'done-seed0', environment.code_version())
  changes.clear()
  sweep.carry_out(runs, folder, command=['launch'], parallel=1)
  assert list(changes) == ['old-seed1', 'done-seed1']
  said = capfd.readouterr().err
  assert '1 of the 2 finished runs were made by another version' in said
  changes.clear()
  sweep.carry_out(runs, folder, command=['launch'], parallel=1, again=True)
  assert len(changes) == 4
  listed = json.loads((folder / 'sweep.json').read_text())
  assert listed['done-seed1'] == {'episodes.shots': 5, 'seed': 1}


def test_runs_of_other_settings_are_not_taken_for_those_of_the_sweep(
    config, tmp_path, monkeypatch):
  """Finished or not: a sweep that was ended and is started with other settings."""
  monkeypatch.setattr(sweep, 'run_all', lambda commands, *_, **__: dict.fromkeys(
      commands, 'ran'))
  runs = sweep.plan(config, (('a', {}), ('b', {'method.inner_steps': 2})), seeds=1)
  lock.write_json(tmp_path / sweep.LOCK, {})
  finish(tmp_path / 'b-seed0', environment.code_version())
  lock.write_json(tmp_path / 'b-seed0' / 'config.json', runs[1].config)
  carry_out = functools.partial(sweep.carry_out, folder=tmp_path, command=['launch'],
                                parallel=1)
  assert list(carry_out(runs)) == ['a-seed0']
  before = (tmp_path / 'sweep.json').read_text()
  others = sweep.plan(settings.changed(config, {'training.steps': 9}),
                      (('a', {}), ('b', {'method.inner_steps': 2})), seeds=1)
  for name in ('results.json', 'nothing'):
    with pytest.raises(InputError, match=r'b-seed0 is a run of this sweep by other sett'
                       r'ings: training.steps: .* -> 9; give another --workdir'):
      carry_out(others)
    (tmp_path / 'b-seed0' / name).unlink(missing_ok=True)
  assert (tmp_path / 'sweep.json').read_text() == before
  assert list(carry_out(others, again=True)) == ['a-seed0', 'b-seed0']


def test_a_folder_of_something_else_is_left_alone(config, tmp_path):
  (tmp_path / 'thesis.tex').write_text('mine')
  runs = sweep.plan(config, (('a', {}),), seeds=1)
  with pytest.raises(InputError, match='no sweep of this program'):
    sweep.carry_out(runs, tmp_path, command=[], parallel=1)
  assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


def test_one_sweep_at_a_time(config, tmp_path):
  runs = sweep.plan(config, (('a', {}),), seeds=1)
  with lock.take(tmp_path, sweep.LOCK):
    with pytest.raises(InputError, match=f'in use by process {os.getpid()}'):
      sweep.carry_out(runs, tmp_path, command=[], parallel=1)
