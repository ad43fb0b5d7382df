"""reproducibility.json: what a run was made by, and the hashes of what it made.

Written just before the results, and checked by `python -m lightman_jax verify`. Equal
runs give equal bytes: no time and no place is in it.
"""

from collections.abc import Mapping, Sequence
import hashlib
import pathlib
import sys
from typing import Any

from lightman_jax import bounded, machine
from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256
from lightman_jax.runs import results
from lightman_jax.runs.folder import RunFolder, write_json
from lightman_jax.runs.identity import config_sha256

NAME = 'reproducibility.json'
CONFIG = 'config.json'
# What the same configuration makes again, byte for byte.
FILES = ('results.json', 'predictions.csv', 'metrics.jsonl', 'episodes.csv',
         'actions.json', 'unit_actions.json', 'attribution.json', 'embeddings.npz',
         'oracle.json', 'outside.json', 'trained_on.json', 'clips.json')
# Where a run lies, and whether it starts over, is not what it computes.
_PLACES = ('workdir', 'fresh', 'nofresh', 'resume_anyway', 'noresume_anyway',
           'of_sweep', 'folds', 'config.data.data_dir', 'config.data.manual_dir')


def write_statement(config: Mapping[str, Any], folder: RunFolder,
                    findings: Mapping[str, Any]) -> None:
  """Writes the statement of a run that is finished but for its results.json.

  Args:
    config: complete.
    folder: of the run.
    findings: what results.json is going to hold.
  """
  stored = bounded.read_json(folder.environment)
  hashes = {'results.json': hashlib.sha256(results.text(findings).encode()).hexdigest()}
  hashes |= {name: file_sha256(folder.path / name) for name in FILES[1:]
             if (folder.path / name).is_file()}
  write_json(folder.path / NAME, {
      'command': command_without_places(sys.argv),
      'config_sha256': config_sha256(config),
      'environments': environments(stored),
      'files': hashes})


def changed_files(folder: pathlib.Path, names: Sequence[str] = FILES) -> list[str]:
  """Which files of a run are not those that it wrote; none where nothing was stated.

  Args:
    folder: of a run.
    names: of files in it; of config.json what it says counts, and not its bytes.
  """
  try:
    stated = bounded.read_json(folder / NAME)
    hashes = {**stated['files'], CONFIG: stated.get('config_sha256')}
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    return []
  return [name for name in names
          if hashes.get(name) and _hash_of(folder / name) != hashes[name]]


def _hash_of(path: pathlib.Path) -> str:
  """What a statement says of a file; '' where it cannot be read."""
  try:
    return (config_sha256(bounded.read_json(path)) if path.name == CONFIG else
            file_sha256(path))
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    return ''


def refuse_changed(folder: pathlib.Path, names: Sequence[str] = (CONFIG, 'results.json')
                   ) -> None:
  """Refuses a run whose files were edited, so that nobody knows what it is.

  Args:
    folder: of a run.
    names: of files in it.

  Raises:
    InputError: names the first that is not what the run wrote.
  """
  for name in changed_files(folder, names):
    raise InputError(
        f'{folder / name} is not the file that the run wrote, so nothing is made of '
        f'it; make the run anew, with --fresh (python -m lightman_jax verify {folder} '
        'says what differs)')


def command_without_places(arguments: Sequence[str]) -> list[str] | None:
  """The command that started a run, without its places; None for another program.

  Args:
    arguments: of the program, its own name first.
  """
  if not arguments or pathlib.Path(arguments[0]).name not in ('launch.py',
                                                              machine.TRAIN):
    return None
  train = arguments[0] == machine.TRAIN
  kept = ['-m', 'lightman_jax', machine.TRAIN] if train else ['launch.py']
  skip = False
  for word in arguments[1:]:
    name, equals, _ = word.lstrip('-').partition('=')
    if skip or word.startswith('-') and name in _PLACES:
      # A value may stand in a word of its own, but a switch has none.
      skip = not skip and not equals and name in ('workdir', *_PLACES[-3:])
      continue
    kept.append(word)
  return kept


def environments(stored: Mapping[str, Any]) -> list[dict[str, Any]]:
  """What environment.json holds of each start that was allowed to differ.

  Args:
    stored: content of environment.json.
  """
  parts = [stored, *stored.get('resumed_with', ())]
  return [{name: part.get(name) for name in (
      'code_sha256', 'data_sha256', 'python', 'packages', 'devices',
      # Not of earlier versions.
      *(['jax'] if 'jax' in part else []))} for part in parts]
