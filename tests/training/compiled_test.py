"""Damaged compiled programs are deleted; jax never dies of one."""

import os
import subprocess
import sys
import threading

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.training import compiled

# Computes a sum by a compiled program; tells what jax warned of, too.
PROGRAM = """
import os, sys
import jax, jax.numpy as jnp
from lightman_jax.training.devices import use_compilation_cache
if len(sys.argv) > 1:
  use_compilation_cache()
print(float(jax.jit(lambda x: (x @ x).sum())(jnp.ones((8, 8)))))
"""


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A function that starts the program; and the folder of its compiled programs."""
  folder = tmp_path_factory.mktemp('xla')

  def start(*words):
    return subprocess.run(
        [sys.executable, '-c', PROGRAM, *words], text=True, capture_output=True,
        env={**os.environ, 'JAX_COMPILATION_CACHE_DIR': str(folder),
             'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
             'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1', 'XLA_FLAGS': ''})
  assert start().stdout == '512.0\n'
  return start, folder


def entries(folder):
  return {path.name: path.read_bytes() for path in folder.glob('*-cache')}


DAMAGES = (lambda content: b'', lambda content: content[:len(content) // 2],
           lambda content: content[:-1], lambda content: content + b'x',
           lambda content: bytes([content[0] ^ 1]) + content[1:],
           lambda content: content[:200] + bytes([content[200] ^ 4]) + content[201:])


@pytest.mark.parametrize('damage', DAMAGES)
def test_what_is_damaged_goes_and_the_rest_stays(run, tmp_path, damage):
  whole = entries(run[1])
  first, second = sorted(whole)[:2]
  for name in (first, second):
    (tmp_path / name).write_bytes(whole[name])
  assert compiled.mend(tmp_path) == []
  (tmp_path / first).write_bytes(damage(whole[first]))
  assert compiled.mend(tmp_path) == [first]
  assert entries(tmp_path) == {second: whole[second]}


def test_a_program_comes_through_and_leaves_whole_entries(run):
  start, folder = run
  whole = entries(folder)
  for number, (name, content) in enumerate(whole.items()):
    (folder / name).write_bytes(DAMAGES[number % len(DAMAGES)](content))
  ended = start('mended')
  assert (ended.returncode, ended.stdout, ended.stderr) == (0, '512.0\n', '')
  assert entries(folder).keys() == whole.keys()
  assert compiled.mend(folder) == []


ALARM = """\
E0000 00:00:1 7 slow_operation_alarm.cc:73] 
********************************
[Compiling module pmap_chunk] Very slow compile? If you want to file a bug, run with \
envvar XLA_FLAGS=--xla_dump_to=/tmp/foo and attach the results.
********************************
"""
OTHER = """\
E0000 00:00:1 7 slow_operation_alarm.cc:73] 
********************************
Constant folding an instruction is taking > 1s
********************************
"""
ENDS = ALARM.replace('73] ', '140] The operation took 2m12.85s\n')

WRITES = """
import os, sys
from lightman_jax.training.compiled import without_alarm
with without_alarm():
  os.write(2, sys.argv[1].encode())
  print('of Python', file=sys.stderr)
  os.write(2, b'of C')
os.write(2, b', after')
"""


@pytest.mark.parametrize('alarm', [ALARM, ALARM + ENDS])
def test_a_slow_compilation_is_no_alarm(alarm):
  """All else that comes on the way is passed on."""
  text = f'before\n{alarm}{OTHER}between\n{alarm}last\n'
  done = subprocess.run([sys.executable, '-c', WRITES, text], text=True,
                        capture_output=True)
  lines = done.stderr.splitlines()
  assert 'of Python' in lines and done.returncode == 0
  lines.remove('of Python')
  assert lines == ['before', *OTHER.splitlines(), 'between', 'last', 'of C, after']


def test_no_program_of_ours_asks_for_a_report(capfd):
  """Each is compiled on its first call with such arguments, which XLA may log of."""
  def sum_of(x, count):
    os.write(2, ALARM.encode())
    return x.sum() * count
  program = compiled.jit(sum_of, static_argnums=1)
  x = np.ones((2, 3), np.float32)
  # A look at the shapes alone compiles nothing, and takes nothing from the call.
  jax.eval_shape(lambda x: program(x, 2), x)
  capfd.readouterr()
  assert program(x, 2) == program(x, 2) == 12
  assert program(x, 3) == 18 and program(x.T, 2) == 12
  assert capfd.readouterr().err == ''


def test_threads_that_compile_at_once(capfd):
  """Who comes second shares what the first began, whoever ends first."""
  inside, may_end = threading.Event(), threading.Event()

  def other():
    with compiled.without_alarm():
      inside.set()
      may_end.wait(60)
      os.write(2, f'other\n{ALARM}'.encode())
  thread = threading.Thread(target=other)
  with compiled.without_alarm():
    thread.start()
    inside.wait(60)
  os.write(2, f'still\n{ALARM}'.encode())
  may_end.set()
  thread.join()
  os.write(2, b'after\n')
  assert capfd.readouterr().err == 'still\nother\nafter\n'


def test_a_process_that_stays_holds_nobody_up(capfd):
  with compiled.without_alarm():
    stays = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
  assert stays.poll() is None
  stays.communicate(b'\n')
  os.write(2, b'after\n')
  assert capfd.readouterr().err == 'after\n'


def test_what_computes_for_an_instant_has_the_same_bits(monkeypatch):
  """Weights and supports are drawn so: found sooner, and no other numbers."""
  net = make_network(make_encoder(encoder='conv4', width=4, temporal_width=4,
                                  temporal_depth=1), classes=3, skip=4)

  def draw(key):
    return net.init(key, (2, 16, 16, 3)), jax.random.permutation(
        jax.random.fold_in(key, 1), 50)
  key, asked = jax.random.key(3), []
  whole, plain = compiled.jit(draw)(key), jax.jit
  monkeypatch.setattr(jax, 'jit', lambda *given, **named: (
      asked.append(named), plain(*given, **named))[1])
  sooner = compiled.jit(draw, for_an_instant=True)
  chex.assert_trees_all_equal(whole, sooner(key))
  assert [bool(named.get('compiler_options')) for named in asked[:2]] == [
      False, jax.default_backend() == 'cpu']
  # Within another program there is nothing to choose.
  twice = plain(jax.vmap(lambda key: sooner(key)[1]))(jnp.stack([key, key]))
  chex.assert_trees_all_equal(twice[1], whole[1])


def test_a_folder_that_is_not_there(tmp_path):
  assert compiled.mend(tmp_path / 'none') == [] and not list(tmp_path.iterdir())


def test_code_that_is_traced_ends_nothing_and_goes_nowhere(tmp_path, monkeypatch):
  """Of somebody else: sys.exit(0) would be an end without a word, and a success."""
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'in').mkdir()

  def leaving(x):
    os.chdir('in')
    sys.exit(0)
  with pytest.raises(InputError, match='would end the program .SystemExit: 0'):
    compiled.jit(leaving)(1.)
  assert os.getcwd() == str(tmp_path)
