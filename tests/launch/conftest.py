"""launch.py as its users start it: processes that share data and compiled programs."""

import contextlib
import csv
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a shell starts in the background, and all that this starts, is deaf to Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
  signal.signal(signal.SIGINT, signal.default_int_handler)

# Three people, six clips each, 16 pixels: all stages in seconds once it is compiled.
TINY = (
    '--config=configs/synthetic.py:debug', '--config.data.size=16',
    '--config.data.frames=3', '--config.data.synthetic.subjects=3',
    '--config.data.synthetic.micro=6', '--config.data.synthetic.macro=2',
    '--config.training.checkpoint_every=1')


class Outcome(NamedTuple):
  """How a process ended."""
  code: int
  out: str
  err: str

  def refused_with(self, *words: str) -> bool:
    """One sentence, after which the program ended: it holds all `words`."""
    before, _, sentence = self.err.rpartition('launch.py: ')
    assert self.code == 2, self
    assert 'launch.py: ' not in before and 'Traceback' not in self.err, self.err
    assert 'Error' not in self.err and len(sentence.strip()) > 20, self.err
    return all(word in sentence for word in words) or pytest.fail(sentence)


class Program:
  """Starts launch.py; `home` holds what it keeps outside of its run folders."""

  def __init__(self, home: pathlib.Path):
    self.home, self.code = home, home / 'code'
    if not self.code.exists():
      self._copy_code()
    self.environment = {**os.environ, 'JAX_PLATFORMS': 'cpu',
                        **places(home),
                        'JAX_COMPILATION_CACHE_DIR': str(home / 'xla'),
                        'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
                        'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1'}
    # As many devices as a user has, and programs that compile in less than half the
    # time; .ci/run's main job compiles them as a user does.
    self.environment['XLA_FLAGS'] = ' '.join(
        flag for flag in os.environ['XLA_FLAGS'].split() if 'device_count' not in flag)
    if self.environment.pop('PYTHONDONTWRITEBYTECODE', None):
      # Compiling a thousand modules anew would take longer than what is tested.
      self.environment['PYTHONPYCACHEPREFIX'] = str(home / 'pyc')

  def _copy_code(self) -> None:
    """Who edits a file meanwhile would have runs refused that other code began."""
    for name in ('lightman_jax', 'configs'):
      shutil.copytree(ROOT / name, self.code / name,
                      ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(ROOT / 'launch.py', self.code)

  def start(self, *arguments, python=(), **environment) -> subprocess.Popen:
    """Begins a process; `environment` is added to its own."""
    command = [sys.executable, *python, 'launch.py', *arguments]
    return subprocess.Popen(
        command, cwd=self.code, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**self.environment, **environment})

  def run(self, *arguments, **options) -> Outcome:
    """Waits for a process to end."""
    process = self.start(*arguments, **options)
    out, err = process.communicate(timeout=400)
    return Outcome(process.returncode, out, err)

  @staticmethod
  def wait_for(ready, *processes: subprocess.Popen, seconds: float = 300) -> None:
    """Until `ready()`; fails if a process ends before, or it takes too long."""
    latest = time.monotonic() + seconds
    while not ready():
      if time.monotonic() > latest or any(p.poll() is not None for p in processes):
        for process in processes:
          process.kill()
        pytest.fail(f'never ready: {[process.communicate() for process in processes]}')
      time.sleep(.01)


def places(home: pathlib.Path) -> dict[str, str]:
  """Variables that move everything but a run folder to `home`."""
  return {'XDG_CACHE_HOME': str(home / 'cache'), 'TFDS_DATA_DIR': str(home / 'data')}


class Run(NamedTuple):
  """A run folder, and the process that finished it."""
  folder: pathlib.Path
  outcome: Outcome

  def json(self, name: str):
    return json.loads((self.folder / name).read_text())

  def predictions(self) -> list[dict[str, str]]:
    with open(self.folder / 'predictions.csv', newline='') as file:
      return list(csv.DictReader(file))


@pytest.fixture(scope='session')
def shared(tmp_path_factory) -> pathlib.Path:
  """A folder of all processes that run tests."""
  own = tmp_path_factory.getbasetemp()
  return own.parent if 'PYTEST_XDIST_WORKER' in os.environ else own


@contextlib.contextmanager
def alone(folder: pathlib.Path):
  """One process at a time."""
  with open(folder / 'launch.lock', 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


@pytest.fixture(scope='session')
def program(shared) -> Program:
  with alone(shared):
    return Program(shared / 'home')


@pytest.fixture(scope='session')
def finished(program, shared) -> Run:
  """One run from nothing to its end; tests work on copies of its folder."""
  folder, about = shared / 'finished', shared / 'finished.json'
  with alone(shared):
    if not about.exists():
      outcome = program.run(*TINY, f'--workdir={folder}')
      about.write_text(json.dumps(outcome))
  outcome = Outcome(*json.loads(about.read_text()))
  assert outcome.code == 0, outcome.err
  return Run(folder, outcome)


@pytest.fixture
def tiny() -> tuple[str, ...]:
  return TINY


@pytest.fixture(name='places')
def _places():
  return places
