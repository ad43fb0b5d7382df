"""Whether a run fits: plans of the compiler, limits of the system, sentences."""

import subprocess
import sys
from unittest import mock

import jax
import jax.numpy as jnp
import pytest

from configs import common
from lightman_jax.errors import InputError
from lightman_jax.profiling import memory
from lightman_jax.profiling.memory import GIB, Need
from lightman_jax.training import streaming
from lightman_jax.training.devices import lay_out

# A program under a limit that the system keeps: it learns of it, then runs into it.
LIMITED = """
import resource
import jax, jax.numpy as jnp
from lightman_jax.errors import InputError
from lightman_jax.profiling import memory
device = jax.devices()[0]
jax.block_until_ready(jax.jit(lambda n: jnp.full(9, n).sum())(1.))
held = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
# Other threads may give some back before the room is measured.
resource.setrlimit(resource.RLIMIT_AS, (held + 2**29 - 2**26, resource.RLIM_INFINITY))
assert 2**28 < memory.room(device) <= 2**29, memory.room(device)
try:
  with memory.explain_lack_of_memory(lambda: 'lower inputs.size'):
    jax.block_until_ready(jnp.ones(2**30, jnp.float32))
except InputError as error:
  print(error)
"""


def config(**training):
  complete = common.base().to_dict()
  complete['training'].update(training)
  return complete


def layout(**options):
  return lay_out(jax.devices(), folds=8, tasks=4, **options)


def test_a_plan_is_counted_in_bytes():
  compiled = jax.jit(lambda x: (x @ x) @ x).lower(jnp.ones((256, 256))).compile()
  need = memory.need_of(compiled, layout())
  assert need.clips == need.results == 4 * 256**2 <= need.temporaries < 9 * 256**2
  assert need.devices == len(jax.devices())
  assert need.total == need.devices * (need.clips + need.results + need.temporaries)


def test_a_limit_of_the_system_is_known_and_running_into_it_is_a_sentence():
  done = subprocess.run([sys.executable, '-c', LIMITED], text=True, timeout=300,
                        capture_output=True)
  assert done.returncode == 0, done.stderr
  assert done.stdout.endswith('; lower inputs.size\n') and 'memory' in done.stdout
  assert len(done.stdout.splitlines()) == 1


def test_other_errors_are_left_alone():
  with pytest.raises(jax.errors.JaxRuntimeError, match='INVALID'):
    with memory.explain_lack_of_memory(lambda: 'never'):
      raise jax.errors.JaxRuntimeError('INVALID_ARGUMENT: something else')


@pytest.mark.parametrize('gib, fits', [(7., True), (5.9, False)])
def test_what_the_user_allows_is_kept(gib, fits):
  lines, need = [], Need(GIB, GIB, 4 * GIB, 1)
  if fits:
    memory.check(need, config(memory_limit=gib), layout(), lines.append)
  else:
    with pytest.raises(InputError, match=r'6 GiB .* 5\.9 GiB are allowed by training'):
      memory.check(need, config(memory_limit=gib), layout(), lines.append)
  assert lines == [f'memory: about 6 GiB on each of {len(jax.devices())} devices of '
                   f'{gib:g} GiB, of which clips and states 2 GiB']


def test_far_more_than_there_is_is_refused():
  there = memory.room(jax.devices()[0])
  assert 2**20 < there < 2**50
  with pytest.raises(InputError, match='are there'):
    memory.check(Need(0, 0, 2 * there, 1), config(), layout(), lambda line: None)


def accelerator(stats):
  """A GPU, which this machine may lack; `stats` as XLA's allocator has them."""
  device = mock.Mock(spec=jax.Device, platform='gpu', process_index=0)
  device.memory_stats.return_value = stats
  return device


@pytest.mark.parametrize('stats, placed, free', [
    (None, 0, None), ({'bytes_in_use': 5}, 0, None),
    ({'bytes_limit': 100}, 0, 100), ({'bytes_limit': 100, 'bytes_in_use': 30}, 0, 70),
    # What the program itself has put there is in its need.
    ({'bytes_limit': 100, 'bytes_in_use': 30}, 20, 90),
    ({'bytes_limit': 100, 'bytes_in_use': 30}, 50, 100),
    ({'bytes_limit': 100, 'bytes_in_use': 130}, 0, 0)])
def test_an_accelerator_has_what_nothing_else_holds(stats, placed, free):
  assert memory.room(accelerator(stats), placed) == free
  if not placed:
    assert streaming.memory_of(accelerator(stats)) == free


def test_what_others_hold_makes_batches_smaller():
  made = layout(folds_at_once=4)._replace(
      devices=(accelerator({'bytes_limit': 10 * GIB, 'bytes_in_use': 7 * GIB}),))
  need = Need(GIB, 0, 6 * GIB, 1)
  with pytest.raises(memory.TooMuch) as error:
    memory.check(need, config(), made, lambda line: None)
  assert error.value.settings == {'training.folds_at_once': 2,
                                  'training.tasks_at_once': 1}


@pytest.mark.parametrize('options, tasks, free, expected', [
    # 32 units of 2 bytes: 31 at most, 8 tasks a fold.
    ({'folds_at_once': 4, 'tasks_at_once': 8}, 8, 64, (3, 8)),
    ({'folds_at_once': 4, 'tasks_at_once': 8}, 8, 40, (2, 8)),
    # Less than a fold's tasks: as many as divide all of them.
    ({'folds_at_once': 4, 'tasks_at_once': 8}, 8, 14, (1, 4)),
    ({'folds_at_once': 4, 'tasks_at_once': 8}, 8, -5, (1, 1)),
    # No more tasks make a batch than there are.
    ({'folds_at_once': 1, 'tasks_at_once': 64}, 6, 40, (1, 3)),
    ({'folds_at_once': 2, 'tasks_at_once': 1}, 8, 40, (1, 1)),
    ({}, 8, 1, None),
    # Of 7 tasks two devices have 4 and 3.
    ({'tasks_at_once': 4, 'split': 'tasks', 'devices': 2}, 7, 50, (1, 2))])
def test_batches_become_smaller(options, tasks, free, expected):
  devices = jax.devices()[:options.pop('devices', 1)]
  made = lay_out(devices, folds=8, tasks=tasks, **options)
  there = len(devices) * (30 + free)
  changes = memory.smaller(Need(10, 20, 64, len(devices)), there, made, tasks)
  assert changes == ({} if expected is None else dict(zip(
      ('training.folds_at_once', 'training.tasks_at_once'), expected)))


def test_what_is_allowed_is_no_guess_and_makes_batches_smaller():
  """Free memory changes with the hour, and batches may not."""
  lines, made = [], layout(folds_at_once=4)
  with pytest.raises(memory.TooMuch) as error:
    memory.check(Need(0, 0, 4 * GIB, 1), config(memory_limit=2.5), made, lines.append)
  assert error.value.settings == {'training.folds_at_once': 2,
                                  'training.tasks_at_once': 1}
  assert lines[1] == ('that is too much: training.folds_at_once=2, '
                      'training.tasks_at_once=1')
  there = memory.room(jax.devices()[0])
  with pytest.raises(InputError, match=r'lower training\.folds_at_once \(4\)'):
    memory.check(Need(0, 0, 2 * there, 1), config(), made, lines.append)


@pytest.mark.parametrize('options, need, change, setting', [
    ({'folds_at_once': 4}, Need(0, 0, 1, 2), {}, 'training.folds_at_once (4)'),
    ({'tasks_at_once': 3}, Need(0, 0, 1, 2), {}, 'training.tasks_at_once (3)'),
    ({}, Need(0, 0, 1, 2), {}, 'training.devices=1'),
    ({}, Need(2, 0, 1, 1), {}, 'inputs.size or data.frames'),
    ({}, Need(0, 0, 1, 1), {}, 'method.inner_memory=0'),
    ({}, Need(0, 0, 1, 1), {'inner_memory': 0.}, 'model.width'),
    ({}, Need(0, 0, 1, 1), {'first_order': True}, 'model.width'),
    ({}, Need(0, 0, 1, 1), {'name': 'supervised'}, 'model.width')])
def test_the_setting_that_would_help_is_named(options, need, change, setting):
  complete = config()
  complete['method'].update(change)
  assert setting in memory.advice(need, complete, layout(**options))


@pytest.mark.parametrize('line, root, limit, used', [
    ('4:memory:/job/7', 'memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes'),
    ('0::/job/7', '', 'memory.max', 'memory.current')])
def test_limits_of_containers(tmp_path, line, root, limit, used):
  """The job's is 100 of which 60 are used, 20 of them by files; its parent has none."""
  mine, place = tmp_path / 'mine', tmp_path / root / 'job' / '7'
  mine.write_text(f'3:cpu:/job/7\n{line}\n')
  place.mkdir(parents=True)
  for folder, most in ((place, '100'), (place.parent, 'max')):
    (folder / limit).write_text(f'{most}\n')
    (folder / used).write_text('60\n')
  (place / 'memory.stat').write_text('anon 40\ninactive_file 20\n')
  assert list(memory._of_groups(str(mine), str(tmp_path))) == [60]
