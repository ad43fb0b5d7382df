"""Does a run that is killed again and again end like one that nobody disturbed?

  python benchmarks/kill.py --kills=100 --home=FOLDER

Lets a small configuration of the synthetic faces (or whatever flags of launch.py are
given) and then the report command run through twice, then starts both again and again,
each time with SIGKILL after a random part of the time that they take. When a start
comes through, what it left is compared, and the next round begins with neither clips
nor inputs built, until there were so many kills. Only the compiled programs are kept,
so that the time is spent in every stage and not in the compiler; the code is copied
first, so that who edits it meanwhile does not change the run.

A round is good if results.json, predictions.csv, metrics.jsonl, the checkpoints and the
report's tables have the bytes of the undisturbed run, and neither run folder, data,
cache nor report hold a file more than there (the page itself tells what runs cost, so
no two are equal).
Prints a line for every kill, with the stage that it hit, and their number at the end;
exits with 1 if any round was not good.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SAME = ('run/results.json', 'run/predictions.csv', 'run/metrics.jsonl',
        'report/table.csv', 'report/table.md', 'report/table.tex')
SMALL = ['--config=configs/synthetic.py:debug,method=supervised',
         '--config.data.size=16', '--config.data.frames=3',
         '--config.data.synthetic.subjects=3', '--config.data.synthetic.micro=6',
         '--config.data.synthetic.macro=2', '--config.training.checkpoint_every=1']
STEPS, FOLDS = 4, 3      # of `SMALL`; other flags make the stages less exact


def start(home: pathlib.Path, words: list[str]) -> tuple[subprocess.Popen, int]:
  """Begins a run and its report, whose every file lies in `home`, but for the compiled
  programs; also returns what can be read to its end when all its processes are gone."""
  # The folder's name is part of what a compiled program is known by.
  places = {'XDG_CACHE_HOME': home / 'cache', 'TFDS_DATA_DIR': home / 'data',
            'JAX_COMPILATION_CACHE_DIR': home.parent / 'xla',
            'PYTHONPATH': home.parent / 'code',
            'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
            'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1'}
  home.mkdir(exist_ok=True)
  code = home.parent / 'code'
  words = [word.replace('=configs/', f'={code}/configs/') for word in words]
  run = shlex.join([sys.executable, str(code / 'launch.py'), *words, '--workdir=run'])
  # Relative places, so that a report of each round reads alike.
  report = shlex.join([sys.executable, '-m', 'lightman_jax', 'report', 'run',
                       '--out=report'])
  alive, writing_end = os.pipe()
  with open(home / 'log.txt', 'w') as log:
    process = subprocess.Popen(
        ['sh', '-c', f'{run} && {report}'], stdout=log, stderr=log, cwd=home,
        start_new_session=True, pass_fds=[writing_end],
        env={**os.environ, **{name: str(place) for name, place in places.items()}})
  os.close(writing_end)
  return process, alive


def undisturbed(home: pathlib.Path, words: list[str]) -> float:
  """Runs through; returns the seconds."""
  began = time.monotonic()
  process, _ = start(home, words)
  if process.wait():
    sys.exit(f'the undisturbed run failed: {(home / "log.txt").read_text()}')
  return time.monotonic() - began


def stage(home: pathlib.Path) -> str:
  """What a killed start was doing."""
  run = home / 'run'
  log = run / 'metrics.jsonl'
  if (run / 'results.json').exists():
    return 'report'
  if not log.exists():
    built = any(home.glob('data/**/build_report.json'))
    return 'compiling' if built else 'build'
  steps = [json.loads(line)['step'] for line in log.read_bytes().split(b'\n')[:-1]]
  done = len(list(run.glob('folds/*.json')))
  return 'evaluation' if done == FOLDS or steps.count(STEPS) > done else 'training'


def reached(home: pathlib.Path) -> str:
  """How far a killed start came, and what it left half done."""
  run, said = home / 'run', (home / 'log.txt').read_text().splitlines()
  half = [path.name for path in home.rglob('*') if 'tmp' in path.name
          or path.name.startswith('.') and path.name.count('.') > 1
          or path.name.startswith('incomplete')]
  folds = len(list(run.glob('folds/*.json')))
  return (f'{folds} folds, said {(said or ["nothing"])[-1][:40]!r}'
          + (f', left half: {", ".join(sorted(half))[:60]}' if half else ''))


def names(home: pathlib.Path) -> set[str]:
  """All files."""
  return {str(path.relative_to(home)) for path in home.rglob('*')}


def faults(home: pathlib.Path, model: pathlib.Path) -> list[str]:
  """What is not as the undisturbed run left it."""
  states = [str(path.relative_to(model)) for path in model.rglob('state.npz')]
  other = [name for name in (*SAME, *states) if (home / name).exists()
           and (home / name).read_bytes() != (model / name).read_bytes()]
  return other + sorted(names(home) ^ names(model))


def copy_code(place: pathlib.Path) -> None:
  """What is run stays as it is now."""
  if not place.exists():
    for name in ('lightman_jax', 'configs'):
      shutil.copytree(ROOT / name, place / name,
                      ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(ROOT / 'launch.py', place)


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--kills', type=int, default=100)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--home', type=pathlib.Path, help='a new folder; kept')
  flags, words = parser.parse_known_args()
  words = words or SMALL
  base = flags.home or pathlib.Path(tempfile.mkdtemp())
  base.mkdir(parents=True, exist_ok=True)
  copy_code(base / 'code')
  model, rng = base / 'undisturbed', random.Random(flags.seed)
  first, second = undisturbed(model, words), undisturbed(base / 'twin', words)
  print(f'undisturbed: {first:.1f} s, again with compiled programs {second:.1f} s; '
        f'differs in {faults(base / "twin", model) or "nothing"}', flush=True)
  kills, hit = 0, collections.Counter()
  rounds = bad = 0
  while kills < flags.kills:
    rounds += 1
    home = base / f'round{rounds}'
    while True:
      (process, alive), after = start(home, words), rng.uniform(.1 * second, second)
      try:
        code = process.wait(timeout=after)
        break
      except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.read(alive, 1)     # the shell is gone before what it started is
        kills += 1
        hit[stage(home)] += 1
        print(f'round {rounds}, kill {kills:3} after {after:4.1f} s in {stage(home)}: '
              f'{reached(home)}', flush=True)
    fault_lines = faults(home, model) if code == 0 else [
        f'exit code {code}', (home / 'log.txt').read_text()]
    bad += bool(fault_lines)
    print(f'round {rounds} came through; differs in {fault_lines or "nothing"}',
          flush=True)
    if not fault_lines:
      shutil.rmtree(home)
  print(f'{kills} kills ({", ".join(f"{n} in {name}" for name, n in hit.items())}), '
        f'{rounds} rounds, {bad} of them not as undisturbed')
  return bool(bad)


if __name__ == '__main__':
  sys.exit(main())
