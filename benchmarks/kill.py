"""Does a run that is killed again and again end like one that nobody disturbed?

  python benchmarks/kill.py --kills=25 --home=FOLDER

Lets the debug configuration of the synthetic faces (or whatever flags of launch.py are
given) run through twice, then starts it again and again, each time with SIGKILL after a
random part of the time that a whole run takes. When a start comes through, what it left
is compared, and the next round begins with neither clips nor inputs built, until there
were so many kills. Only the compiled programs are kept, so that the time is spent in
every stage and not in the compiler.

A round is good if results.json, predictions.csv and metrics.jsonl have the bytes of
the undisturbed run, and neither run folder, data nor cache hold a file more than there.
Prints a line for every kill; exits with 1 if any round was not good. Some twenty
seconds a kill on two cores.
"""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SAME = ('results.json', 'predictions.csv', 'metrics.jsonl')


def start(home: pathlib.Path, words: list[str]) -> subprocess.Popen:
  """Begins a run whose every file lies in `home`, but for the compiled programs."""
  # The folder's name is part of what a compiled program is known by.
  places = {'XDG_CACHE_HOME': home / 'cache', 'TFDS_DATA_DIR': home / 'data',
            'JAX_COMPILATION_CACHE_DIR': home.parent / 'xla',
            'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
            'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1'}
  home.mkdir(exist_ok=True)
  with open(home / 'log.txt', 'w') as log:
    return subprocess.Popen(
        [sys.executable, str(ROOT / 'launch.py'), *words,
         f'--workdir={home / "run"}'],
        stdout=log, stderr=log,
        env={**os.environ, **{name: str(place) for name, place in places.items()}})


def undisturbed(home: pathlib.Path, words: list[str]) -> float:
  """Runs through; returns the seconds."""
  began = time.monotonic()
  if start(home, words).wait():
    sys.exit(f'the undisturbed run failed: {(home / "log.txt").read_text()}')
  return time.monotonic() - began


def reached(home: pathlib.Path) -> str:
  """How far a killed start came."""
  run, said = home / 'run', (home / 'log.txt').read_text().splitlines()
  steps = [int(path.name) for path in run.glob('checkpoints/*') if path.name.isdigit()]
  half = [path.name for path in home.rglob('*') if 'tmp' in path.name
          or path.name.startswith('.') and path.name.count('.') > 1
          or path.name.startswith('incomplete')]
  folds = len(list(run.glob('folds/*.json')))
  return (f'checkpoint {max(steps, default=0):3}, {folds} folds, '
          f'said {(said or ["nothing"])[-1][:40]!r}'
          + (f', left half: {", ".join(sorted(half))[:60]}' if half else ''))


def names(home: pathlib.Path) -> set[str]:
  """All files; those inside a checkpoint have names drawn at random."""
  paths = (path.relative_to(home) for path in home.rglob('*'))
  return {str(path) for path in paths if 'checkpoints' not in path.parts[:-2]}


def faults(home: pathlib.Path, model: pathlib.Path) -> list[str]:
  """What is not as the undisturbed run left it."""
  other = [name for name in SAME if (home / 'run' / name).read_bytes()
           != (model / 'run' / name).read_bytes()]
  return other + sorted(names(home) ^ names(model))


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--kills', type=int, default=25)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--home', type=pathlib.Path, help='a new folder; kept')
  given, words = parser.parse_known_args()
  words = words or ['--config=configs/synthetic.py:debug']
  base = given.home or pathlib.Path(tempfile.mkdtemp())
  base.mkdir(parents=True, exist_ok=True)
  model, rng = base / 'undisturbed', random.Random(given.seed)
  first, second = undisturbed(model, words), undisturbed(base / 'twin', words)
  print(f'undisturbed: {first:.1f} s, again with compiled programs {second:.1f} s; '
        f'differs in {faults(base / "twin", model) or "nothing"}', flush=True)
  kills = rounds = bad = 0
  while kills < given.kills:
    rounds += 1
    home = base / f'round{rounds}'
    while True:
      process, after = start(home, words), rng.uniform(0, second)
      try:
        code = process.wait(timeout=after)
        break
      except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        kills += 1
        print(f'round {rounds}, kill {kills:2} after {after:4.1f} s: {reached(home)}',
              flush=True)
    found = faults(home, model) if code == 0 else [
        f'exit code {code}', (home / 'log.txt').read_text()]
    bad += bool(found)
    print(f'round {rounds} came through; differs in {found or "nothing"}', flush=True)
    if not found:
      shutil.rmtree(home)
  print(f'{kills} kills, {rounds} rounds, {bad} of them not as undisturbed')
  return bool(bad)


if __name__ == '__main__':
  sys.exit(main())
