"""One person, or one class, that is written in two ways.

A person of two names would be tested after training on their own clips, and a class of
two names would be two. Names that are equal but for case, spaces, leading zeros, a
spreadsheet's `.0` and, of people, prefixes such as `sub` stop a run, unless a setting
says that they are different: `data.different_people`, `data.different_labels`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from lightman_jax.annotations.manifest import Entry
from lightman_jax.clips import people
from lightman_jax.clips.choice import Choice
from lightman_jax.errors import InputError

_SETTINGS = {'people': 'different_people', 'labels': 'different_labels'}


class Near(NamedTuple):
  """Names that are equal but for their spelling, in the order of the alphabet."""
  kind: str                 # 'people', 'labels' or 'data sets'
  names: tuple[str, ...]    # two or more
  dataset: str = ''         # of people: where they are from


def near_people(rows: Iterable[tuple[str, str]]) -> tuple[Near, ...]:
  """People of one data set whose names are equal but for their spelling.

  Args:
    rows: data set and subject of each, as `people.name_people` gives them.
  """
  groups = {}
  for dataset, subject in dict.fromkeys(rows):
    key = people.person(dataset, subject)
    groups.setdefault(key, (set(), dataset))[0].add(subject)
  return tuple(Near('people', tuple(sorted(names)), dataset)
               for names, dataset in groups.values() if len(names) > 1)


def near_labels(labels: Iterable[str]) -> tuple[Near, ...]:
  """Labels that are equal but for their spelling."""
  return tuple(Near('labels', names)
               for names in _alike(filter(None, labels), people.spelling))


def near_data_sets(datasets: Iterable[str]) -> tuple[Near, ...]:
  """Names of data sets that are equal but for their spelling, and not known here."""
  return tuple(Near('data sets', names) for names in _alike(
      map(people.canonical, dict.fromkeys(datasets)), people.fold_dataset))


def near_names(entries: Sequence[Entry]) -> tuple[Near, ...]:
  """All near names in the rows of a manifest.

  Raises:
    InputError: it cannot be told whose a row is; see `people.name_people`.
  """
  return (*near_data_sets(entry.dataset for entry in entries),
          *near_people(people.name_people([(e.dataset, e.subject) for e in entries])),
          *near_labels(entry.label for entry in entries))


def check(near: Sequence[Near], choice: Choice, *, place: str) -> tuple[str, ...]:
  """Refuses near names that no setting calls different.

  Args:
    near: what there is.
    choice: the settings.
    place: what they stand in, for the message.

  Returns:
    A line on each group that a setting calls different.

  Raises:
    InputError: names two of them, and the setting; or a setting names what is not
      near to anything.
  """
  lines = []
  for kind, setting in _SETTINGS.items():
    said = words(getattr(choice, setting))
    known = {name for one in near if one.kind == kind for name in one.names}
    for name in sorted(said - known - {'all'}):
      raise InputError(f'{choice.section}.{setting} names {name!r}, which is like no '
                       f'other name in {place}; leave it out')
    lines += [f'{_listed(one.names)} are different {kind}: '
              f'{choice.section}.{setting}'
              for one in near if one.kind == kind and _is_said(one, said)]
  refused = [one for one in near if not _is_said(
      one, words(getattr(choice, _SETTINGS[one.kind])) if one.kind in _SETTINGS
      else set())]
  if refused:
    rest = f' (likewise {", ".join(_listed(one.names) for one in refused[1:4])}'
    rest += f' and {len(refused) - 4} more)' if len(refused) > 4 else ')'
    raise InputError(f'{place}: {_sentence(refused[0], choice)}'
                     + rest * (len(refused) > 1))
  return tuple(lines)


def words(setting: str) -> set[str]:
  """What a setting lists with commas between."""
  return set(filter(None, (word.strip() for word in setting.split(','))))


def _is_said(near: Near, said: set[str]) -> bool:
  return 'all' in said or said.issuperset(near.names)


def _sentence(near: Near, choice: Choice) -> str:
  if near.kind == 'data sets':
    return f'{_listed(near.names)} look like one data set; write one of them'
  what, wrong = {
      'people': ('one person', 'who would be tested after training on their own clips'),
      'labels': ('one class', 'which would be two'),
  }[near.kind]
  listed = ','.join(near.names)
  if any(',' in name or "'" in name for name in near.names):
    listed = 'all'
  column = (', or, where they are from two data sets, add a column dataset'
            if (near.kind, near.dataset) == ('people', people.UNKNOWN) else '')
  return (f'{_listed(near.names)} look like {what}, {wrong}; write one of them{column}'
          f', or say that they are different {near.kind} with '
          f"--config.{choice.section}.{_SETTINGS[near.kind]}='{listed}'")


def _listed(names: Sequence[str]) -> str:
  return ' and '.join(map(repr, names))


def _alike(names: Iterable[str], key: Callable[[str], str]) -> list[tuple[str, ...]]:
  groups = {}
  for name in dict.fromkeys(names):
    groups.setdefault(key(name), []).append(name)
  return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]
