"""How long does a user wait for the result of a data set's default configuration?

    python benchmarks/time_to_result.py                       # four data sets: an hour
    python benchmarks/time_to_result.py casme2 casme2:quick --out=FILE.json

Each on a replica of full size: as many clips and people as the data set has, in frames
of the real size. A run starts with empty caches, as on a user's first day, and once
more into another folder, as on the second. By stages, from the run's own timing.json
and cost.json: the data set is built and inputs are computed (`prepare`), programs are
compiled, folds are trained and predicted, and scores, references and figures are made
(`report`).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from lightman_jax.configurations import named
from lightman_jax.data import facts
from lightman_jax.synthetic.replicas.write import write_replica

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAGES = ('prepare', 'compile', 'folds', 'report', 'all', 'second run')


def make_replicas(name: str, home: pathlib.Path) -> pathlib.Path:
  """The trees of a configuration's data set, or of a composite's parts.

  Args:
    name: of a configuration.
    home: an empty or new folder.
  """
  how = named.settings_by_name(name)['data']
  data, composite = how['name'], facts.COMPOSITES.get(how['name'])
  for part in composite.parts if composite else (data,):
    write_replica(part, home / part, frames=how['frames'], size=(640, 480))
  return home if composite else home / data


def run(name: str, place: pathlib.Path, data: pathlib.Path, words: list[str]
        ) -> dict[str, float]:
  """One run in a process of its own; seconds by stage.

  Args:
    name: of a configuration, with its variant.
    place: a new folder for the run.
    data: the trees.
    words: further flags.

  Raises:
    RuntimeError: it failed; the message is what it said last.
  """
  config, _, variant = name.partition(':')
  began = time.monotonic()
  done = subprocess.run(
      [sys.executable, str(ROOT / 'launch.py'),
       f'--config={ROOT}/configs/{config}.py{":" * bool(variant)}{variant}',
       f'--config.data.manual_dir={data}', f'--workdir={place}', *words],
      capture_output=True, text=True, check=False)
  if done.returncode:
    raise RuntimeError(f'{name}: {done.stderr[-500:]}')
  stages = json.loads((place / 'timing.json').read_text())
  cost = json.loads((place / 'cost.json').read_text())['measures']
  compiling = sum(cost[part]['value'] for part in ('trace_time', 'all_compile_time'))
  return {'prepare': stages['prepare'], 'compile': compiling,
          'folds': stages['folds'] - compiling, 'report': stages['report'],
          'all': time.monotonic() - began}


def measure(name: str, words: list[str]) -> dict[str, float]:
  """Seconds of a first run by stage, and of a second one.

  Args:
    name: of a configuration, with its variant.
    words: further flags.
  """
  with tempfile.TemporaryDirectory() as folder:
    home = pathlib.Path(folder)
    os.environ |= {'TFDS_DATA_DIR': str(home / 'tfds'),
                   'XDG_CACHE_HOME': str(home / 'cache')}
    data = make_replicas(name, home / 'trees')
    first = run(name, home / 'first', data, words)
    return first | {'second run': run(name, home / 'second', data, words)['all']}


def main() -> None:
  """Measures each, prints a table, and writes what was asked for."""
  parser = argparse.ArgumentParser(description='How long a default takes.')
  parser.add_argument('names', nargs='*', metavar='CONFIGURATION',
                      default=['casme2', 'smic', 'samm', 'megc2019'])
  parser.add_argument('--out', metavar='FILE.json', help='seconds by stage, too')
  options, words = parser.parse_known_args()
  rows = {}
  print(f'| minutes | {" | ".join(STAGES)} |\n|{"---|" * (len(STAGES) + 1)}')
  for name in options.names:
    rows[name] = measure(name, words)
    print(f'| {name} | ' + ' | '.join(f'{rows[name][stage] / 60:.1f}'
                                      for stage in STAGES) + ' |', flush=True)
  if options.out:
    pathlib.Path(options.out).write_text(json.dumps(rows, indent=1) + '\n')


if __name__ == '__main__':
  main()
