"""What is said where the files of a licensed data set are not there."""

from collections.abc import Sequence
import pathlib

from lightman_jax.annotations.facts import Facts
from lightman_jax.clips.search import ARCHIVES


def message(facts: Facts, manual: pathlib.Path, *, sheet: str, edition: str,
            found: list[pathlib.Path], hints: Sequence[str] = (),
            above: pathlib.Path | None = None) -> str:
  """Names what is expected, where, in which layout, and whom to ask for it.

  Args:
    facts: of the data set.
    manual: the folder that was looked into.
    sheet: the edition of the sheet that was asked for, or 'auto'.
    edition: the edition of the frames that was asked for, or 'auto'.
    found: sheets, or the root of the frames, where one of them is there.
    hints: sentences on files that are there, though they are not what is wanted.
    above: the folder in which all of it lies, where `manual` is a part of it.
  """
  lacking = []
  if facts.sheets and not any(path.is_file() for path in found):
    lacking.append('annotation sheet' if sheet == 'auto'
                   else f'annotation sheet of {sheet}')
  if not any(path.is_dir() for path in found):
    lacking.append('frames' if edition == 'auto'
                   else f'frames of the {edition} edition')
  sheets = ' or '.join(' and '.join(f'{stem}.xlsx' for stem in known.stems)
                       for known in facts.sheets)
  lines = [f'{sheets} (or .xls, .csv; a file of another name is recognised by its '
           'columns)'] if sheets else []
  layout = '\n'.join(f'  {line}' for line in (*lines, *facts.layout))
  present = f'\nFound: {", ".join(map(str, found))}.' if found else ''
  present += ''.join(f'\n{hint}.' for hint in hints)
  if above:
    present += (f'\nA sheet and frames lie in {above}: use --config.data.manual_dir='
                f'{above}.' if facts.sheets else
                f'\nIts frames lie in {above}: use --config.data.manual_dir={above}.')
  what = 'one sheet and one tree of frames' if sheets else 'one tree of frames'
  return (
      f'{facts.title}: no {" and no ".join(lacking)} in {manual} or in its '
      f'sub-folder {facts.folders[0]}/.{present}{_packed(facts, manual)}\n'
      f'Expected there {"are" if sheets else "is"} {what}:\n{layout}\n'
      f'{facts.title} cannot be downloaded: {facts.ask}, put it there, or name its '
      'place with --config.data.manual_dir=PATH.')


def _packed(facts: Facts, manual: pathlib.Path) -> str:
  """Archives that nobody has unpacked yet."""
  places = [manual, *(manual / name for name in facts.folders)]
  packed = [path for place in places if place.is_dir() for path in place.iterdir()
            if path.name.casefold().endswith(ARCHIVES)]
  if not packed:
    return ''
  return f'\nNot unpacked yet: {", ".join(str(path) for path in sorted(packed)[:5])}.'
