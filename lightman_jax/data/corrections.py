"""Named corrections of annotation sheets: none is on unless a configuration names it.

A correction changes cells before they are read. It says whose it is and why, changes
only what the sheet still holds as it was when the correction was written, and what it
changed is recorded with the built data set. For one error there may be several, which
exclude each other.
"""

from collections.abc import Iterable, Mapping, Sequence
import difflib
from typing import NamedTuple

from lightman_jax.data import spellings
from lightman_jax.data.facts import Facts
from lightman_jax.data.rows import Corrected, Line, Note, line_key, onset_apex_offset
from lightman_jax.data.spellings import find_disorder, whole_number
from lightman_jax.errors import InputError


class Change(NamedTuple):
  """Other cells for the rows of one file."""
  clip: str                             # subject and file name: '028/028_4_1'
  before: Mapping[str, str]             # column -> what it must hold; may be {}
  after: Mapping[str, str]              # column -> what is read instead
  only_disordered: bool = False         # only rows that break onset <= apex <= offset


class Correction(NamedTuple):
  """Changes that belong together."""
  dataset: str
  source: str
  reason: str
  changes: tuple[Change, ...]


_OURS = 'a reading of our own: no correction of the authors is known'
_LOADER = ('public loaders that take the middle of onset and offset wherever the apex '
           'is not between them')
_SPOTTED = 'the apex counts as not given, so it is spotted, like any missing apex'
_BEFORE_028 = {'onset': '1071', 'apex': '1143', 'offset': '1134'}
_BEFORE_032 = {'onset': '4896', 'apex': '1930', 'offset': '4970'}


def _028(source: str, reason: str, **after: str) -> Correction:
  return Correction('samm', source, reason,
                    (Change('028/028_4_1', _BEFORE_028, after),))


def _032(source: str, reason: str, **after: str) -> Correction:
  return Correction('samm', source, reason,
                    (Change('032/032_3_1', _BEFORE_032, after),))


def _spotted(dataset: str, *clips: str) -> Correction:
  changes = (Change(clip, {}, {'apex': ''}, only_disordered=True) for clip in clips)
  return Correction(
      dataset, _OURS, f'the apex is not between onset and offset; {_SPOTTED}',
      tuple(changes))


CORRECTIONS = {
    'samm_028_4_1_swap': _028(
        _OURS, 'apex and offset stand in each other\'s column; against it speaks the '
        'duration, which agrees with the offset as it stands',
        apex='1134', offset='1143'),
    'samm_028_4_1_end': _028(
        _OURS, 'an apex beyond the offset is brought back to the offset', apex='1134'),
    'samm_028_4_1_middle': _028(
        _LOADER, 'the offset stands, and the apex is put in the middle', apex='1102'),
    'samm_028_4_1_spotted': _028(_OURS, f'the offset stands; {_SPOTTED}', apex=''),
    'samm_032_3_1': _032(
        _OURS, '1930 is a typing error of 4930, which differs in one digit and lies '
        'between onset and offset', apex='4930'),
    'samm_032_3_1_middle': _032(
        _LOADER, 'the apex is put in the middle of onset and offset', apex='4933'),
    'samm_032_3_1_spotted': _032(_OURS, _SPOTTED, apex=''),
    'smic_long_s18_sur_03': Correction(
        'smic_long', 'the name and the folder of the clip, and its place in the set of '
        'short clips', 'the sheet says negative, the file name surprise',
        (Change('s18/s18_sur_03', {'emotion': 'negative'}, {'emotion': 'surprise'}),)),
    'casme2_04_EP12_01f_middle': Correction(
        'casme2', 'public loaders that take the middle of onset and offset for the '
        'missing apex', 'the sheet gives no apex',
        (Change('sub04/EP12_01f', {'onset': '261', 'apex': '/', 'offset': '321'},
                {'apex': '291'}),)),
    'casme_squared_spotted': _spotted(
        'casme_squared', 's27/disgust1_5', 's31/happy2_1', 's32/anger1_12'),
    'casme_cubed_spotted': _spotted(
        'casme_cubed', 'spNO.149/d', 'spNO.216/d', 'spNO.40/e'),
}


def choose_corrections(names: Iterable[str], dataset: str) -> dict[str, Correction]:
  """Returns the named corrections of a data set; those of others do not matter here.

  Args:
    names: keys of `CORRECTIONS`, of whatever data set.
    dataset: whose corrections are wanted.

  Raises:
    InputError: a name is unknown, or two change the same cell of a clip.
  """
  corrections, cells = {}, {}
  for name in dict.fromkeys(names):
    if name not in CORRECTIONS:
      near = difflib.get_close_matches(str(name), CORRECTIONS, n=1, cutoff=0.)[0]
      raise InputError(f'there is no correction {name!r}; the nearest is {near!r} '
                       f'(all: {", ".join(CORRECTIONS)}).')
    if CORRECTIONS[name].dataset != dataset:
      continue
    corrections[name] = CORRECTIONS[name]
    for change in CORRECTIONS[name].changes:
      for column in change.after:
        other = cells.setdefault((change.clip, column), name)
        if other != name:
          raise InputError(f'the corrections {other!r} and {name!r} both change the '
                           f'{column} of {change.clip}; choose one.')
  return corrections


# Chosen corrections are applied to the cells of a sheet, and what they did is said.


def apply_corrections(
    lines: Sequence[Line], facts: Facts, corrections: Mapping[str, Correction],
) -> tuple[list[Line], list[tuple[Note, ...]], tuple[Corrected, ...]]:
  """Returns the lines with other cells, the notes of each, and a report.

  Args:
    lines: of the sheet.
    facts: the data set.
    corrections: by name.
  """
  lines, notes, report = list(lines), [()] * len(lines), []
  clips = [line_key(line, facts)[0] for line in lines]
  for name, correction in corrections.items():
    for change in correction.changes:
      indices = [index for index, clip in enumerate(clips) if clip == change.clip]
      fitting = [index for index in indices if _fits(change, lines[index], facts)]
      for index in fitting:
        text = _describe_change(change, lines[index])
        lines[index] = lines[index]._replace(
            cells={**lines[index].cells, **change.after})
        notes[index] = (*notes[index], Note('corrected by {}: {}', (name, text)))
        report.append(Corrected(
            name, f'{change.clip}, {lines[index].where}: {text}', correction.reason))
      if not fitting:
        report.append(Corrected(
            name, f'not applied, {_describe_misfit(change, bool(indices))}'))
  return lines, notes, tuple(report)


def _fits(change: Change, line: Line, facts: Facts) -> bool:
  if change.only_disordered and not _disordered(line, facts):
    return False
  return all(_same(line.cells.get(column, ''), text)
             for column, text in change.before.items())


def _disordered(line: Line, facts: Facts) -> bool:
  onset, apex, offset = onset_apex_offset(line.cells, facts).values()
  return None not in (onset, apex, offset) and bool(
      find_disorder(onset, apex, offset))


def _same(cell: str, text: str) -> bool:
  number = whole_number(text)
  if number is not None:
    return whole_number(cell) == number
  return spellings.spell_emotion(cell) == text.casefold()


def _describe_change(change: Change, line: Line) -> str:
  return ', '.join(f'{column} {line.cells.get(column, "")!r} becomes '
                   f'{text!r}' if text else f'{column} '
                   f'{line.cells.get(column, "")!r} counts as not given'
                   for column, text in change.after.items())


def _describe_misfit(change: Change, has_row: bool) -> str:
  if not has_row:
    return f'the sheet has no row of {change.clip}'
  if change.only_disordered:
    return f'no row of {change.clip} breaks the order of its frames'
  cells = ', '.join(f'{column} {text!r}' for column, text in change.before.items())
  return f'the row of {change.clip} does not hold {cells}'
