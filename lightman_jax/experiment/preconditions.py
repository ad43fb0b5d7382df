"""What can be refused of a run by its settings and files, before jax is imported."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

from lightman_jax import places
from lightman_jax.data.protocols import check_protocol
from lightman_jax.data.sources import check_present
from lightman_jax.errors import InputError
from lightman_jax.options import nearest
from lightman_jax.runs import parts
from lightman_jax.settings import macro_data

PRETRAIN = ('none', 'macro', 'synthetic')     # any other source is the folder of a run


def check(*configs: Mapping[str, Any]) -> None:
  """Refuses runs whose files are not there, or whose protocol cannot be.

  Args:
    configs: of the runs, complete and nested.

  Raises:
    InputError: names the file or the setting.
  """
  data = [(part, config['inputs']) for config in configs
          for part in (config['data'], macro_data(config)) if part]
  for part in {json.dumps(part, sort_keys=True): part for part in data}.values():
    check_present(*part)
  for config in configs:
    check_protocol(config)
    check_pretrain_source(config)


def check_pretrain_source(config: Mapping[str, Any]) -> None:
  """Refuses a `pretrain.source` that is no word for one, and no finished run.

  Args:
    config: complete and nested.

  Raises:
    InputError: says what it is instead, or which word may be meant.
  """
  source = config['pretrain']['source']
  if source in PRETRAIN:
    return
  path = places.expand(source)
  near = '' if path.exists() else nearest(source, PRETRAIN)
  try:
    if not source.strip():
      raise InputError('it is empty')
    parts.check_finished(path)
  except InputError as error:
    raise InputError(
        f'pretrain.source={source} must be none, macro, synthetic or the folder of a '
        f'finished run; {f"the nearest is {near!r}" if near else error}') from None


def refuse_itself(config: Mapping[str, Any], workdir: pathlib.Path) -> None:
  """Refuses a run that would begin with its own weights.

  Args:
    config: complete and nested.
    workdir: the folder of the run.

  Raises:
    InputError: `pretrain.source` is that folder.
  """
  source = config['pretrain']['source']
  if source not in PRETRAIN and places.expand(source).resolve() == workdir.resolve():
    raise InputError(f'pretrain.source={source} is the folder of this run itself; give '
                     'another --workdir')
