"""Who a person is: a data set, and a name in it.

Whoever is held out must be held out of the macro-expressions, too, and these may come
from another data set than the micro-expressions. Two clips show one person where their
data sets have the same people and their subjects the same name, however it is spelt.
"""

from collections.abc import Sequence
import re
from typing import NamedTuple
import unicodedata

from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import COMPOSITES
from lightman_jax.errors import InputError

UNKNOWN = 'manifest'      # the data set of clips whose manifest names none
SYNTHETIC = 'synthetic'   # its faces are nobody's


class Shared(NamedTuple):
  """Data sets that show the same people under the same names."""
  family: str               # what they are called together
  members: tuple[str, ...]
  pattern: str              # of further names for them, in lower case
  source: str               # where that is said


SHARED = (
    Shared('samm', ('samm', 'samm_long'),
           r'samm(?![a-z])|samm(micro|macro|long|lv|crop)',
           'Yap et al. 2020: SAMM Long Videos are the recordings that the clips of '
           'SAMM (Davison et al. 2018) were cut out of'),
    Shared('smic', ('smic', 'smic_long', 'smic_vis', 'smic_nir'),
           r'smic(?![a-z])|smic(hs|vis|nir|long|all)',
           'Li et al. 2013: HS, VIS and NIR are cameras before the same people, of '
           'whom HS-E holds longer clips'),
)

# How else a data set is written, folded by `fold_dataset`.
_ALSO = {
    'casmeii': 'casme2', 'casme2': 'casme2', 'casmei': 'casme', 'casme1': 'casme',
    'casmesquared': 'casme_squared', 'cas(me)2': 'casme_squared',
    'cas(me)^2': 'casme_squared', 'casme^2': 'casme_squared',
    'casmecubed': 'casme_cubed', 'cas(me)3': 'casme_cubed', 'cas(me)^3': 'casme_cubed',
    'casme^3': 'casme_cubed', 'casme3': 'casme_cubed', 'sammlv': 'samm_long',
    'sammlongvideos': 'samm_long', 'smichs': 'smic', 'smichse': 'smic_long'}
_ALSO |= {re.sub(r'_', '', name): name for name in TABLES}

# What stands before a person's number and tells nobody apart.
_BEFORE = ('sub', 'subj', 'subject', 's', 'p', 'person', 'part', 'participant', 'id',
           'spno')
_APART = r'[\s/:_.\-]'
_LONGEST = 64    # name of a data set before a subject's; a cell may hold a book


def canonical(dataset: str) -> str:
  """The program's name of a data set that it knows; of another the name as it is."""
  text = ' '.join(dataset.split())
  return _ALSO.get(fold_dataset(text), text)


def family(dataset: str) -> str:
  """The name that data sets of the same people share; its own where it has none."""
  name = canonical(dataset)
  for shared in SHARED:
    if name in shared.members or re.match(shared.pattern, name.casefold()):
      return shared.family
  return name


def identify_row(dataset: str, subject: str) -> tuple[str, str]:
  """The data set of a manifest's row, and the subject's name in it.

  A cell that names a data set counts. Where it is empty, or names one that is not known
  here, a known name that stands before the subject's does, as in smic-s01; and where
  it is empty any that a stroke divides from it, as in mine/s01.

  Args:
    dataset: the row's cell; '' or 'manifest' where it says nothing.
    subject: the row's cell.

  Returns:
    The data set, `UNKNOWN` where nothing tells, and the name without it.

  Raises:
    InputError: the cell names a data set that is made of others, and the subject does
      not say of which of them it is.
  """
  dataset = '' if dataset == UNKNOWN else canonical(dataset)
  if dataset and family(dataset) in TABLES:
    return dataset, bare_subject(dataset, subject)
  for before, name in _divisions(subject):
    if canonical(before) in TABLES:
      return canonical(before), name
  if dataset in COMPOSITES:
    raise InputError(f'{dataset} is made of {", ".join(COMPOSITES[dataset].parts)}: '
                     'write under dataset the one that the clip is of')
  if dataset:
    return dataset, bare_subject(dataset, subject)
  before, stroke, name = subject.partition('/')
  return (before, name) if stroke and before and name else (UNKNOWN, subject)


def bare_subject(dataset: str, subject: str) -> str:
  """A subject's name without that of its data set before it: s01 of smic/s01.

  Args:
    dataset: that the subject is of.
    subject: as a sheet or a manifest writes it.
  """
  same = {fold_dataset(dataset), fold_dataset(family(dataset))}
  for before, name in _divisions(subject):
    known = canonical(before)
    if (known in TABLES and family(known) == family(dataset)
        or fold_dataset(before) in same):
      return name
  joined = re.fullmatch(r'([^\W\d_]{2,})(\d+)', subject)
  return joined[2] if joined and fold_dataset(joined[1]) in same else subject


def _divisions(subject: str) -> list[tuple[str, str]]:
  """Ways to divide a name in two at a mark, the longest beginning first."""
  marks = [mark.start() for mark in re.finditer(_APART, subject[:_LONGEST])]
  return [(subject[:place], subject[place + 1:]) for place in reversed(marks)
          if place and subject[place + 1:]]


def fold_name(name: str) -> str:
  """What a name is without its case, spaces, leading zeros and prefixes such as sub.

  Two subjects of one data set whose names are equal after this are taken for one.
  """
  parts = spelling(name).split(' ')
  if len(parts) > 1 and parts[0] in _BEFORE and parts[1].isdecimal():
    parts = parts[1:]
  return ' '.join(parts)


def spelling(name: str) -> str:
  """A name without its case, spaces, leading zeros and marks between its parts.

  Letters, whole numbers and other marks, with a space between: 'sub 1' of Sub-01.
  """
  text = unicodedata.normalize('NFKC', name).casefold().strip()
  text = re.sub(r'^([+-]?\d+)\.0+$', r'\1', text)        # a spreadsheet's 1.0
  sign = '- ' if re.match(r'-\d', text) else ''
  parts = re.findall(r'[^\W\d_]+|\d+|[^\w\s/:_.\-]+', re.sub(_APART, ' ', text))
  joined = []
  for part in parts:
    part = part.lstrip('0') or '0' if part.isdecimal() else part
    if joined and joined[-1].isalpha() and part.isalpha():
      joined[-1] += part
    else:
      joined.append(part)
  return sign + ' '.join(joined) or text


def person_key(dataset: str, subject: str) -> tuple[str, str]:
  """Who a subject of a data set is; equal for two clips of one person.

  Args:
    dataset: that the subject is of; `UNKNOWN` where nothing tells.
    subject: as it is written there.

  Returns:
    The folded family of data sets, and the folded name.
  """
  dataset, name = _within(dataset, subject)
  return fold_dataset(family(dataset)), fold_name(name)


def origin(dataset: str, subject: str) -> str:
  """The family of data sets that a subject is of, '' where that is not known.

  Args:
    dataset: that the subject is of; `UNKNOWN` where nothing tells.
    subject: as it is written there.
  """
  own = family(_within(dataset, subject)[0])
  return '' if own == UNKNOWN else own


def _within(dataset: str, subject: str) -> tuple[str, str]:
  """The data set and the bare name of a subject who may bear its data set's name."""
  if dataset == UNKNOWN:
    return identify_row('', subject)
  if dataset in COMPOSITES:
    for before, name in _divisions(subject):
      if canonical(before) in TABLES:
        return canonical(before), name
  return dataset, bare_subject(dataset, subject)


def name_people(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
  """The data set of every row of a manifest, and one name for each person.

  Where the rows are of several data sets, a name begins with that of the data set. A
  row of no data set is of the person of its name in the others, if there is one.

  Args:
    rows: the cells dataset and subject of each; see `identify_row`.

  Raises:
    InputError: it cannot be told whose a row is.
  """
  identities = {row: identify_row(*row) for row in dict.fromkeys(rows)}
  placed = [identities[row] for row in rows]
  keys = [(family(dataset), name) for dataset, name in placed]
  several = len({own for own, _ in keys} - {UNKNOWN}) > 1
  shown = {}
  for key, (_, written) in zip(keys, rows):
    before = written.removesuffix(key[1])[:-1]
    if key[0] != UNKNOWN and before and fold_dataset(before) == fold_dataset(key[0]):
      shown.setdefault(key, written)
  for own, name in keys:
    if own != UNKNOWN:
      shown.setdefault((own, name), f'{own}/{name}' if several else name)
  namesakes = {}
  for own, name in shown:
    namesakes.setdefault(fold_name(name), []).append((own, name))
  for own, name in dict.fromkeys(keys):
    if own == UNKNOWN:
      shown[own, name] = _resolve_name(name, namesakes.get(fold_name(name), []), shown)
  people = {}
  for key, name in shown.items():
    other = people.setdefault(name, key)
    if key[0] != UNKNOWN != other[0] and key != other:
      raise InputError(f'{name!r} is the name of two people, one of {key[0]} and one '
                       f'of {other[0]}: write only the person under subject')
  return [(dataset, shown[key]) for (dataset, _), key in zip(placed, keys)]


def _resolve_name(name: str, namesakes: list[tuple[str, str]], shown: dict) -> str:
  """What someone of no data set is called; `namesakes` are people of like names."""
  candidates = [key for key in namesakes if key[1] == name] or namesakes
  if len(candidates) > 1:
    raise InputError(
        f'subject {name!r} has no data set and could be {shown[candidates[0]]!r} or '
        f'{shown[candidates[1]]!r}: fill the column dataset in all rows')
  return shown[candidates[0]] if candidates else name


def match_people(rows: Sequence[tuple[str, str]], other_rows: Sequence[tuple[str, str]]
                 ) -> list[str]:
  """Says of each clip of another data set which subject of this one it shows.

  Where one of two manifests names no data set, whoever bears the same name in both is
  taken for one person: nobody who is held out may be trained on.

  Args:
    rows: data set and subject of each clip here.
    other_rows: the same of the other data set.

  Returns:
    For each of `other_rows` the subject as `rows` write it, '' where it is none.

  Raises:
    InputError: it could be one of several, and nothing tells which.
  """
  places = {}
  for dataset, subject in dict.fromkeys(rows):
    own, name = person_key(dataset, subject)
    places.setdefault(name, []).append((own, dataset, subject))
  shown = {}
  for row in dict.fromkeys(other_rows):
    own, name = person_key(*row)
    like = [(_within(dataset, subject)[1], subject)
            for other, dataset, subject in places.get(name, ()) if _may_be(own, other)]
    exact = [subject for name, subject in like if name == _within(*row)[1]]
    matches = dict.fromkeys(exact or [subject for _, subject in like])
    if len(matches) > 1:
      first, second, *_ = matches
      raise InputError(
          f'the macro-expressions of {row[1]!r} could be those of {first!r} or of '
          f'{second!r}; name their data set in a column dataset of the manifest, and '
          'write people alike in both')
    shown[row] = next(iter(matches), '')
  return [shown[row] for row in other_rows]


def describe_overlap(rows: Sequence[tuple[str, str]],
                     other_rows: Sequence[tuple[str, str]] = (),
                     shared: int = 0) -> dict[str, list[str]]:
  """What is known of who is in several data sets, and what is not; for results.

  Args:
    rows: data set and subject of each clip of the data.
    other_rows: the same of the clips that macro-expressions come from, if of others.
    shared: how many people of `other_rows` are in the data, too.

  Returns:
    Sentences: 'known' and 'not_known'.
  """
  own, other = ([*dict.fromkeys(origin(*row) for row in sorted(set(pairs)))]
                for pairs in (rows, other_rows))
  named, unknown = ', '.join(filter(None, own)) or 'the data', []
  known = ['a person is a data set and a name in it; the same people are in '
           + ', and in '.join(' and '.join(one.members) for one in SHARED)]
  if shared:
    known.append(f'{shared} people of the macro-expressions are in the data, too, and '
                 'are held out with all their clips')
  if '' in own:
    unknown.append('the data name no data set: whether two of their names are one '
                   'person in two data sets is not known')
  if len(set(own) - {''}) > 1:
    unknown.append(f'whether anyone is in two of {named} is not known: they are taken '
                   'for different people')
  for name in other:
    if name in own and name or SYNTHETIC in (name, *own):
      continue
    unknown.append(
        f'whether anyone of {name} is in {named}, too, is not known: macro-expressions '
        'of people of other names are in every fold' if name and '' not in own else
        f'the {"data" if name else "macro-expressions"} name no data set: people of '
        'one name are taken for one person, and whether others are in both is not '
        'known')
  if 'casme_squared' in own and 'casme_squared' in other:
    unknown.append('casme_squared numbers its people from 1 in the sheet and from 15 '
                   'in its folders: names are taken to be of one kind')
  return {'known': known, 'not_known': unknown}


def _may_be(one: str, other: str) -> bool:
  """Whether people of two families, folded, are one where their names are."""
  return one == other or (UNKNOWN in (one, other) and SYNTHETIC not in (one, other))


def fold_dataset(dataset: str) -> str:
  """A data set's name without its case, spaces and marks."""
  text = unicodedata.normalize('NFKC', dataset.replace('²', '^2').replace('³', '^3'))
  return re.sub(r'[\s_.\-]', '', text.casefold())
