"""From the settings of a data set to its clips; built on first use."""

from collections.abc import Callable, Iterable, Iterator
import pathlib
import sys
from typing import Any

from lightman_jax.data import duplicates
from lightman_jax.data.choice import Choice, choose
from lightman_jax.data.plan import Plan
from lightman_jax.data.planning import plan_data_set
from lightman_jax.data.sources import REPORT, Missing, find_ready_build
from lightman_jax.data.store import ClipSet, read_data_set
from lightman_jax.errors import InputError

Progress = Callable[[str, int, int], None]


def load(
    data: Any, *, progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr),
    workers: int = 0, fewest_people: int = 2,
) -> ClipSet:
  """Loads a data set, building it where it is not there or its files have changed.

  Where the files that it was built from are gone, a finished build is used as it is.

  Args:
    data: `config.data`: an object or mapping with the attributes of `choice.Choice`.
    progress: called with a stage ('files', 'clips', 'write', 'check', 'load'), how much
      of it is done, and of how much.
    say: called with a line for the person who waits.
    workers: processes that make clips; 0: one a core where that pays.
    fewest_people: that there must be, one of whom can be left out.

  Raises:
    InputError: one sentence that names what is wrong with the input.
  """
  # Not above: what only predicts has nothing of what builds.
  from lightman_jax.data.build import build
  choice = choose(data)
  progress = progress or (lambda stage, done, total: None)
  planned = clips = None
  try:
    planned = plan_data_set(choice)._replace(fewest_people=fewest_people)
    duplicates.check_names(
        [(item.row.dataset, item.row.subject) for item in planned.items],
        _labels(choice, planned.classes, (item.row.emotion for item in planned.items)),
        choice)
    folder, clips = build(planned, choice.home, progress=progress, say=say,
                          workers=workers)
  except Missing:
    folder = find_ready_build(choice)
    if folder is None:
      raise
    place = choice.path if choice.name == 'manifest' else f'all in {choice.manual}'
    say(f'{choice.name}: the files it is built from are not there ({place}), so the '
        f'clips of an earlier build are used: {folder}')
  clips = clips or _whole(folder, progress)
  if clips is None and planned is not None:
    say(f'{folder} is damaged and is built again')
    # Without its report it counts as not built; who holds the lock replaces it.
    (folder / REPORT).unlink(missing_ok=True)
    _, clips = build(planned, choice.home, progress=progress, say=say, workers=workers)
    clips = clips or _whole(folder, progress)
  if clips is None:
    raise InputError(f'{folder} is damaged: its content is not what was built; remove '
                     'that folder and repeat the command.')
  waivers = dict.fromkeys((*(planned.waivers if planned else ()),
                           *_check_people(choice, clips, folder)))
  for line in waivers:
    say(f'{choice.name}: {line}')
  return clips._replace(info={**clips.info, **_groups(planned), 'meant': [*waivers]})


def _groups(planned: Plan | None) -> dict[str, Any]:
  """Groups of people, which the report of an earlier version does not say."""
  from lightman_jax.data.build import groups_of
  return {'groups': groups_of(planned.items)} if planned else {}


def _check_people(choice: Choice, clips: ClipSet, folder: pathlib.Path
                  ) -> Iterator[str]:
  """Lines on names or clips of two people that look like one, and are said not to be.

  Args:
    choice: the settings.
    clips: that were built.
    folder: where they lie, with a record of the files that they were made of.

  Raises:
    InputError: it looks like one, and nobody says that it is none.
  """
  from lightman_jax.data.build import recorded_pictures
  yield from duplicates.check_names(
      zip(clips.datasets, clips.subject),
      _labels(choice, clips.classes, clips.emotion), choice)
  pictures = recorded_pictures(folder)
  frames = duplicates.same_frames(clips.content, clips.subject, clips.clip)
  # Pictures of one colour have no hash: they show nobody.
  files = duplicates.same_files(
      [pictures.get(name, {}) if sha256 else {}
       for name, sha256 in zip(clips.clip, clips.content)], clips.subject, clips.clip)
  seen = {one.clips for one in frames}
  yield from duplicates.check_repeats(
      (*frames, *(one for one in files if one.clips not in seen)),
      choice.repeated_clips, place=duplicates.place_of(choice), section=choice.section)


def _labels(choice: Choice, classes: Iterable[str], emotions: Iterable[str]
            ) -> Iterable[str]:
  """The words of which none may be another's in another spelling.

  Sheets' words for emotions are folded as they are read, those of a manifest are not.
  """
  return emotions if choice.name == 'manifest' else classes


def _whole(folder: pathlib.Path, progress: Progress) -> ClipSet | None:
  """The clips, if they are those that were built."""
  from lightman_jax.data.build import read_finished
  try:
    clips = read_data_set(folder, progress=progress)
  except (InputError, MemoryError):
    raise
  except Exception:    # what reads records fails in any way on damaged ones
    return None
  return clips if clips.info['sha256'] == read_finished(folder).get('sha256') else None
