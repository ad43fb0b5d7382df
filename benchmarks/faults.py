"""What a run does when the machine fails it: every fault for real, and what came of it.

  python benchmarks/faults.py --times=2 --home=FOLDER
  python benchmarks/faults.py --times=1 --only=disk

Each fault is done to processes of launch.py that run a small configuration of the
synthetic faces: disks are tmpfs mounts of few bytes (that needs root), limits are those
of the system, damage is done to the files themselves. A fault ends well if the program
goes on and ends with the bytes of the undisturbed run, or ends with one sentence and
exit code 2 and, once the fault is gone, the same command ends with those bytes.

Prints a row for every fault: how it ended, how often, and what was said; exits with 1
if any ended otherwise. Some ten seconds a start on two idle cores.
"""

import argparse
import collections
from collections.abc import Callable, Iterator
import contextlib
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from kill import SMALL, copy_code

# How lines begin that every run says.
STAGES = ('clips', 'write', 'load', 'inputs:', 'train', 'prediction', 'memory:',
          'leave one', 'UF1:', '[low, high]:')
SAME = ('results.json', 'predictions.csv', 'metrics.jsonl')
JUMPS = """
import os, time
real, began = time.time, time.monotonic()
after = float(os.environ['JUMP_AFTER'])
time.time = lambda: real() - 86400 * (time.monotonic() - began > after)
"""


class Outcome(NamedTuple):
  """How a process ended."""
  code: int
  said: str


class Try:
  """One trial: a home of its own, the code and the compiled programs shared."""

  def __init__(self, base: pathlib.Path, number: int, rng: random.Random):
    self.base, self.rng = base, rng
    self.home = base / f'try{number}'
    shutil.rmtree(self.home, ignore_errors=True)
    self.home.mkdir()
    self.xla = base / 'xla'
    self.run, self.data, self.cache = (self.home / name
                                       for name in ('run', 'data', 'cache'))

  def start(self, *words, limit: Callable[[], None] | None = None, **environment
            ) -> subprocess.Popen:
    """Begins a run; what it says goes to log.txt."""
    code = self.base / 'code'
    words = [word.replace('=configs/', f'={code}/configs/')
             for word in (*SMALL, *words)]
    log = open(self.base / 'log.txt', 'w')
    with log:
      return subprocess.Popen(
          [sys.executable, str(code / 'launch.py'), *words, f'--workdir={self.run}'],
          stdout=log, stderr=log, preexec_fn=limit,
          env={**os.environ, 'PYTHONPATH': str(code), 'XDG_CACHE_HOME': str(self.cache),
               'TFDS_DATA_DIR': str(self.data),
               'JAX_COMPILATION_CACHE_DIR': str(self.xla),
               'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
               'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1', **environment})

  def end(self, *words, **options) -> Outcome:
    """Waits for a run to end."""
    code = self.start(*words, **options).wait()
    return Outcome(code, (self.base / 'log.txt').read_text())

  @contextlib.contextmanager
  def disk(self, place: pathlib.Path, size: str, mode: str = 'rw'
           ) -> Iterator[Callable]:
    """A disk of its own there; yields a function that makes it another one."""
    place.mkdir(exist_ok=True)
    mount = lambda *words: subprocess.run(['mount', *words, place], check=True)
    mount('-t', 'tmpfs', '-o', f'size={size},{mode}', 'tmpfs')
    try:
      yield lambda size, mode='rw': mount('-o', f'remount,{mode},size={size}')
    finally:
      subprocess.run(['umount', place], check=True)

  def same(self) -> bool:
    """Whether the run ended with the bytes of the undisturbed one."""
    return all((self.run / name).is_file() and (self.run / name).read_bytes()
               == (self.base / 'undisturbed' / name).read_bytes() for name in SAME)


def verdict(first: Outcome, again: Outcome | None, same: bool) -> str:
  """'went on', 'one sentence, then the same bytes', or what is wrong."""
  sentences = first.said.count('launch.py: ')
  if 'Traceback' in first.said:
    return f'TRACEBACK {first.said.splitlines()[-1]}'
  if again is None:
    return 'went on to the same bytes' if first.code == 0 and same else (
        f'WRONG: exit code {first.code}, same bytes: {same}')
  if first.code != 2 or sentences != 1:
    return f'WRONG: exit code {first.code}, {sentences} sentences'
  if again.code or not same:
    return f'WRONG afterwards: exit code {again.code}, same bytes: {same}'
  return 'one sentence; the same command then ended with the same bytes'


def full_run(one: Try):
  """The run folder's disk is full."""
  with one.disk(one.run.parent / 'disk', '4k') as remount:
    one.run = one.run.parent / 'disk' / 'run'
    remount(f'{one.rng.randrange(60, 400)}k')
    first = one.end()
    remount('50m')
    again = one.end() if first.code else None
    return first, verdict(first, again, one.same())


def full_data(one: Try):
  """The data set's disk is full."""
  with one.disk(one.data, f'{one.rng.randrange(16, 200)}k') as remount:
    first = one.end()
    remount('50m')
    return first, verdict(first, one.end(), one.same())


def full_cache(one: Try):
  """The disk of the inputs' cache and of the compiled programs is full."""
  with one.disk(one.cache, '16k'):
    first = one.end(JAX_COMPILATION_CACHE_DIR=str(one.cache / 'xla'))
    return first, verdict(first, None, one.same())


def closed_run(one: Try):
  """The run folder lies on a read-only disk."""
  with one.disk(one.run.parent / 'disk', '50m', 'ro') as remount:
    one.run = one.run.parent / 'disk' / 'run'
    first = one.end()
    remount('50m', 'rw')
    return first, verdict(first, one.end(), one.same())


def closed_data(one: Try):
  """The data folder lies on a read-only disk."""
  with one.disk(one.data, '50m', 'ro') as remount:
    first = one.end()
    remount('50m', 'rw')
    return first, verdict(first, one.end(), one.same())


def closed_cache(one: Try):
  """The cache's disk, with that of the compiled programs, is read-only."""
  with one.disk(one.cache, '1m', 'ro'):
    first = one.end(JAX_COMPILATION_CACHE_DIR=str(one.cache / 'xla'))
    return first, verdict(first, None, one.same())


def few_files(one: Try):
  """File descriptors run out."""
  most = one.rng.randrange(4, 12)
  first = one.end(limit=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                   (most, most)))
  again = one.end() if first.code else None
  return first, verdict(first, again, one.same())


def small_files(one: Try):
  """A quota: no file may be longer than some hundred kilobytes."""
  most = one.rng.randrange(4, 120) * 1024
  # Before 3.13 Python itself leaves half of a module's compiled file there.
  first = one.end(limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
                  PYTHONDONTWRITEBYTECODE='1')
  again = one.end() if first.code else None
  return first, verdict(first, again, one.same())


def clock(one: Try):
  """The clock jumps back by a day, at a random moment."""
  (one.home / 'sitecustomize.py').write_text(JUMPS)
  path = f'{one.home}{os.pathsep}{one.base / "code"}'
  first = one.end(PYTHONPATH=path, JUMP_AFTER=str(one.rng.uniform(0, 20)))
  return first, verdict(first, None, one.same())


@contextlib.contextmanager
def kept(folder: pathlib.Path) -> Iterator[None]:
  """What happens to a folder inside is undone."""
  other = folder.with_name(f'{folder.name}-kept')
  shutil.copytree(folder, other)
  yield
  shutil.rmtree(folder)
  other.rename(folder)


def damaged(pattern: str, place: str) -> Callable:
  """Files are cut, flipped, emptied or deleted between two starts."""
  def fault(one: Try):
    shutil.copytree(one.base / 'undisturbed-home', one.home, dirs_exist_ok=True)
    how = one.rng.choice((cut, flip, empty))
    where = one.xla if place == 'xla' else one.home / place
    # The compiled programs are known by their folder, too: they are damaged in place.
    with kept(one.xla) if place == 'xla' else contextlib.nullcontext():
      for path in sorted(where.rglob(pattern)):
        if path.is_file():
          path.write_bytes(how(one.rng, path.read_bytes()))
      first = one.end()
    return first, verdict(first, None, one.same())
  fault.__doc__ = f'{place}/{pattern} damaged.'
  return fault


def cut(rng: random.Random, content: bytes) -> bytes:
  """As a write that was cut off leaves it."""
  return content[:rng.randrange(max(1, len(content)))]


def flip(rng: random.Random, content: bytes) -> bytes:
  """As a bad disk leaves it: some bytes in every sixteen kilobytes."""
  damaged = bytearray(content)
  for _ in range(1 + len(content) // 16384):
    if damaged:
      damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
  return bytes(damaged)


def empty(rng: random.Random, content: bytes) -> bytes:
  """As a power cut leaves it."""
  return b''


def worn_checkpoints(one: Try):
  """A run is killed, and all that its newest checkpoint holds is damaged."""
  shutil.copytree(one.base / 'undisturbed-home', one.home, dirs_exist_ok=True)
  killed, place = one.start(), one.run / 'checkpoints'
  least = one.rng.randrange(2, 5)
  while not (numbers := saved(place)) or numbers[-1] < least:
    if killed.poll() is not None:
      return Outcome(killed.returncode, ''), 'WRONG: it ended before it was killed'
    time.sleep(.02)
  killed.kill()
  killed.wait()
  how = one.rng.choice((cut, flip, empty))
  for path in sorted((place / str(saved(place)[-1])).rglob('*')):
    if path.is_file():
      path.write_bytes(how(one.rng, path.read_bytes()))
  first = one.end()
  outcome = verdict(first, None, one.same())
  return first, outcome if ' is damaged (' in first.said else 'WRONG: not a word of it'


def saved(place: pathlib.Path) -> list[int]:
  """Numbers of the checkpoints there."""
  return sorted(int(path.name) for path in place.glob('[0-9]*'))


def left_behind(one: Try):
  """What killed writers left of the inputs' cache."""
  place = one.cache / 'lightman_jax' / 'inputs'
  place.mkdir(parents=True)
  (place / '.0123.npy.abcd').write_bytes(b'half')
  first = one.end()
  gone = not any(path.name.startswith('.') for path in place.iterdir())
  return first, verdict(first, None, one.same()) if gone else 'WRONG: it is still there'


def two_starters(one: Try):
  """Two people start the same run."""
  winner = one.start()
  while not (one.run / 'config.json').exists():
    time.sleep(.05)
  log = one.base / 'log.txt'
  log.rename(one.base / 'winner.txt')
  second = one.end()
  code = winner.wait()
  named = f'process {winner.pid}' in second.said
  if code or not named:
    return second, f'WRONG: exit code {code}, named: {named}'
  return second, verdict(second, one.end(), one.same())


def stale_lock(one: Try):
  """The lock names a dead process whose number another one has."""
  one.run.mkdir()
  (one.run / 'lightman_jax.lock').write_text('process 1 on elsewhere\n')
  first = one.end()
  return first, verdict(first, None, one.same())


FAULTS = {
    'disk full: run': full_run, 'disk full: data': full_data,
    'disk full: caches': full_cache, 'read-only: run': closed_run,
    'read-only: data': closed_data, 'read-only: caches': closed_cache,
    'file descriptors': few_files, 'file size quota': small_files,
    'clock jumps back': clock,
    'corrupt array_record': damaged('*.array_record*', 'data'),
    'corrupt inputs cache': damaged('*.npy', 'cache/lightman_jax/inputs'),
    'corrupt compilation cache': damaged('*', 'xla'),
    'corrupt checkpoint': worn_checkpoints,
    'interrupted inputs cache': left_behind, 'two starters': two_starters,
    'stale lock': stale_lock}


def prepare(base: pathlib.Path) -> None:
  """The undisturbed run, its data and its caches."""
  copy_code(base / 'code')
  one = Try(base, 0, random.Random(0))
  outcome = one.end()
  if outcome.code:
    sys.exit(f'the undisturbed run failed: {outcome.said}')
  one.run.rename(base / 'undisturbed')
  one.home.rename(base / 'undisturbed-home')


def worth_telling(lines: list[str]) -> str:
  """The last line that a run says because of a fault, as far as one can tell."""
  remarks = [line for line in lines if 'damaged' in line or ': ' in line
             and not line.startswith(STAGES)
             and 'read from the compilation cache' not in line]
  return next((line for line in reversed(remarks)
               if line.startswith('launch.py') or 'damaged' in line),
              remarks[-1] if remarks else 'nothing of it')


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--times', type=int, default=2)
  parser.add_argument('--only', default='', help='part of the names of faults')
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--home', type=pathlib.Path, help='a new folder; kept')
  flags = parser.parse_args()
  base = (flags.home or pathlib.Path(tempfile.mkdtemp())).absolute()
  base.mkdir(parents=True, exist_ok=True)
  if not (base / 'undisturbed').exists():
    prepare(base)
  bad, number = 0, 0
  for name, fault in FAULTS.items():
    if flags.only not in name:
      continue
    ended = collections.Counter()
    for trial in range(flags.times):
      number += 1
      one = Try(base, number, random.Random(f'{flags.seed} {name} {trial}'))
      first, outcome = fault(one)
      ended[outcome] += 1
      bad += outcome[:1].isupper()
      said = worth_telling(first.said.replace(str(base), 'HOME').splitlines())
      print(f'  {name}, {trial + 1}: {outcome}; said: {said[:300]}', flush=True)
      shutil.rmtree(one.home, ignore_errors=True)
    print('\n'.join(f'| {name} | {n} | {outcome} |' for outcome, n in ended.items()),
          flush=True)
  print(f'{number} tries, {bad} of them ended otherwise')
  return bool(bad)


if __name__ == '__main__':
  sys.exit(main())
