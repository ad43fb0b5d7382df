"""The command `doctor`: a folder of a data set, or a csv of anyone's own clips."""

from collections import defaultdict
import json
import pathlib
import sys
from typing import Any

from lightman_jax.data.doctor import command
from lightman_jax.errors import InputError, printable


def doctor(arguments: list[str]) -> int:
  """python -m lightman_jax doctor PATH: says what lies there and what is wrong."""
  options = vars(command.make_parser().parse_args(arguments))
  path = pathlib.Path(options.pop('path')).expanduser()
  if not path.is_file():
    return command.examine_folders(arguments)
  from lightman_jax.data.doctor import own_clips
  from lightman_jax.data.doctor.findings import to_jsonable
  sheet, as_json = options.pop('contact_sheet'), options.pop('json')
  settings = {name: value for name, value in options.items()
              if name not in ('name', 'thorough')}
  result = own_clips.examine(path, thorough=options['thorough'], **settings)
  if as_json:
    print(json.dumps(to_jsonable(result), indent=2))
  else:
    print(*map(printable, own_clips.describe_own_clips(result)), sep='\n')
  if not sheet:
    return result.verdict
  try:
    print(f'{write_contact_sheet(path, sheet, settings)} shows what the network will '
          'see of some clips', file=sys.stderr if as_json else sys.stdout)
  except InputError as error:
    print(printable(str(error)), file=sys.stderr)
    return 2
  return result.verdict


def write_contact_sheet(path: pathlib.Path, target: str, settings: dict[str, Any]
                        ) -> pathlib.Path:
  """Draws some clips of each label of a manifest as the network will see them.

  Args:
    path: the csv.
    target: the picture's file, whose name ends in .png.
    settings: of the build, see `own_clips.choice_of`.

  Returns:
    The picture's path.

  Raises:
    InputError: no clip can be read, or the picture cannot be written.
  """
  from lightman_jax.data import manifest_plan as own
  from lightman_jax.data.doctor import own_clips
  from lightman_jax.data.manifest import examine_manifest
  from lightman_jax.errors import Unreadable
  from lightman_jax.files import write_atomically
  from lightman_jax.inputs import contact_sheet, inputs
  place = pathlib.Path(target).expanduser()
  if place.suffix.lower() != '.png':
    raise InputError(f'--contact_sheet={target}: the name of the picture ends in .png.')
  entries = examine_manifest(path).entries
  choice = own_clips.choice_of(entries, path=str(path), **settings)
  how = inputs.Settings(kind='picture' if choice.frames == 1 else 'flow',
                        size=choice.size)
  by_label = defaultdict(list)
  for entry in entries:
    try:
      by_label[entry.label].append((entry, own.item_of(entry, (), choice)[0]))
    except Unreadable:
      continue      # the page lists it
  shown = []
  for same in by_label.values():
    subjects = [entry.subject for entry, _ in same]
    for number in contact_sheet.spread_over_people(subjects):
      entry, item = same[number]
      try:
        shown.append(contact_sheet.Shown(
            entry.clip, entry.subject, entry.label, item.make().frames))
      except Unreadable:
        continue
  if not shown:
    raise InputError(f'{path} lists no clip that can be read: nothing can be drawn.')
  try:
    with write_atomically(place, 'wb') as file:
      contact_sheet.draw_sheet(shown, how).save(file, format='PNG')
  except OSError as error:
    raise InputError(f'{place} cannot be written: {error.strerror}.') from error
  return place
