"""python -m lightman_jax verify RUN: does a finished run hold what it says?

Its scores are made anew by `rescoring`.
"""

from collections.abc import Iterator, Mapping, Sequence
import csv
import json
import math
import pathlib
import shutil
import tempfile
from typing import Any

from lightman_jax import bounded, places, sections, settings
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.experiment import sweep
from lightman_jax.experiment.rescoring import (
  Check,
  compare_numbers,
  leaves_by_place,
  rescore,
)
from lightman_jax.files import file_sha256
from lightman_jax.runs import (
  environment as env,
  folder as run_folder,
  identity,
  parts,
  progress,
  reproducibility as statement,
  results,
)
from lightman_jax.runs.identity import config_sha256
from lightman_jax.units import counted

# Two runs of one configuration: the same, bit for bit, or to what rounding?

# Other devices, layouts and versions order sums otherwise. More is no rounding.
ROUNDING = 1e-3


def compare_runs(first: pathlib.Path, second: pathlib.Path) -> Iterator[Check]:
  """What differs between a run and the same run made again, here.

  Args:
    first: folder of the run.
    second: folder of the run made again.

  Raises:
    InputError: a file of them cannot be read.
  """
  try:
    yield _environments(first, second)
    yield _predictions(first, second)
    for name in statement.FILES:
      if name != 'predictions.csv' and (first / name).is_file():
        yield _numbers(first, second, name)
  except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f'{first} cannot be compared with a run made again '
                     f'({type(error).__name__}: {error})') from error


def _environments(first, second) -> Check:
  one, two = (statement.environments(bounded.read_json(run / 'environment.json'))[-1]
              for run in (first, second))
  data = one.pop('data_sha256') == two.pop('data_sha256')
  changed = identity.find_differences(one, two)
  words = ('run again on the same data' if data else
           'run again on OTHER data: what they were built from has changed')
  if changed:
    words += ('; also another (then -> here): '
              f'{identity.describe_differences(changed)}.')
  else:
    words += ', by the same code, packages and devices.'
  return Check(data, words)


def _predictions(first, second) -> Check:
  if _same(first, second, 'predictions.csv'):
    return Check(True, 'predictions.csv comes out the same again, byte for byte.')
  one, two = (_lines(run / 'predictions.csv') for run in (first, second))
  if one.keys() != two.keys():
    return Check(False, 'predictions.csv: other clips are held out.')
  changed = sum(any(one[clip][name] != two[clip][name] for name in one[clip]
                    if name.startswith('prediction')) for clip in one)
  gaps = [abs(float(one[clip][name]) - float(two[clip][name])) for clip in one
          for name in one[clip] if name.startswith('probability_')]
  gap = max(gaps, default=math.inf)
  fine = not changed and gap <= ROUNDING
  others = f'{changed} of {counted(len(one), "prediction", "is", "are")} others'
  return Check(fine, f'predictions.csv: {others} when run again; probabilities differ '
                     f'by up to {gap:.3g}' + (', which is rounding.' if fine else '.'))


def _numbers(first, second, name: str) -> Check:
  if not (second / name).is_file():
    return Check(False, f'{name} does not come out again.')
  if _same(first, second, name):
    return Check(True, f'{name} comes out the same again, byte for byte.')
  old, new = (leaves_by_place(_content(run / name)) for run in (first, second))
  places, gap = compare_numbers(old, new)
  fine = gap <= ROUNDING
  by = f'by up to {gap:.3g}' if math.isfinite(gap) else 'in more than numbers'
  others = f'{len(places)} of {counted(len(old), "value", "is", "are")} others'
  return Check(fine, f'{name}: {others} when run again, {by}, the first '
                     f'{places[0] if places else "in its layout"}'
                     + (', which is rounding.' if fine else '.'))


def _content(path: pathlib.Path) -> Any:
  """What a file holds, as plain values."""
  match path.suffix:
    case '.json':
      return bounded.read_json(path)
    case '.jsonl':
      return progress.read(path)
    case '.npz':
      return {name: x.tolist() for name, x in bounded.read_arrays(path).items()}
    case _:
      text = bounded.read_bytes(path).decode('utf-8')
      return [line.split(',') for line in text.split('\n')]


def _same(first, second, name: str) -> bool:
  return bounded.read_bytes(first / name) == bounded.read_bytes(second / name)


def _lines(path: pathlib.Path) -> dict[str, dict[str, str]]:
  return {line['clip']: line for line in results.read_predictions(path)}


@refusing('verify')
def verify(arguments: Sequence[str]) -> int:
  """The command; returns the exit code: 0 agrees, 1 does not, 2 cannot be checked."""
  parser = Parser(
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
  for kind in sections.SECTIONS:
    parser.add_argument(f'--{kind}', metavar='FILE.py:NAME', help='of --rerun: code '
                        'from outside that the run had, which is executed where it is '
                        'named here, and is the same')
  options = parser.parse_args(arguments)
  if options.data_dir is not None and not options.rerun:
    parser.error('--data_dir is of --rerun')
  outside = {kind: getattr(options, kind) for kind in sections.SECTIONS}
  for kind, name in outside.items():
    if name is not None and not options.rerun and kind != 'score':
      parser.error(f'--{kind} is of --rerun')
  agrees = True
  for check in checks(options.run, rerun=options.rerun, data_dir=options.data_dir,
                      outside=outside):
    print(f'{"  ok" if check.agrees else "  NO"}  {check.sentence}', flush=True)
    agrees &= check.agrees
  print(f'{options.run} {"agrees" if agrees else "DOES NOT AGREE"} with what it states'
        + (' and with a run of the same configuration' if options.rerun else '') + '.')
  return 0 if agrees else 1


def checks(folder: pathlib.Path, *, rerun: bool = False, data_dir: str | None = None,
           outside: Mapping[str, str | None] = {}) -> Iterator[Check]:
  """What is checked of a run, one after another.

  Args:
    folder: of the run; nothing in it is trusted.
    rerun: also run its configuration again.
    data_dir: for that, in the place of the configuration's own.
    outside: for that, kind of part -> code from outside, named again.

  Raises:
    InputError: it is no finished run of this version.
  """
  if not (folder / 'config.json').is_file():
    raise InputError(f'{folder} is no run folder, for it holds no config.json; name '
                     'one that launch.py has finished')
  config, stored = (_json(folder / name) for name in ('config.json',
                                                      'environment.json'))
  parts.refuse_part(folder)
  if not (folder / 'results.json').is_file():
    raise InputError(f'{folder} is not finished, for it holds no results.json; give '
                     'its command again, which goes on')
  yield from check_statement(folder, config, stored)
  yield from compare_environments(stored)
  resamples = settings.flat(config).get('evaluation.resamples')
  least, most = settings.RANGES['evaluation.resamples']
  if type(resamples) is not int or not least <= resamples <= most:
    raise InputError(f'{folder}/config.json is not of this version: it has no whole '
                     f'number evaluation.resamples from {least} to {most}')
  if (named := outside.get('score')) is not None:
    sections.allow_again(config, outside, ['score'])
  yield from rescore(folder, resamples, settings.flat(config).get(
      'evaluation.scores', '') if named is not None else '')
  if rerun:
    yield from compare_rerun(folder, rerun_config(folder, config, data_dir,
                                                   outside))


def check_statement(folder: pathlib.Path, config: dict[str, Any], stored: dict[str, Any]
           ) -> Iterator[Check]:
  """Files, configuration and environment against the statement of the run.

  Args:
    folder: of the run.
    config: content of config.json.
    stored: content of environment.json.
  """
  path = folder / statement.NAME
  if not path.is_file():
    yield Check(False, f'{statement.NAME} is not there: no hash of its files is known.')
    return
  recorded = _json(path)
  try:
    for name, sha256 in sorted(recorded['files'].items()):
      exists = name in statement.FILES and (folder / name).is_file()
      same = exists and file_sha256(folder / name) == sha256
      yield Check(same, f'{name} is as it was written (sha256 {str(sha256)[:8]}).'
                 if same else f'{name} is not the file that was written: '
                 f'{"its hash differs" if exists else "it is gone"}.')
    same = recorded['config_sha256'] == config_sha256(config)
    yield Check(same, 'config.json is the configuration that was run.' if same else
               'config.json is not the configuration that was run: its hash differs.')
    same = recorded['environments'] == statement.environments(stored)
    yield Check(same, 'environment.json is as it was stated.' if same else
               'environment.json is not what was stated: its packages, code, data or '
               'devices were changed.')
    command = recorded['command']
  except (KeyError, TypeError, AttributeError) as error:
    raise InputError(f'{path} does not hold what this version writes '
                     f'({type(error).__name__}: {error})') from error
  if command:
    yield Check(True, 'its command was, without places: python '
               f'{" ".join(map(str, command))}')


def compare_environments(stored: dict[str, Any]) -> Iterator[Check]:
  """What of code, Python, packages and jax is another here: no fault of the run.

  Args:
    stored: content of environment.json.
  """
  starts = statement.environments(stored)
  if len(starts) > 1:
    yield Check(True, f'it was made in {len(starts)} environments, one after another '
               '(--resume_anyway): its numbers are a mixture.')
  here = {'code_sha256': env.code_version(), 'python': env.platform.python_version(),
          'packages': env.versions(), 'jax': env.jax_settings()}
  recorded = {name: starts[-1].get(name, here[name]) for name in here}
  changed = identity.find_differences(recorded, json.loads(json.dumps(here)))
  if changed:
    yield Check(True, f'here, the environment is another (then -> here): '
                f'{identity.describe_differences(changed)}. Last digits may differ '
                'for that.')
  else:
    yield Check(True, 'code, Python, packages and settings of jax here are those of '
               'the run.')


def rerun_config(folder: pathlib.Path, config: dict[str, Any], data_dir: str | None,
           outside: Mapping[str, str | None] = {}) -> dict[str, Any]:
  """The configuration to run again, which writes only where its user says.

  Args:
    folder: of the run.
    config: content of config.json.
    data_dir: where built data lie; None: where it needs no place of its own.

  Raises:
    InputError: it cannot run, or names a place of its own and no other is given.
  """
  with run_folder.blaming(folder / 'config.json'):
    sections.allow_again(config, outside)
    settings.check(config)
    own = config['data']['data_dir']
    if data_dir is None and own:
      raise InputError(f'the run had its data in {own!r}, and they are built there '
                       'where they are missing: give that place, or another, with '
                       '--data_dir')
    return {**config, 'data': {**config['data'], 'data_dir': data_dir or ''}}


def compare_rerun(folder: pathlib.Path, config: dict[str, Any]) -> Iterator[Check]:
  """Runs the configuration in another folder, and compares what it makes.

  Args:
    folder: of the run.
    config: to run again.
  """
  sweep.ask_for_determinism()
  from lightman_jax.experiment import run
  place = pathlib.Path(tempfile.mkdtemp(prefix='lightman_jax-verify-'))
  try:
    with run_folder.open_run(place / 'run', config=config) as other:
      run.run(config, other)
    yield from compare_runs(folder, place / 'run')
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
