"""Coverage-guided fuzzing of every reader of outside input.

    pip install -e '.[fuzz]'
    python fuzz/run.py --seconds=60            # each harness for a minute
    python fuzz/run.py --seconds=3600 sheets   # one of them for an hour
    python fuzz/run.py --repeat FILE sheets    # what a finding does

Each harness of `harnesses.py` runs in a process of bounded memory, from the inputs in
fuzz/corpus/NAME; what it may raise stands there. A table tells what was done. An input
that raises anything else, takes too long or too much memory lies in fuzz/findings/NAME,
and the exit code is 1. With --keep, small inputs that lead where no other does are put
into the corpus.
"""

import argparse
import json
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT.parent)]

MEMORY = 8 * 1024**3      # of address space, most of which libraries never touch
RESIDENT = 3 * 1024       # MiB
TIMEOUT = 30              # seconds that one input may take
LARGEST = 16 * 1024       # bytes of one input
SHARE = 16 * 1024         # bytes of the corpus that one harness may have

# What takes the place of a part of a JSON value.
ODD = (None, True, False, 0, -1, 10**30, 1e999, float('nan'), .5, '', 'x', '..', '\0',
       '\ud800', '<script>', '=1', [], {}, [[]], {'': 0}, [1, 'x'], 'a' * 300)


class Done(NamedTuple):
  """What one harness did."""
  name: str
  executions: int
  seconds: float
  edges: int
  findings: int


def main() -> int:
  """Runs the harnesses, one after another; returns the exit code."""
  known = sorted(path.name for path in (ROOT / 'corpus').iterdir())
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('names', nargs='*', metavar='NAME',
                      help=f'one of {", ".join(known)}; all by default')
  parser.add_argument('--seconds', type=int, default=60, help='of each harness')
  parser.add_argument('--keep', action='store_true', help='add to the corpus')
  parser.add_argument('--repeat', type=pathlib.Path, metavar='FILE')
  parser.add_argument('--work', type=pathlib.Path,
                      help='where all inputs that were found are kept between runs')
  flags = parser.parse_args()
  names = flags.names or known
  for name in names:
    if name not in known:
      parser.error(f'there is no harness {name!r}')
  if flags.repeat:
    import harnesses
    once(harnesses.HARNESSES[names[0]], flags.repeat.read_bytes())
    return 0
  print('| harness | executions | seconds | edges | findings |\n|---|---|---|---|---|',
        flush=True)
  findings = 0
  for name in names:
    with tempfile.TemporaryDirectory() as folder:
      work = (flags.work or pathlib.Path(folder)) / name
      work.mkdir(parents=True, exist_ok=True)
      done = fuzz(name, work, flags.seconds)
      print('| ' + ' | '.join(f'{part:.0f}' if isinstance(part, float) else str(part)
                              for part in done) + ' |', flush=True)
      findings += done.findings
      if flags.keep:
        keep(name, work)
  return 1 if findings else 0


def once(harness, content: bytes) -> None:
  """Reads one input in an empty folder, which goes afterwards."""
  folder = pathlib.Path(tempfile.mkdtemp())
  try:
    harness(content, folder)
  finally:
    shutil.rmtree(folder, ignore_errors=True)


def fuzz(name: str, work: pathlib.Path, seconds: int, *more: str) -> Done:
  """Fuzzes in a process of its own; `more` are flags of libFuzzer."""
  findings = ROOT / 'findings' / name
  findings.mkdir(parents=True, exist_ok=True)
  before, began = set(findings.iterdir()), time.monotonic()
  done = subprocess.run(
      [sys.executable, __file__, '--one', name, f'-max_total_time={seconds}',
       f'-rss_limit_mb={RESIDENT}', f'-timeout={TIMEOUT}', f'-max_len={LARGEST}',
       f'-artifact_prefix={findings}/', '-print_final_stats=1', '-reload=0', *more,
       str(work), str(ROOT / 'corpus' / name)],
      stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors='replace',
      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)))
  new = set(findings.iterdir()) - before
  last = lambda pattern: int((re.findall(pattern, done.stderr) or ['0'])[-1])
  if done.returncode:
    print(done.stderr[-4000:], file=sys.stderr, flush=True)
  return Done(name, last(r'number_of_executed_units: (\d+)') or last(r'#(\d+)\t'),
              time.monotonic() - began, last(r'cov: (\d+)'),
              max(len(new), int(done.returncode != 0)))


def keep(name: str, work: pathlib.Path) -> None:
  """Puts the smallest inputs that lead somewhere new into the corpus."""
  corpus = ROOT / 'corpus' / name
  with tempfile.TemporaryDirectory() as folder:
    merged = pathlib.Path(folder)
    shutil.copytree(corpus, merged, dirs_exist_ok=True)
    fuzz(name, merged, 600, '-merge=1', str(work))
    size = sum(path.stat().st_size for path in corpus.iterdir())
    for path in sorted(merged.iterdir(), key=lambda path: path.stat().st_size):
      size += 0 if (corpus / path.name).exists() else path.stat().st_size
      if size <= SHARE:
        shutil.copy(path, corpus / path.name)


def one(argv: list[str]) -> None:
  """The process that fuzzes: `--one NAME`, and flags and folders of libFuzzer."""
  import atheris
  with atheris.instrument_imports(include=['lightman_jax', 'harnesses', 'PIL'],
                                  enable_loader_override=False):
    import harnesses
  name, place = argv[2], pathlib.Path(tempfile.mkdtemp())
  harness = harnesses.HARNESSES[name]

  def test(content: bytes) -> None:
    try:
      harness(content, place)
    finally:
      for path in place.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()

  def mutate(content: bytes, most: int, seed: int) -> bytes:
    rng = random.Random(seed)
    if rng.random() < .3:
      return atheris.Mutate(content, most)
    try:
      return mutated(content, rng)[:most]
    except (ValueError, RecursionError):
      return atheris.Mutate(content, most)

  options = {'custom_mutator': mutate} if name in (
      'run_folders', 'checkpoints', 'faults', 'documents') else {}
  try:
    atheris.Setup([argv[0], *argv[3:]], test, **options)
    atheris.Fuzz()
  finally:
    shutil.rmtree(place, ignore_errors=True)


def mutated(content: bytes, rng: random.Random) -> bytes:
  """Another input with one part of one JSON file of it replaced, doubled or gone.

  Raises:
    ValueError: there is no JSON in it.
  """
  import harnesses
  parts = harnesses.divided(content)
  if not parts:
    return changed(json.loads(content), rng)
  places = [n for n, (name, _) in enumerate(parts) if name.endswith('.json')]
  if rng.random() < .05 or not places:
    parts.pop(rng.randrange(len(parts)))
  else:
    n = rng.choice(places)
    parts[n] = parts[n][0], changed(json.loads(parts[n][1]), rng)
  return harnesses.joined(parts)


def changed(value, rng: random.Random) -> bytes:
  """JSON whose value differs in one place."""
  places = list(_places(value))
  holder, key = rng.choice(places) if places else (None, None)
  if holder is None:
    return json.dumps(rng.choice(ODD)).encode()
  what = rng.random()
  if what < .15:
    del holder[key]
  elif what < .3 and isinstance(holder, list):
    holder.append(holder[key])
  elif what < .3:
    holder[rng.choice(('', 'x', '<b>', 'a' * 100, '\ud800'))] = holder.pop(key)
  elif what < .5:
    other, name = rng.choice(places)
    holder[key] = json.loads(json.dumps(other[name]))
  else:
    holder[key] = rng.choice(ODD)
  return json.dumps(value).encode()


def _places(value):
  for key in (list(value) if isinstance(value, dict) else range(len(value))
              if isinstance(value, list) else ()):
    yield value, key
    yield from _places(value[key])


if __name__ == '__main__':
  if sys.argv[1:2] == ['--one']:
    one(sys.argv)
  else:
    sys.exit(main())
