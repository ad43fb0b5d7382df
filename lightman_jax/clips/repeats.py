"""One clip under two people, of whom one would be tested after training on it.

The same path is seen in a manifest, the same content by a hash of the stored frames.
What was encoded again, cut otherwise or brought to another size has another hash.
"""

from collections.abc import Iterable, Sequence
import os
from typing import NamedTuple

from lightman_jax.annotations.manifest import Entry
from lightman_jax.clips.near_names import words
from lightman_jax.errors import InputError


class Repeat(NamedTuple):
  """One clip that is there several times, under two people or more."""
  clips: tuple[str, ...]
  people: tuple[str, ...]       # of each of the clips
  what: str                     # that is the same: a file or folder, or the frames


def same_paths(entries: Sequence[Entry], subjects: Sequence[str]) -> tuple[Repeat, ...]:
  """Rows of a manifest that name one file or folder and two people.

  Args:
    entries: the rows.
    subjects: who is in each, as `people.name_people` calls them.
  """
  paths = [os.path.realpath(entry.path) for entry in entries]
  return tuple(
      Repeat(tuple(entries[n].clip for n in group),
             tuple(subjects[n] for n in group),
             f'the file or folder {entries[group[0]].path.name!r}')
      for group in _shared(paths, subjects))


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


def check(repeats: Iterable[Repeat], setting: str, *, place: str,
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
  meant, lines = words(setting), []
  for clips, people, what in repeats:
    other = next(n for n, person in enumerate(people) if person != people[0])
    pair = (f'{clips[0]!r} of {people[0]!r} and {clips[other]!r} of '
            f'{people[other]!r}')
    if 'all' not in meant and not meant.issuperset(clips):
      listed = 'all' if any(set(",'") & set(name) for name in clips) else ','.join(
          clips)
      raise InputError(
          f'{place}: the clips {pair} have {what} in common, so a person would be '
          'tested after training on their own clip; correct the rows, or say that it '
          f"is meant with --config.{section}.repeated_clips='{listed}'")
    lines.append(f'the clips {pair} have {what} in common'
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
