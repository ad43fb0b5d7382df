"""Which data set is asked for: the settings under `config.data`, checked.

Imports nothing heavy, so a wrong word fails at once.
"""

from collections.abc import Mapping
import difflib
import os
import pathlib
from typing import Any, NamedTuple

from lightman_jax.annotations import casme2
from lightman_jax.errors import InputError

TABLES = {facts.name: facts for facts in (casme2.FACTS,)}
CLASS_SETS = {
    **{name: tuple(facts.class_sets) for name, facts in TABLES.items()},
    'manifest': ('manifest',),
    'synthetic': ('synthetic_3',),
}


class Choice(NamedTuple):
  """The settings of `config.data` with their defaults."""
  name: str                     # 'casme2', 'manifest', 'synthetic'
  frames: int = 9               # T: odd, or 1
  size: int = 64                # stored side in pixels; 0 = as on disk (manifest)
  class_set: str = ''           # '' = the data set's first
  data_dir: str = ''            # '' = where TFDS keeps data sets
  manual_dir: str = ''          # '' = TFDS's manual folder
  path: str = ''                # the manifest's csv
  sheet: str = 'auto'           # 'auto', '2014', '2019'
  edition: str = 'auto'         # 'auto', 'cropped', 'raw'
  synthetic: Mapping[str, Any] = {}

  @property
  def home(self) -> pathlib.Path:
    """The folder that holds built data sets."""
    fallback = os.environ.get('TFDS_DATA_DIR') or '~/tensorflow_datasets'
    return pathlib.Path(self.data_dir or fallback).expanduser()

  @property
  def manual(self) -> pathlib.Path:
    """The folder where a person puts a licensed data set."""
    return pathlib.Path(
        self.manual_dir or self.home / 'downloads' / 'manual').expanduser()


def choose(data: Any) -> Choice:
  """Reads the settings from an object or mapping with the attributes of `Choice`.

  What it lacks keeps its default.

  Raises:
    InputError: a word is unknown (the nearest right one is named), or a number is out
      of range.
  """
  held = data if isinstance(data, Mapping) else {
      name: getattr(data, name) for name in Choice._fields if hasattr(data, name)}
  choice = Choice(**{name: held[name] for name in Choice._fields if name in held})
  held = choice.synthetic
  if not isinstance(held, Mapping):
    held = held.to_dict() if hasattr(held, 'to_dict') else vars(held)
  choice = choice._replace(synthetic=dict(held))
  _among('name', choice.name, CLASS_SETS)
  choice = choice._replace(class_set=choice.class_set or CLASS_SETS[choice.name][0])
  _among('class_set', choice.class_set, CLASS_SETS[choice.name])
  facts = TABLES.get(choice.name)
  if facts:
    _among('sheet', choice.sheet, ('auto', *(sheet.edition for sheet in facts.sheets)))
    _among('edition', choice.edition, ('auto', *facts.editions))
  if choice.frames < 1 or choice.frames % 2 == 0:
    raise InputError(f'data.frames is {choice.frames}; it must be odd (onset, ..., '
                     'apex, ..., offset) or 1 (the apex alone).')
  least = 0 if choice.name == 'manifest' else 8
  if not (choice.size == 0 == least or 8 <= choice.size <= 1024):
    raise InputError(f'data.size is {choice.size}; it must be between 8 and 1024 pixels'
                     + (', or 0 for pictures as they are.' if not least else '.'))
  return choice


def _among(setting: str, value: str, known) -> None:
  if value not in known:
    near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.)[0]
    raise InputError(f'data.{setting} is {value!r}; the nearest that exists is '
                     f'{near!r} (all: {", ".join(known)}).')
