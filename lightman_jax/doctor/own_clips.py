"""Examines a csv of anyone's own clips: by the reader and the plan of a build.

Unlike these it does not end at the first mistake: every row that cannot be used is
listed, every missing file, and all names and files that look like one written twice.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
import os
import pathlib
from typing import NamedTuple

from lightman_jax.data import duplicates, people
from lightman_jax.data.choice import Choice, choose
from lightman_jax.data.frames import pictures_by_number
from lightman_jax.data.manifest import Entry, Manifest, examine_manifest
from lightman_jax.data.manifest_plan import item_of, plan_manifest
from lightman_jax.data.plan import check_enough, fingerprint
from lightman_jax.data.spellings import misspelt
from lightman_jax.data.trees import form_of
from lightman_jax.doctor.findings import UNUSABLE, USABLE, too_few_people
from lightman_jax.doctor.reading import describe_still, read_items, sample_items
from lightman_jax.errors import InputError, Unreadable
from lightman_jax.files import file_sha256
from lightman_jax.units import counted

# The frames and the side in pixels that configs/manifest.py brings clips to: of ready
# pictures, and with `:clips`.
READY, FILMED = (1, 28), (9, 64)


class Group(NamedTuple):
  """A label, a data set or a kind: how many clips it has, and of how many people."""
  name: str
  clips: int
  subjects: int


class OwnClips(NamedTuple):
  """What a manifest lists, and what is wrong with it."""
  path: str
  verdict: int                      # `USABLE` or `UNUSABLE`
  why: str                          # the one sentence with which a run would refuse it
  frames: int = 0                   # T, for which it was examined
  size: int = 0                     # the side in pixels
  rows: int = 0
  subjects: int = 0
  forms: tuple[Group, ...] = ()     # folders, pictures, videos
  kinds: tuple[Group, ...] = ()     # micro, macro
  labels: tuple[Group, ...] = ()    # of the clips that are judged
  datasets: tuple[Group, ...] = ()
  single: tuple[str, ...] = ()      # people with one clip
  wrong: tuple[str, ...] = ()       # rows whose cells cannot be used
  missing: tuple[str, ...] = ()     # paths that are not there, with the rows of each
  unreadable: tuple[str, ...] = ()  # rows whose files cannot be used
  near: tuple[str, ...] = ()        # names that look like one written twice
  repeated: tuple[str, ...] = ()    # clips of one content under two people
  remarks: tuple[str, ...] = ()     # what does not keep it from being used


def choice_of(entries: Sequence[Entry], **settings) -> Choice:
  """The settings of a build, with frames and size as `configs/manifest.py` has them.

  Args:
    entries: the rows; where most are ready pictures, a clip has one frame.
    **settings: of `choice.Choice`; None where the defaults are wanted.
  """
  ready = sum(entry.form == 'picture' for entry in entries) * 2 > len(entries)
  frames, size = READY if ready else FILMED
  defaults = {'name': 'manifest', 'frames': frames, 'size': size}
  return choose(defaults | {name: value for name, value in settings.items()
                            if value is not None})


def examine(path: str | os.PathLike, *, thorough: bool = False, **settings) -> OwnClips:
  """Says what a manifest lists, and all that is wrong with it.

  Args:
    path: the csv.
    thorough: decode every picture that a build needs; else those of a few clips.
    **settings: see `choice_of`.
  """
  path = pathlib.Path(path).expanduser().absolute()
  try:
    manifest = examine_manifest(path)
    choice = choice_of(manifest.entries, path=str(path), **settings)
  except InputError as error:
    return OwnClips(str(path), UNUSABLE, str(error))
  entries = manifest.entries
  present = [entry for entry in entries if all(map(os.path.exists, entry.paths))]
  rows = {entry.row for entry in present}
  missing = _missing([entry for entry in entries if entry.row not in rows])
  whole, unreadable, seen = _readable(present, choice, thorough)
  test_entries = [entry for entry in entries if entry.kind == 'micro'] or entries
  labels = _groups(test_entries, lambda entry: entry.label)
  result = OwnClips(
      str(path), USABLE, '', choice.frames, choice.size, len(entries),
      len(_persons(entries)),
      forms=_groups(present, lambda entry: entry.form),
      kinds=_groups(entries, lambda entry: entry.kind), labels=labels,
      datasets=_groups(entries, lambda entry: people.origin(
          entry.dataset, entry.subject) or entry.dataset),
      single=_single(test_entries), wrong=manifest.wrong,
      missing=missing, unreadable=unreadable, near=_near(manifest, choice))
  repeated, copies = _repeated(whole, choice, manifest)
  result = result._replace(repeated=repeated, remarks=(
      *manifest.remarks, *copies, *_remarks(entries, labels, result.forms),
      *_remarks_of_people(manifest), *seen))
  why = _refusal(result, manifest, choice)
  return result._replace(why=why, verdict=UNUSABLE if why else USABLE)


def _refusal(result: OwnClips, manifest: Manifest, choice: Choice) -> str:
  """What a run would say; '' where it would begin."""
  for lines in (result.wrong, result.near, result.repeated, result.missing,
                result.unreadable):
    if lines:
      return lines[0]
  if len({form == 'picture' for form, *_ in result.forms}) > 1:
    return (f'{manifest.path} lists pictures and folders or videos, and a run takes '
            'either: divide it into two')
  try:
    plan = plan_manifest(choice)
    check_enough(plan, plan.items)
    if why := too_few_people(plan, plan.items):
      return why
  except InputError as error:
    return str(error)
  return ''


def _missing(entries: Sequence[Entry]) -> tuple[str, ...]:
  """A sentence on each row without files; one of all whose folder is not there."""
  by_place = defaultdict(list)
  for entry in entries:
    place = next(path for path in entry.paths if not os.path.exists(path))
    while not os.path.exists(place.parent):
      place = place.parent
    by_place[place].append(entry)
  return tuple(
      f'{rows[0].where}: ' + next(
          f'{path} is not there' for path in rows[0].paths
          if not os.path.exists(path)) if len(rows) == 1 else
      f'{rows[0].where} to {rows[-1].where}: {place} is not there, and so {len(rows)} '
      'clips are missing' for place, rows in by_place.items())


def _persons(entries: Iterable[Entry]) -> set[tuple[str, str]]:
  return {(entry.dataset, entry.subject) for entry in entries}


def _groups(entries: Sequence[Entry], name: Callable[[Entry], str]
            ) -> tuple[Group, ...]:
  """Clips and people under each name, the largest first."""
  members = defaultdict(list)
  for entry in entries:
    members[name(entry)].append(entry)
  groups = [Group(word, len(group_entries), len(_persons(group_entries)))
            for word, group_entries in members.items()]
  return tuple(sorted(groups, key=lambda group: (-group.clips, group.name)))


def _single(entries: Sequence[Entry]) -> tuple[str, ...]:
  times = _groups(entries, lambda entry: entry.subject)
  return tuple(group.name for group in times if group.clips == 1)


def _remarks_of_people(manifest: Manifest) -> Iterator[str]:
  """Where one name may be several people's: clips of it lie among those of others in
  folders that are neither of a label nor of a kind."""
  entries = manifest.entries
  if len(entries) < 2 or any(entry.dataset != people.UNKNOWN for entry in entries):
    return
  above = len(pathlib.Path(os.path.commonpath(
      [entry.path.parent for entry in entries])).parts)
  by_folder = defaultdict(list)
  for entry in entries:
    by_folder[*entry.path.parent.parts[above:above + 1]].append(entry)
  if any(len({entry.subject for entry in some}) < 2 for some in by_folder.values()) or (
      any(max(len({getattr(entry, column) for entry in some})
              for some in by_folder.values()) == 1 for column in ('label', 'kind')
          if len({getattr(entry, column) for entry in entries}) > 1)):
    return
  folders = defaultdict(list)
  for folder, some in by_folder.items():
    for subject in sorted({entry.subject for entry in some}):
      folders[subject].append('/'.join(folder) or '.')
  shared = {subject: names for subject, names in folders.items() if len(names) > 1}
  if shared:
    subject, names = next(iter(shared.items()))
    yield (f'clips of {subject!r} lie in {" and ".join(names)}' + (
        f', and so do those of {len(shared) - 1} more' if len(shared) > 1 else '') +
        '; a name is taken for one person: where these folders are of several data '
        'sets, a column dataset says which, and tells their people apart')


def _remarks_of_frames(present: Sequence[Entry], decoded: int) -> Iterator[str]:
  """How many clips' pictures were looked at, and how frames of a video are counted."""
  if decoded < len(present):
    yield (f'pictures of {decoded} of {counted(len(present), "clip")} were decoded; '
           '--read decodes all of them, as a build does')
  if any(form_of(entry.path) == 'video' and None not in (entry.onset, entry.offset)
         for entry in present):
    yield ('frames of a video are counted from 0, so a sheet that counts from 1 is one '
           'frame late; those of a folder have the numbers in their names')


def _readable(entries: Sequence[Entry], choice: Choice, thorough: bool
              ) -> tuple[list[Entry], tuple[str, ...], tuple[str, ...]]:
  """The rows whose files are what a build needs, why the others' are not, and what is
  to be said of their pictures."""
  whole, lines, items = [], [], {}
  for entry in entries:
    try:
      items[entry.clip] = item_of(entry, (), choice)[0]
      whole.append(entry)
    except Unreadable as error:
      lines.append(f'{entry.where}: {error}')
  to_read = [*items.values()] if thorough else sample_items([*items.values()])
  reading = read_items(to_read)
  broken = {entry.clip: entry.cause for entry in reading.broken}
  lines += [f'{entry.where}: {broken[entry.clip]}' for entry in whole
            if entry.clip in broken]
  return ([entry for entry in whole if entry.clip not in broken], tuple(lines),
          (*describe_still(reading.still, choice.frames),
           *_remarks_of_frames(entries, len(to_read))))


def _near(manifest: Manifest, choice: Choice) -> tuple[str, ...]:
  """A sentence on each group of names that look like one; as a run refuses them."""
  try:
    groups = duplicates.near_names(manifest.entries)
  except InputError as error:
    return (f'{manifest.path}: {error}',)
  different = {'people': duplicates.split_names(choice.different_people),
               'labels': duplicates.split_names(choice.different_labels)}
  groups = [group for group in groups
            if not different.get(group.kind, set()) & {'all'}
            and not different.get(group.kind, set()).issuperset(group.names)]
  strict = choice._replace(different_people='', different_labels='')
  return _sentences(duplicates.check_near_names, groups, strict, manifest)


def _repeated(entries: Sequence[Entry], choice: Choice, manifest: Manifest
              ) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """Clips of one content: refused of two people, a remark of one."""
  try:
    subjects = [subject for _, subject in people.name_people(
        [(entry.dataset, entry.subject) for entry in entries])]
  except InputError:
    subjects = [entry.subject for entry in entries]
  content = _content(entries)
  paths = duplicates.same_paths(entries, subjects)
  frames = duplicates.same_frames(content, subjects, [entry.clip for entry in entries])
  # Rows of one path are of one content: that is said once.
  others = [group for group in frames
            if not any(set(group.clips) <= set(other.clips) for other in paths)]
  refused = _sentences(duplicates.check_repeats, (*paths, *others),
                       choice.repeated_clips, manifest)
  entries_by_content = defaultdict(list)
  for subject, value, entry in zip(subjects, content, entries):
    if value:
      entries_by_content[subject, value].append(entry)
  copies = tuple(
      f'{" and ".join(entry.where for entry in alike)} are the same clip of '
      f'{alike[0].subject!r}' for alike in entries_by_content.values()
      if len(alike) > 1)
  return refused, copies


def _sentences(check, groups, setting: Choice | str, manifest: Manifest
               ) -> tuple[str, ...]:
  """What a check of the gate says of each group by itself."""
  lines = []
  for group in groups:
    try:
      check((group,), setting, place=str(manifest.path))
    except InputError as error:
      lines.append(str(error))
  return tuple(dict.fromkeys(lines))


def _content(entries: Sequence[Entry]) -> list[str]:
  """A hash of what each clip shows; '' where no other has files of the same sizes."""
  files = [_files(entry) for entry in entries]
  sizes = [tuple(os.path.getsize(file) for file in paths) for paths in files]
  spans = [(entry.onset, entry.apex, entry.offset) for entry in entries]
  alike = defaultdict(int)
  for key in zip(sizes, spans):
    alike[key] += 1
  return [fingerprint([span, [file_sha256(file) for file in paths]])
          if alike[size, span] > 1 else ''
          for paths, size, span in zip(files, sizes, spans)]


def _files(entry: Entry) -> list[pathlib.Path]:
  """A clip's files: its frames from onset to offset, or its one picture or video."""
  if form_of(entry.path) != 'folder':
    return [*entry.paths]
  return [entry.path / file.name
          for number, file in pictures_by_number(entry.path).items()
          if (entry.onset or 0) <= number
          and (entry.offset is None or number <= entry.offset)]


def _remarks(entries: Sequence[Entry], labels: Sequence[Group], forms: Sequence[Group]
             ) -> list[str]:
  known = {label for label, _, subjects in labels if subjects > 1}
  lines = [f'{label!r} is shown by one person alone, so nobody is left to learn it '
           'from when that person is held out: a run is refused'
           + (f'; is {near!r} meant?' if (near := misspelt(label, known)) else '')
           for label, _, subjects in labels if subjects == 1]
  # The largest groups come first: the rarer of two is the misspelt one.
  lines += [f'{label!r} ({counted(clips, "clip")} of {counted(subjects, "person")}) is '
            f'nearly spelt as {near!r}: is that meant? As it is, these are two classes'
            for n, (label, clips, subjects) in enumerate(labels) if subjects > 1
            and (near := misspelt(label, [one.name for one in labels[:n]]))]
  without = sum(entry.apex is None and entry.form not in ('picture', 'pair')
                for entry in entries if all(map(os.path.exists, entry.paths)))
  if without and forms:
    lines.append(f'{counted(without, "clip", "has", "have")} no apex: the middle '
                 'between onset and offset stands in its place')
  return lines


def describe_own_clips(result: OwnClips) -> list[str]:
  """What there is to say of a manifest, a line each."""
  listed = (
      ('rows that cannot be used', result.wrong),
      ('paths that lead nowhere', result.missing),
      ('files that cannot be used', result.unreadable),
      ('names that look like one', result.near),
      ('one clip under two people', result.repeated),
      ('people with a single clip', result.single), ('good to know', result.remarks))
  # What a run would say stands in a list below, and is said once.
  below = next((f', {title}' for title, sentences in listed
                if result.why.startswith(sentences)), '')
  lines = [f'{result.path}: {"not usable" if result.verdict == UNUSABLE else "usable"}'
           f'{below}']
  if result.why and not below:
    lines.append(f'  {result.why}')
  if not result.rows and not result.wrong:
    return lines
  lines.append(f'  {counted(result.rows, "clip")} of '
               f'{counted(result.subjects, "person")}, looked at for '
               f'{counted(result.frames, "frame")} of {result.size} x {result.size}')
  for title, groups in (('labels', result.labels), ('paths', result.forms),
                        ('kinds', result.kinds), ('data sets', result.datasets)):
    lines += ['', f'  {title}']
    width = max((len(group.name) for group in groups), default=0)
    lines += [f'    {group.name:<{width}}  {counted(f"{group.clips:>6}", "clip")} of '
              f'{counted(group.subjects, "person")}' for group in groups]
  for title, sentences in listed:
    if sentences:
      lines += ['', f'  {title}: {len(sentences)}',
                *(f'    {line}' for line in sentences)]
  return lines
