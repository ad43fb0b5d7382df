"""Who is in which clip, checked before anything is built and again of what was built.

The same gate for manifests, licensed sheets and finished builds: near names of people
and labels (`near_names`), and one clip under two people (`repeats`).
"""

from collections.abc import Iterable, Sequence
import os

from lightman_jax.annotations.manifest import Entry
from lightman_jax.clips import near_names, people, repeats
from lightman_jax.clips.choice import Choice
from lightman_jax.errors import InputError


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
    settled = people.name_people([(e.dataset, e.subject) for e in entries])
    near = near_names.near_names(entries)
  except InputError as error:
    raise InputError(f'{path}: {error}') from None
  lines = near_names.check(near, choice, place=str(path))
  subjects = [subject for _, subject in settled]
  lines += repeats.check(repeats.same_paths(entries, subjects), choice.repeated_clips,
                         place=str(path), section=choice.section)
  return tuple(entry._replace(dataset=dataset, subject=subject)
               for entry, (dataset, subject) in zip(entries, settled)), lines


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
  near = (*near_names.near_people(rows), *near_names.near_labels(labels))
  return near_names.check(near, choice, place=place_of(choice))


def place_of(choice: Choice) -> str:
  """What a message calls a data set: the path of a manifest, or the name."""
  return choice.path if choice.name == people.UNKNOWN else choice.name
