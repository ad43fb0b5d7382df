"""Which data set is meant: the settings under `config.data`, checked and named.

Imports nothing heavy, so a wrong word fails at once. Names of configurations are the
same on every machine that has the data in the same place.
"""

from collections.abc import Mapping
import hashlib
import json
import pathlib
import re
from typing import Any, NamedTuple

from lightman_jax import places, registry
from lightman_jax.data import facts as class_sets
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import COMPOSITES, ClassSet
from lightman_jax.data.sheets import CORRECTIONS
from lightman_jax.errors import InputError
from lightman_jax.options import not_there

# Which data set is asked for: the settings under `config.data`, checked.

OWN = 'own'           # the class set that `data.own_classes` spells


def _of_table(facts: class_sets.Facts) -> tuple[str, ...]:
  """Its class sets, and that of the clips whose units its sheets have, if they do."""
  coded = {'action_units'} & {*facts.columns, *facts.positions}
  return (*facts.class_sets, *([class_sets.CODED] if coded or facts.beside else []))


CLASS_SETS = {
    **{name: _of_table(TABLES[name]) for name in registry.DATA_SETS},
    **{name: (composite.class_set,) for name, composite in COMPOSITES.items()},
    'manifest': ('manifest',),
    'synthetic': ('synthetic_3',),
}
DATA_SETS = tuple(CLASS_SETS)
MOST_FRAMES = 1023    # that are stored of a clip


class Choice(NamedTuple):
  """The settings of `config.data` with their defaults."""
  name: str                     # one of `DATA_SETS`
  frames: int = 9               # T: odd, or 1
  size: int = 64                # stored side in pixels; 0 = as on disk (manifest)
  class_set: str = ''           # '' = the data set's first; 'own' = `own_classes`
  data_dir: str = ''            # '' = where TFDS keeps data sets
  manual_dir: str = ''          # '' = TFDS's manual folder
  path: str = ''                # the manifest's csv
  sheet: str = 'auto'           # 'auto', an edition of the sheet ('2014'), or the
                                # names of its files, by commas
  edition: str = 'auto'         # 'auto', 'cropped', 'raw'
  corrections: str = ''         # keys of `CORRECTIONS`, by commas
  apex: str = 'spotted'         # where the sheet gives none: 'spotted', 'none' (the
                                # clip is left out), or a table: clip, apex
  landmarks: str = 'auto'       # 'auto' (where the model is there), 'model', 'none', a
                                # table of them, or the folder of the model
  own_classes: Mapping[str, str] = {}   # emotion or objective class -> class
  different_people: str = ''    # names that are alike and mean different people, by
                                # commas, or 'all'; see `duplicates.near_names`
  different_labels: str = ''    # the same of labels
  repeated_clips: str = ''      # clips that may show under two people, by commas, or
                                # 'all'; see `duplicates.check_repeats`
  synthetic: Mapping[str, Any] = {}
  section: str = 'data'         # of the configuration, for messages: or 'macro.data'

  @property
  def home(self) -> pathlib.Path:
    """The folder that holds built data sets."""
    return (places.expand(self.data_dir) if self.data_dir
            else places.standard('TFDS_DATA_DIR'))

  @property
  def manual(self) -> pathlib.Path:
    """The folder where a person puts a licensed data set."""
    return places.expand(self.manual_dir or self.home / 'downloads' / 'manual')

  @property
  def corrected(self) -> tuple[str, ...]:
    """The names of the chosen corrections."""
    return tuple(filter(None, (name.strip() for name in self.corrections.split(','))))


def choose(data: Any) -> Choice:
  """Reads the settings from an object or mapping with the attributes of `Choice`.

  What it lacks keeps its default.

  Args:
    data: `config.data`, or a mapping with some of its names.

  Returns:
    The settings, complete and checked.

  Raises:
    InputError: a word is unknown (the nearest right one is named), or a number is out
      of range.
  """
  settings = data if isinstance(data, Mapping) else {
      name: getattr(data, name) for name in Choice._fields if hasattr(data, name)}
  choice = Choice(**{name: settings[name] for name in Choice._fields
                     if name in settings})
  if not isinstance(choice.corrections, str):
    choice = choice._replace(corrections=','.join(choice.corrections))
  choice = choice._replace(synthetic=_as_mapping(choice.synthetic),
                           own_classes=_as_mapping(choice.own_classes))
  if registry.is_outside(choice.name):
    choice = choice._replace(name=name_outside(choice.name))
  elif choice.name not in TABLES:
    _check_word('name', choice.name, DATA_SETS)
  class_set_names = _class_sets(choice.name)
  if choice.own_classes and not choice.class_set:
    choice = choice._replace(class_set=OWN)
  choice = choice._replace(class_set=choice.class_set or class_set_names[0])
  if choice.name in TABLES or choice.name in COMPOSITES:
    _check_licensed(choice)
  else:
    _check_word('class_set', choice.class_set, class_set_names)
    _check_own(choice)
  if choice.path and choice.name != 'manifest':
    raise InputError(f'data.path is {choice.path!r}, which changes nothing where '
                     f'data.name={choice.name}: it is the csv of data.name=manifest.')
  return _check_form(choice)


def name_outside(place: str) -> str:
  """The name of a data set whose facts stand in a file of somebody's own.

  Args:
    place: FILE.py:NAME, as a person named it.

  Raises:
    InputError: nobody did, or the facts lack what every data set has.
  """
  facts = registry.source('data', place).part
  if facts.name in CLASS_SETS:
    raise InputError(f'{place} is called {facts.name!r}, as one that this program '
                     'knows; give it a name of its own')
  if not re.fullmatch('[a-z][a-z0-9_]*', str(facts.name)):
    raise InputError(f'{place} is called {facts.name!r}; the name of a data set is '
                     'that of its folder: small letters, digits and _, as my_lab')
  if TABLES[facts.name] != facts:
    raise InputError(f'{place} is called {facts.name!r}, and so is another file that '
                     'was named; give each a name of its own')
  lacking = [name for name in ('class_sets', 'folders', 'editions', 'layout')
             if not getattr(facts, name)]
  if lacking:
    raise InputError(f'{place} has no {lacking[0]}; lightman_jax/data/facts.py says '
                     'what that is')
  return facts.name


def _class_sets(name: str) -> tuple[str, ...]:
  return CLASS_SETS[name] if name in CLASS_SETS else _of_table(TABLES[name])


def class_set_of(choice: Choice) -> ClassSet:
  """Returns the class set of a data set that has a table of facts.

  Args:
    choice: of a data set in `TABLES`; its own classes where it spells some.
  """
  if choice.class_set == class_sets.CODED:
    return class_sets.coded_clips()
  if choice.class_set != OWN:
    return TABLES[choice.name].class_sets[choice.class_set]
  return class_sets.own_classes(choice.own_classes)


def _check_licensed(choice: Choice) -> None:
  _check_word('class_set', choice.class_set,
              (*_class_sets(choice.name), *([OWN] if choice.name in TABLES else [])))
  if (choice.class_set == OWN) != bool(choice.own_classes):
    raise InputError('data.class_set=own and data.own_classes belong together: give '
                     'the classes as own_classes, a mapping of emotions to them.')
  for name in choice.corrected:
    _check_word('corrections', name, tuple(CORRECTIONS))
  sheets = TABLES[choice.name].sheets if choice.name in TABLES else ()
  if not is_table(choice.sheet):
    _check_word('sheet', choice.sheet, ('auto', *(sheet.edition for sheet in sheets)))
  editions = dict.fromkeys(frames.edition for name in parts_of(choice)
                           for frames in TABLES[name].editions)
  _check_word('edition', choice.edition, ('auto', *editions))
  if not is_table(choice.apex):
    _check_word('apex', choice.apex, ('spotted', 'none'))
  if '/' not in choice.landmarks and not is_table(choice.landmarks):
    _check_word('landmarks', choice.landmarks, ('auto', 'model', 'none'))


def _check_own(choice: Choice) -> None:
  """Refuses settings of licensed data sets where they would change nothing."""
  instead = ('a clip is what the columns of its csv say' if choice.name == 'manifest'
             else 'its faces are drawn by data.synthetic')
  for name in ('sheet', 'edition', 'corrections', 'apex', 'landmarks', 'own_classes'):
    default = Choice._field_defaults[name]
    if getattr(choice, name) != default:
      raise InputError(
          f'data.{name} is {getattr(choice, name)!r}, which changes nothing where '
          f'data.name={choice.name}: leave it at {default!r}; {instead}.')


def is_table(setting: str) -> bool:
  """Whether a setting names a table of the user."""
  return setting.lower().endswith(('.csv', '.xlsx', '.xls'))


def parts_of(choice: Choice) -> tuple[str, ...]:
  """Returns the data sets with tables of facts that a data set is made of."""
  if choice.name in COMPOSITES:
    return tuple(COMPOSITES[choice.name].parts)
  return (choice.name,) if choice.name in TABLES else ()


def _check_form(choice: Choice) -> Choice:
  if not 1 <= choice.frames <= MOST_FRAMES or choice.frames % 2 == 0:
    raise InputError(f'data.frames is {choice.frames}; it must be odd (onset, ..., '
                     f'apex, ..., offset) up to {MOST_FRAMES}, or 1 (the apex alone).')
  least = 0 if choice.name == 'manifest' else 8
  if not (choice.size == 0 == least or 8 <= choice.size <= 1024):
    raise InputError(f'data.size is {choice.size}; it must be between 8 and 1024 pixels'
                     + (', or 0 for pictures as they are.' if not least else '.'))
  return choice


def _as_mapping(value: Any) -> dict[str, Any]:
  if isinstance(value, Mapping):
    return dict(value)
  return dict(value.to_dict() if hasattr(value, 'to_dict') else vars(value))


def _check_word(setting: str, value: str, choices: tuple[str, ...]) -> None:
  if value not in choices:
    raise InputError(f'data.{setting} is {not_there(value, choices)}.')


# What builder configurations are called: readable, and the same on every machine.


def configuration_names(choice: Choice) -> tuple[str, ...]:
  """Returns the names that fit the settings, in the order of preference.

  Args:
    choice: complete, as `choose` returns it.

  Returns:
    One name or more: a setting of 'auto' fits several editions.
  """
  tail = f't{choice.frames}-s{choice.size}'
  if parts_of(choice):
    return tuple(f'{_classes(choice)}-{middle}{mark}-{tail}'
                 for middle in _editions(choice) for mark in _marks(choice))
  if choice.name == 'manifest':
    path = places.expand(choice.path).absolute()
    # Two manifests of one name must not overwrite each other's build.
    folder = re.sub(r'[^A-Za-z0-9_]+', '_', path.parent.name)[:40] or 'root'
    return (f'{folder}-{_digest(str(path))}-{tail}',)
  from lightman_jax.data import synthetic_plan
  return (f'{choice.class_set}-{synthetic_plan.spell_settings(choice)}-{tail}',)


def _classes(choice: Choice) -> str:
  if choice.class_set != OWN:
    return choice.class_set
  return f'{OWN}_{_digest(json.dumps(sorted(choice.own_classes.items())))}'


def _editions(choice: Choice) -> list[str]:
  if choice.name not in TABLES:
    # The parts of one data set may lie there in different editions.
    return ['cropped', 'raw', 'mixed'] if choice.edition == 'auto' else [choice.edition]
  facts = TABLES[choice.name]
  # Of files that are named, the edition is what they hold.
  wanted = 'auto' if is_table(choice.sheet) else choice.sheet
  sheets = [f'{sheet.edition}-' for sheet in facts.sheets
            if wanted in ('auto', sheet.edition)] or ['']
  editions = dict.fromkeys(frames.edition for frames in facts.editions
                           if choice.edition in ('auto', frames.edition))
  return [sheet + edition for sheet in sheets for edition in editions]


def _marks(choice: Choice) -> list[str]:
  """What is not as by default: it moves a pixel, a row or a frame."""
  mark = ''
  fixes = [name for name in sorted(set(choice.corrected))
           if CORRECTIONS[name].dataset in parts_of(choice)]
  if fixes:
    names = re.sub(r'[^A-Za-z0-9]+', '_', '_'.join(fixes))
    mark += f'-with_{names if len(names) <= 40 else _digest(names)}'
  if choice.apex == 'none':
    mark += '-apex_of_sheet'
  elif choice.apex != 'spotted':
    mark += f'-apex_{_digest(str(places.expand(choice.apex).absolute()))}'
  if is_table(choice.landmarks):
    place = str(places.expand(choice.landmarks).absolute())
    return [f'{mark}-points_{_digest(place)}']
  known = {'auto': ['-points', ''], 'model': ['-points'], 'none': ['']}
  return [mark + points for points in known.get(choice.landmarks, ['-points'])]


def _digest(text: str) -> str:
  return hashlib.sha256(text.encode()).hexdigest()[:8]
