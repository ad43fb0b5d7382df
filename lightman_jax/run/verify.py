"""python -m lightman_jax verify RUN: does a finished run hold what it says?"""

import argparse
from collections.abc import Iterator, Sequence
import json
import pathlib
import shutil
import sys
import tempfile
from typing import Any

from lightman_jax import bounded, places, settings
from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256
from lightman_jax.report import differences, environment as env
from lightman_jax.report import reproducibility as statement
from lightman_jax.report import run_folder
from lightman_jax.report.identity import config_sha256
from lightman_jax.run import processes
from lightman_jax.run.rescoring import Said, rescore


def verify(arguments: Sequence[str]) -> int:
  """The command; returns the exit code: 0 agrees, 1 does not, 2 cannot be checked."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax verify',
      description='Checks a finished run: its files against the hashes that it states, '
      'its scores against its predictions and, with --rerun, what it made against '
      'the same configuration run again. Exit code 0: it agrees, 1: it does not, 2: it '
      'cannot be checked.')
  parser.add_argument('run', metavar='RUN', type=places.expand,
                      help='a folder that launch.py made')
  how = parser.add_mutually_exclusive_group()
  how.add_argument('--rescore', action='store_true',
                   help='compute the scores again (the default)')
  how.add_argument('--rerun', action='store_true',
                   help='also train and predict again, in a folder that goes after')
  parser.add_argument('--data_dir', metavar='DIR', help='of --rerun: where built data '
                      'lie, or are built, where the run had a place of its own')
  given = parser.parse_args(arguments)
  if given.data_dir is not None and not given.rerun:
    parser.error('--data_dir is of --rerun')
  try:
    agrees = True
    for said in checks(given.run, rerun=given.rerun, data_dir=given.data_dir):
      print(f'{"  ok" if said.agrees else "  NO"}  {said.sentence}', flush=True)
      agrees &= said.agrees
  except InputError as error:
    print(f'verify: {error}', file=sys.stderr)
    return 2
  print(f'{given.run} {"agrees" if agrees else "DOES NOT AGREE"} with what it states'
        + (' and with a run of the same configuration' if given.rerun else '') + '.')
  return 0 if agrees else 1


def checks(folder: pathlib.Path, *, rerun: bool = False, data_dir: str | None = None
           ) -> Iterator[Said]:
  """What is checked of a run, one after another.

  Args:
    folder: of the run; nothing in it is trusted.
    rerun: also run its configuration again.
    data_dir: for that, in the place of the configuration's own.

  Raises:
    InputError: it is no finished run of this version.
  """
  if not (folder / 'config.json').is_file():
    raise InputError(f'{folder} is no run folder, for it holds no config.json; name '
                     'one that launch.py has finished')
  config, stored = (_json(folder / name) for name in ('config.json',
                                                      'environment.json'))
  if not (folder / 'results.json').is_file():
    raise InputError(f'{folder} is not finished, for it holds no results.json; give '
                     'its command again, which goes on')
  yield from stated(folder, config, stored)
  yield from surroundings(stored)
  resamples = settings.flat(config).get('evaluation.resamples')
  least, most = settings.RANGES['evaluation.resamples']
  if type(resamples) is not int or not least <= resamples <= most:
    raise InputError(f'{folder}/config.json is not of this version: it has no whole '
                     f'number evaluation.resamples from {least} to {most}')
  yield from rescore(folder, resamples)
  if rerun:
    yield from again(folder, placed(folder, config, data_dir))


def stated(folder: pathlib.Path, config: dict[str, Any], stored: dict[str, Any]
           ) -> Iterator[Said]:
  """Files, configuration and environment against the statement of the run."""
  path = folder / statement.NAME
  if not path.is_file():
    yield Said(False, f'{statement.NAME} is not there: no hash of its files is known.')
    return
  held = _json(path)
  try:
    for name, sha256 in sorted(held['files'].items()):
      there = name in statement.FILES and (folder / name).is_file()
      same = there and file_sha256(folder / name) == sha256
      yield Said(same, f'{name} is as it was written (sha256 {str(sha256)[:8]}).'
                 if same else f'{name} is not the file that was written: '
                 f'{"its hash differs" if there else "it is gone"}.')
    same = held['config_sha256'] == config_sha256(config)
    yield Said(same, 'config.json is the configuration that was run.' if same else
               'config.json is not the configuration that was run: its hash differs.')
    same = held['environments'] == statement.environments(stored)
    yield Said(same, 'environment.json is as it was stated.' if same else
               'environment.json is not what was stated: its packages, code, data or '
               'devices were changed.')
    command = held['command']
  except (KeyError, TypeError, AttributeError) as error:
    raise InputError(f'{path} does not hold what this version writes '
                     f'({type(error).__name__}: {error})') from error
  if command:
    yield Said(True, 'its command was, without places: python '
               f'{" ".join(map(str, command))}')


def surroundings(stored: dict[str, Any]) -> Iterator[Said]:
  """What of code, Python, packages and jax is another here: no fault of the run."""
  starts = statement.environments(stored)
  if len(starts) > 1:
    yield Said(True, f'it was made in {len(starts)} environments, one after another '
               '(--resume_anyway): its numbers are a mixture.')
  here = {'code_sha256': env.code_version(), 'python': env.platform.python_version(),
          'packages': env.versions(), 'jax': env.jax_settings()}
  made = {name: starts[-1].get(name, here[name]) for name in here}
  changed = differences.between(made, json.loads(json.dumps(here)))
  if changed:
    yield Said(True, f'here, the environment is another (then -> here): '
               f'{differences.told(changed)}. Last digits may differ for that.')
  else:
    yield Said(True, 'code, Python, packages and settings of jax here are those of '
               'the run.')


def placed(folder: pathlib.Path, config: dict[str, Any], data_dir: str | None
           ) -> dict[str, Any]:
  """The configuration to run again, which writes only where its user says.

  Raises:
    InputError: it cannot run, or names a place of its own and no other is given.
  """
  with run_folder.blaming(folder / 'config.json'):
    settings.check(config)
    own = config['data']['data_dir']
    if data_dir is None and own:
      raise InputError(f'the run had its data in {own!r}, and they are built there '
                       'where they are missing: give that place, or another, with '
                       '--data_dir')
    return {**config, 'data': {**config['data'], 'data_dir': data_dir or ''}}


def again(folder: pathlib.Path, config: dict[str, Any]) -> Iterator[Said]:
  """Runs the configuration in another folder, and compares what it makes."""
  processes.ask_for_determinism()
  from lightman_jax.run import experiment, reruns
  place = pathlib.Path(tempfile.mkdtemp(prefix='lightman_jax-verify-'))
  try:
    with run_folder.open_run(place / 'run', config=config) as other:
      experiment.run(config, other)
    yield from reruns.compare(folder, place / 'run')
  finally:
    shutil.rmtree(place, ignore_errors=True)


def _json(path: pathlib.Path) -> dict[str, Any]:
  try:
    value = bounded.read_json(path)
  except (OSError, ValueError) as error:
    raise InputError(f'{path} cannot be read ({error}); name a folder that launch.py '
                     'has finished') from error
  if not isinstance(value, dict):
    raise InputError(f'{path} is no JSON object; name a folder that launch.py has '
                     'finished')
  return value
