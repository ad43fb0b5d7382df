"""Nobody counts twice: names that nearly agree, and clips that stand under two people.

Manifests, licensed sheets and finished builds pass the same gate: `check_near_names`
and `check_repeats`.

A person of two names would be tested after training on their own clips, and a class of
two names would be two. Names that are equal but for case, spaces, leading zeros, a
spreadsheet's `.0` and, of people, prefixes such as `sub` stop a run, unless a setting
says that they are different: `data.different_people`, `data.different_labels`.

One clip under two people is seen by its path in a manifest, by a hash of its stored
frames, and by those of its files, of which two people have none in common. What was
encoded again has others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import os
from typing import NamedTuple

from lightman_jax.data import people
from lightman_jax.data.choice import Choice
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.manifest import Entry
from lightman_jax.errors import InputError

# One person, or one class, that is written in two ways.

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
    key = people.person_key(dataset, subject)
    groups.setdefault(key, (set(), dataset))[0].add(subject)
  return tuple(Near('people', tuple(sorted(names)), dataset)
               for names, dataset in groups.values() if len(names) > 1)


def near_labels(labels: Iterable[str]) -> tuple[Near, ...]:
  """Labels that are equal but for their spelling."""
  return tuple(Near('labels', names)
               for names in _group_alike(filter(None, labels), people.spelling))


def near_data_sets(datasets: Iterable[str]) -> tuple[Near, ...]:
  """Names of data sets that are equal but for their spelling, and not known here.

  Or in which the name of a known one is a part of a word, beside that one.
  """
  names = [name for name in dict.fromkeys(datasets) if not people.is_unnamed(name)]
  other = [name for name in names if people.family(name) not in TABLES]
  return (*(Near('data sets', group)
            for group in _group_alike(other, people.fold_dataset)),
          *(Near('data sets', tuple(sorted((name, known))))
            for name in other for known in names if people.near_known(
                people.fold_dataset(name), people.fold_dataset(people.family(known)))))


def near_names(entries: Sequence[Entry]) -> tuple[Near, ...]:
  """All near names in the rows of a manifest.

  Args:
    entries: the rows of a manifest.

  Raises:
    InputError: it cannot be told whose a row is; see `people.name_people`.
  """
  return (*near_data_sets(entry.dataset for entry in entries),
          *near_people(people.name_people([(e.dataset, e.subject) for e in entries])),
          *near_labels(entry.label for entry in entries))


def check_near_names(near: Sequence[Near], choice: Choice, *, place: str
                     ) -> tuple[str, ...]:
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
    exempt = split_names(getattr(choice, setting))
    names = {name for one in near if one.kind == kind for name in one.names}
    for name in sorted(exempt - names - {'all'}):
      raise InputError(f'{choice.section}.{setting} names {name!r}, which is like no '
                       f'other name in {place}; leave it out')
    lines += [f'{_join_names(one.names)} are different {kind}: '
              f'{choice.section}.{setting}'
              for one in near if one.kind == kind and _is_exempt(one, exempt)]
  refused = [one for one in near if not _is_exempt(
      one, split_names(getattr(choice, _SETTINGS[one.kind])) if one.kind in _SETTINGS
      else set())]
  if refused:
    rest = f' (likewise {", ".join(_join_names(one.names) for one in refused[1:4])}'
    rest += f' and {len(refused) - 4} more)' if len(refused) > 4 else ')'
    raise InputError(f'{place}: {_sentence(refused[0], choice)}'
                     + rest * (len(refused) > 1))
  return tuple(lines)


def split_names(setting: str) -> set[str]:
  """What a setting lists with commas between."""
  return set(filter(None, (word.strip() for word in setting.split(','))))


def _is_exempt(near: Near, exempt: set[str]) -> bool:
  return 'all' in exempt or exempt.issuperset(near.names)


def _sentence(near: Near, choice: Choice) -> str:
  if near.kind == 'data sets':
    return (f'{_join_names(near.names)} look like one data set; write one of them, or '
            'where they are two a name without that of the other in it')
  unit, consequence = {
      'people': ('one person', 'who would be tested after training on their own clips'),
      'labels': ('one class', 'which would be two'),
  }[near.kind]
  listed = ','.join(near.names)
  if any(',' in name or "'" in name for name in near.names):
    listed = 'all'
  column = (', or, where they are from two data sets, add a column dataset'
            if (near.kind, near.dataset) == ('people', people.UNKNOWN) else '')
  return (f'{_join_names(near.names)} look like {unit}, {consequence}; write one of '
          f'them{column}'
          f', or say that they are different {near.kind} with '
          f"--config.{choice.section}.{_SETTINGS[near.kind]}='{listed}'")


def _join_names(names: Sequence[str]) -> str:
  return ' and '.join(map(repr, names))


def _group_alike(names: Iterable[str], key: Callable[[str], str]
                 ) -> list[tuple[str, ...]]:
  groups = {}
  for name in dict.fromkeys(names):
    groups.setdefault(key(name), []).append(name)
  return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]


# One clip under two people, of whom one would be tested after training on it.


class Repeat(NamedTuple):
  """One clip that is there several times, under two people or more."""
  clips: tuple[str, ...]
  people: tuple[str, ...]       # of each of the clips
  in_common: str                     # that is the same: a file or folder, or the frames


def same_paths(entries: Sequence[Entry], subjects: Sequence[str]) -> tuple[Repeat, ...]:
  """Rows of a manifest that name one file or folder and two people.

  Args:
    entries: the rows.
    subjects: who is in each, as `people.name_people` calls them.
  """
  named = [(n, path) for n, entry in enumerate(entries) for path in entry.paths]
  paths = [os.path.realpath(path) for _, path in named]
  return tuple(
      Repeat(tuple(entries[named[k][0]].clip for k in group),
             tuple(subjects[named[k][0]] for k in group),
             f'the file or folder {named[group[0]][1].name!r}')
      for group in _shared(paths, [subjects[n] for n, _ in named]))


def same_frames(content: Sequence[str], subjects: Sequence[str], clips: Sequence[str]
                ) -> tuple[Repeat, ...]:
  """Clips of the same frames under two people.

  Args:
    content: a hash of each clip's frames, '' where there is nothing to compare.
    subjects: who is in each.
    clips: what each is called.
  """
  return tuple(
      Repeat(tuple(clips[n] for n in group), tuple(subjects[n] for n in group),
             'the frames')
      for group in _shared(content, subjects))


def same_files(files: Sequence[Mapping[str, str]], subjects: Sequence[str],
               clips: Sequence[str]) -> tuple[Repeat, ...]:
  """Clips of two people that share a picture or video, wherever each begins and ends.

  Args:
    files: of each clip the names of its files, by their hash.
    subjects: who is in each.
    clips: what each is called.
  """
  named = [(n, sha256, name) for n, own in enumerate(files)
           for sha256, name in own.items()]
  groups: dict[tuple[int, ...], str] = {}
  for group in _shared([sha256 for _, sha256, _ in named],
                       [subjects[n] for n, _, _ in named]):
    # Of two clips that share many files one is named.
    groups.setdefault(tuple(named[k][0] for k in group), named[group[0]][2])
  return tuple(Repeat(tuple(clips[n] for n in group), tuple(subjects[n] for n in group),
                      f'the content of {name!r}') for group, name in groups.items())


def check_repeats(repeats: Iterable[Repeat], setting: str, *, place: str,
          section: str = 'data') -> tuple[str, ...]:
  """Refuses clips under two people, unless the setting says that they are meant.

  Args:
    repeats: what there is.
    setting: `repeated_clips`.
    place: what they stand in, for the message.
    section: of the configuration in which the setting stands.

  Returns:
    A line on each that is meant.

  Raises:
    InputError: names two of the clips and their people, and what to do.
  """
  exempt, lines = split_names(setting), []
  for clips, persons, in_common in repeats:
    other = next(n for n, person in enumerate(persons) if person != persons[0])
    pair = (f'{clips[0]!r} of {persons[0]!r} and {clips[other]!r} of '
            f'{persons[other]!r}')
    if 'all' not in exempt and not exempt.issuperset(clips):
      listed = 'all' if any(set(",'") & set(name) for name in clips) else ','.join(
          clips)
      raise InputError(
          f'{place}: the clips {pair} have {in_common} in common, so a person would be '
          'tested after training on their own clip; correct the rows, or say that it '
          f"is meant with --config.{section}.repeated_clips='{listed}'")
    lines.append(f'the clips {pair} have {in_common} in common'
                 + f', as have {len(clips) - 2} more' * (len(clips) > 2)
                 + f': {section}.repeated_clips says that it is meant')
  return tuple(lines)


def _shared(values: Sequence[str], subjects: Sequence[str]) -> list[list[int]]:
  """Numbers of those whose value, if not empty, stands under two people."""
  groups = {}
  for number, value in enumerate(values):
    if value:
      groups.setdefault(value, []).append(number)
  return [group for group in groups.values()
          if len({subjects[n] for n in group}) > 1]


# Who is in which clip, checked before anything is built and again of what was built.


def check_manifest(entries: Sequence[Entry], choice: Choice, path: str | os.PathLike
                   ) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
  """The rows with their data set and one name for each person.

  Args:
    entries: the rows, as they are written.
    choice: the settings.
    path: of the manifest.

  Returns:
    The rows, and a line on each thing that looks like a mistake and that a setting
    says is none.

  Raises:
    InputError: names the rows that look like a mistake, and what to do.
  """
  try:
    identities = people.name_people([(e.dataset, e.subject) for e in entries])
    near = near_names(entries)
  except InputError as error:
    raise InputError(f'{path}: {error}') from None
  lines = check_near_names(near, choice, place=str(path))
  subjects = [subject for _, subject in identities]
  lines += check_repeats(same_paths(entries, subjects), choice.repeated_clips,
                         place=str(path), section=choice.section)
  return tuple(entry._replace(dataset=dataset, subject=subject)
               for entry, (dataset, subject) in zip(entries, identities)), lines


def check_names(rows: Iterable[tuple[str, str]], labels: Iterable[str],
                choice: Choice) -> tuple[str, ...]:
  """Looks at the names in a data set of any kind, planned or built.

  Args:
    rows: data set and subject of each clip.
    labels: its classes; of a manifest the label of each clip.
    choice: the settings.

  Returns:
    A line on each group of like names that a setting says is no mistake.

  Raises:
    InputError: see `check_manifest`.
  """
  near = (*near_people(rows), *near_labels(labels))
  return check_near_names(near, choice, place=place_of(choice))


def place_of(choice: Choice) -> str:
  """What a message calls a data set: the path of a manifest, or the name."""
  return choice.path if choice.name == people.UNKNOWN else choice.name
