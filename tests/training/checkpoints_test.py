"""Checkpoints: what is kept, what is found again, and what a kill may leave behind."""

import json
import os
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import common
from lightman_jax import sections
from lightman_jax.errors import InputError
from lightman_jax.meta import running_statistics
from lightman_jax.meta.learners import make_learner
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.settings import CHOICES
from lightman_jax.tasks.sampling import Sizes
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.state import Recipe, TrainState, init_state, make_optimizer


def states_at(step, *values) -> TrainState:
  """Of as many folds as there are values."""
  x = np.array(values, np.float32)[:, None, None] * np.ones((2, 3), np.float32)
  return TrainState(jnp.full(len(values), step, jnp.int32), {'w': jnp.asarray(x)},
                    (jnp.full(len(values), 3.5), {'w': jnp.asarray(-x)}))


LIKE = states_at(0, 0.)


def numbers(folder: pathlib.Path) -> list[int]:
  """What lies there, and nothing else does."""
  return sorted(int(path.name) for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path):
  """Two folds of six steps, saved every two, and the first save of a third."""
  with Checkpoints(tmp_path) as checkpoints:
    for fold, steps in (('a', (2, 4, 6)), ('b', (2, 4, 6)), ('c', (2,))):
      for step in steps:
        checkpoints.save([fold], states_at(step, 10. * 'abc'.index(fold) + step))
  return tmp_path


@pytest.fixture
def lines():
  return []


def test_the_newest_two_and_every_folds_last_are_kept(folder):
  assert numbers(folder) == [6, 12, 14]
  with Checkpoints(folder) as checkpoints:
    checkpoints.save(['c'], states_at(4, 24.))
  assert numbers(folder) == [6, 12, 14, 16]
  with Checkpoints(folder) as checkpoints:
    checkpoints.save(['d'], states_at(2, 32.))
  assert numbers(folder) == [6, 12, 16, 18]


def test_a_fold_finds_its_own(folder):
  with Checkpoints(folder) as checkpoints:
    assert checkpoints.reached('cabd') == {'c': 2, 'a': 6, 'b': 6, 'd': 0}
    loaded = checkpoints.load(['c'], LIKE)
    assert loaded.step == [2] and loaded.opt_state[0] == [3.5]
    np.testing.assert_array_equal(loaded.params['w'], np.full((1, 2, 3), 22.))
    np.testing.assert_array_equal(loaded.opt_state[1]['w'], np.full((1, 2, 3), -22.))
    both = checkpoints.load(['b', 'a'], LIKE)
    assert both.step.tolist() == [6, 6]
    assert both.params['w'][:, 0, 0].tolist() == [16., 6.]
    assert checkpoints.load(['d'], LIKE) is checkpoints.load(['a', 'd'], LIKE) is None
    assert checkpoints.place('c') == str(folder / '14')
    assert checkpoints.place('d') is None


def test_groups_may_change(tmp_path):
  """Three folds together, then alone, then two: each goes on from its own."""
  with Checkpoints(tmp_path) as checkpoints:
    for step in (2, 4):
      # What fills a group up belongs to nobody.
      checkpoints.save('abc', states_at(step, 1., 2., 3., 99.))
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.reached('abc') == {'a': 4, 'b': 4, 'c': 4}
    checkpoints.save(['b'], states_at(6, 20.))
    checkpoints.save(['b'], states_at(8, 21.))
    # The others have nothing newer.
    assert numbers(tmp_path) == [12, 14, 16]
    assert checkpoints.reached('abc') == {'a': 4, 'b': 8, 'c': 4}
    checkpoints.save('ca', states_at(6, 30., 10.))
    assert numbers(tmp_path) == [16, 20]
  with Checkpoints(tmp_path) as checkpoints:
    loaded = checkpoints.load('abc', LIKE)
    assert loaded.step.tolist() == [6, 8, 6]
    assert loaded.params['w'][:, 1, 2].tolist() == [10., 21., 30.]


def test_an_empty_folder(tmp_path):
  with Checkpoints(tmp_path / 'new') as checkpoints:
    assert checkpoints.reached('a') == {'a': 0} and checkpoints.load('a', LIKE) is None


def test_what_was_cut_off_is_gone(folder):
  for name in ('.16.new', '.2.old'):
    (folder / name / 'arrays').mkdir(parents=True)
    (folder / name / 'arrays' / 'half').write_text('x')
  with Checkpoints(folder) as checkpoints:
    assert numbers(folder) == [6, 12, 14] and checkpoints.reached('c') == {'c': 2}


def largest(folder):
  return max((path for path in folder.rglob('*') if path.is_file()),
             key=lambda path: path.stat().st_size)


def truncate(folder):
  path = largest(folder)
  path.write_bytes(path.read_bytes()[:-1])


def flip(folder):
  for path in folder.rglob('*'):
    if path.is_file():
      content = bytearray(path.read_bytes())
      content[len(content) // 2] ^= 4
      path.write_bytes(content)


def flip_one(folder):
  path = largest(folder / 'arrays')
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def missing(folder):
  largest(folder / 'arrays').unlink()


def empty(folder):
  for path in sorted(folder.rglob('*'), reverse=True):
    path.rmdir() if path.is_dir() else path.unlink()


def no_about(folder):
  (folder / 'about.json').write_text('[1]')


def shuffled(folder):
  (folder / 'arrays').rename(folder / 'other')


@pytest.mark.parametrize('damage', [
    truncate, flip, flip_one, missing, empty, no_about, shuffled])
def test_a_damaged_one_falls_back_to_the_newest_whole(folder, lines, damage):
  with Checkpoints(folder) as checkpoints:
    checkpoints.save(['c'], states_at(4, 24.))
    checkpoints.save(['c'], states_at(6, 26.))
  assert numbers(folder) == [6, 12, 16, 18]
  damage(folder / '18')
  with Checkpoints(folder, say=lines.append) as checkpoints:
    assert checkpoints.reached('abc') == {'a': 6, 'b': 6, 'c': 4}
    line, = lines
    assert str(folder / '18') in line and 'damaged' in line and '\n' not in line
    assert checkpoints.load(['c'], LIKE).params['w'][0, 0, 0] == 24.
    # What is done again takes its place.
    checkpoints.save(['c'], states_at(6, 26.))
  assert numbers(folder) == [6, 12, 16, 18] and len(lines) == 1
  with Checkpoints(folder, say=lines.append) as checkpoints:
    assert checkpoints.load(['c'], LIKE).params['w'][0, 0, 0] == 26.
    assert checkpoints.reached('c') == {'c': 6} and len(lines) == 1


@pytest.mark.parametrize('change', [
    {'step': 0}, {'step': True}, {'step': 4.}, {'step': 2**31}, {'folds': []},
    {'folds': 'c'}, {'folds': [1]}, {'folds': None}, {'sha256': None}, {'files': {}}])
def test_what_about_json_may_not_hold(folder, lines, change):
  about = folder / '14' / 'about.json'
  about.write_text(json.dumps({**json.loads(about.read_text()), **change}))
  with Checkpoints(folder, say=lines.append) as checkpoints:
    assert checkpoints.reached('abc') == {'a': 6, 'b': 6, 'c': 0}
  assert len(lines) == 1 and 'no readable about.json' in lines[0]


def test_what_is_nobodys_checkpoint_is_left_alone(folder, lines):
  strange = ['.DS_Store', 'notes.txt', '²', '007', '9' * 40, '15']
  for name in strange:
    (folder / name).write_text('x')
  with Checkpoints(folder, say=lines.append) as checkpoints:
    checkpoints.save(['c'], states_at(4, 24.))
    assert checkpoints.reached('abc') == {'a': 6, 'b': 6, 'c': 4} and not lines
  assert sorted(path.name for path in folder.iterdir()) == sorted(
      [*strange, '6', '12', '14', '16'])


def test_after_a_power_cut_what_is_not_synced_is_not_needed(folder, lines):
  """Orbax leaves notes of its own, which the disk may not have had yet."""
  needed = 0
  for path in folder.rglob('*'):
    if path.is_file() and path.name not in ('state.npz', 'about.json'):
      path.write_bytes(b'')
      needed += 1
  assert needed
  with Checkpoints(folder, say=lines.append) as checkpoints:
    assert checkpoints.reached('abc') == {'a': 6, 'b': 6, 'c': 2} and not lines
    assert checkpoints.load(['c'], LIKE).params['w'][0, 0, 0] == 22.


def test_files_and_names_are_on_disk_before_what_relies_on_them(folder, monkeypatch):
  seen, sync, replace, rename = [], os.fsync, os.replace, pathlib.Path.rename

  def named(path):
    return pathlib.Path(path).relative_to(folder).as_posix()

  def synced(number):
    seen.append('sync ' + named(os.readlink(f'/proc/self/fd/{number}')))
    sync(number)

  def renamed(one, other, do):
    seen.append(f'{named(one)} is {named(other)}')
    return do(one, other)
  monkeypatch.setattr(os, 'fsync', synced)
  monkeypatch.setattr(os, 'replace', lambda one, other: renamed(one, other, replace))
  monkeypatch.setattr(pathlib.Path, 'rename',
                      lambda one, other: renamed(one, other, rename))
  with Checkpoints(folder) as checkpoints:
    checkpoints.save(['c'], states_at(4, 24.))
    seen.clear()
    checkpoints.save(['c'], states_at(6, 26.))
  order = ''.join(f'{line}\n' for line in seen)
  assert re.search(
      r'sync \.18\.new/arrays.*/\.state\.npz\..*\n(.*\n)*'
      r'sync \.18\.new/arrays\n(.*\n)*'
      r'sync \.18\.new/\.about\.json\..*\n(.*\n)*'
      r'sync \.18\.new\n\.18\.new is 18\nsync \.\n14 is \.14\.old\n$', order), order


@pytest.mark.parametrize('name', ['.5.new', '.5.old'])
def test_rests_of_any_kind_are_removed(folder, tmp_path, name):
  (folder / name).symlink_to(tmp_path)
  with Checkpoints(folder) as checkpoints:
    assert checkpoints.reached('c') == {'c': 2}
  (folder / name).write_text('x')
  with Checkpoints(folder) as checkpoints:
    assert checkpoints.reached('c') == {'c': 2}
  assert numbers(folder) == [6, 12, 14]


def test_a_step_that_is_not_the_states(folder):
  about = folder / '14' / 'about.json'
  about.write_text(about.read_text().replace('"step": 2', '"step": 600'))
  with Checkpoints(folder) as checkpoints:
    assert checkpoints.reached('c') == {'c': 600}
    with pytest.raises(InputError, match='14 .*its step is 2'):
      checkpoints.load(['c'], LIKE)


def test_nothing_whole_is_the_start(folder, lines):
  truncate(folder / '14')
  with Checkpoints(folder, say=lines.append) as checkpoints:
    assert checkpoints.reached('abc') == {'a': 6, 'b': 6, 'c': 0} and len(lines) == 1
    assert checkpoints.load(['c'], LIKE) is None


def test_what_is_saved_comes_back_bit_by_bit(tmp_path):
  rng = np.random.default_rng(0)
  x = np.r_[rng.standard_normal(20), np.nan, np.inf, -0., 1e-40].astype(np.float32)
  state = TrainState(jnp.array([3], jnp.int32), {'x': jnp.asarray(x[None])}, ())
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save('a', state)
  with Checkpoints(tmp_path) as checkpoints:
    loaded = checkpoints.load('a', state._replace(params={'x': jnp.zeros((1, 24))}))
  assert np.asarray(loaded.params['x']).tobytes() == x.tobytes()


def test_a_checkpoint_is_one_file_that_numpy_opens(folder):
  with np.load(folder / '14' / 'arrays' / 'state.npz', allow_pickle=False) as arrays:
    assert arrays['step'] == [2] and arrays['opt_state/0'] == [3.5]
    np.testing.assert_array_equal(arrays['params/w'], np.full((1, 2, 3), 22.))


def test_the_same_states_are_the_same_bytes(tmp_path):
  for name in 'ab':
    with Checkpoints(tmp_path / name) as checkpoints:
      checkpoints.save('s', states_at(2, 1.))
  for part in ('arrays/state.npz', 'about.json'):
    first, second = ((tmp_path / name / '2' / part).read_bytes() for name in 'ab')
    assert first == second


METHODS = {**{name: {'name': name} for name in CHOICES['method.name']},
           'rates of layers': {'rates': 'layers'},
           'learned weight': {'weight': 'learned'}}


def restored(folder, state):
  states = jax.tree.map(lambda x: jnp.asarray(x)[None], state)
  with Checkpoints(folder) as checkpoints:
    checkpoints.save('a', states._replace(step=jnp.array([2], jnp.int32)))
    return jax.tree.map(lambda x: x[0], checkpoints.load('a', states))


@pytest.mark.parametrize('method', METHODS)
def test_every_methods_state_comes_back(method, small_net, tmp_path, states_equal):
  changes = {'name': 'lightman', **METHODS[method]}
  settings = {**sections.choose('method', changes['name']), **changes}
  state = started(make_learner(small_net, **settings), (1, 2, 2, 2))
  loaded = restored(tmp_path, state)
  states_equal(loaded.params, state.params)
  states_equal(loaded.opt_state, state.opt_state)


def test_running_statistics_come_back(tmp_path, states_equal):
  model = common.base().model.to_dict()
  model.update(encoder='ststnet', norm='batch', temporal_depth=0)
  net = make_network(make_encoder(**model), classes=3)
  state = started(running_statistics.supervised(net), (1, 28, 28, 3),
                  running_statistics.beside_statistics)
  assert 'statistics' in state.params
  loaded = restored(tmp_path, state)
  states_equal(loaded.params, state.params)
  states_equal(loaded.opt_state, state.opt_state)


def started(learner, shape, beside=lambda optimizer: optimizer) -> TrainState:
  """A state whose arrays all differ from those of any other start."""
  optimizer = beside(make_optimizer(outer_rate=1e-3, weight_decay=1e-2, clip_norm=1.))
  state = init_state(jax.random.key(0), Recipe(
      learner, optimizer, Sizes(3, 1, 1), None, tasks=1, at_once=1), shape)
  rng = np.random.default_rng(0)
  return jax.tree.map(lambda x: jnp.asarray(
      rng.standard_normal(x.shape) if x.dtype == jnp.float32 else x, x.dtype), state)
