"""Who a person is: a data set, and a name in it.

Whoever is held out must be held out of the macro-expressions, too, and these may come
from another data set than the micro-expressions. Two clips show one person where their
data sets have the same people and their subjects the same name, however it is spelt.
"""

from collections.abc import Mapping, Sequence
import functools
import re
from typing import NamedTuple

from lightman_jax import registry
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import COMPOSITES
from lightman_jax.data.spellings import fold_characters, is_missing
from lightman_jax.errors import InputError
from lightman_jax.units import counted

UNKNOWN = 'manifest'      # the data set of clips whose manifest names none
SYNTHETIC = 'synthetic'   # its faces are nobody's
_SEED = re.compile(r'seed\d+:')      # before a name of theirs, see `synthetic_name`


class Shared(NamedTuple):
  """Data sets that show the same people under the same names."""
  family: str               # what they are called together
  members: tuple[str, ...]
  source: str               # where that is said


SHARED = (
    Shared('samm', ('samm', 'samm_long'),
           'Yap et al. 2020: SAMM Long Videos are the recordings that the clips of '
           'SAMM (Davison et al. 2018) were cut out of'),
    Shared('smic', ('smic', 'smic_long', 'smic_vis', 'smic_nir'),
           'Li et al. 2013: HS, VIS and NIR are cameras before the same people, of '
           'whom HS-E holds longer clips'),
    Shared('mmew', ('mmew', 'mmew_macro'),
           'Ben et al. 2022: the macro-expressions are of the people of the '
           'micro-expressions'),
)

# How else a data set is written, folded by `fold_dataset`.
_ALSO = {
    'casmeii': 'casme2', 'casme2': 'casme2', 'casmei': 'casme', 'casme1': 'casme',
    'casmesquared': 'casme_squared', 'cas(me)2': 'casme_squared',
    'cas(me)^2': 'casme_squared', 'casme^2': 'casme_squared',
    'casmecubed': 'casme_cubed', 'cas(me)3': 'casme_cubed', 'cas(me)^3': 'casme_cubed',
    'casme^3': 'casme_cubed', 'casme3': 'casme_cubed', 'sammlv': 'samm_long',
    'sammlongvideos': 'samm_long', 'smichs': 'smic', 'smichse': 'smic_long',
    'ck+': 'ck_plus', 'ck': 'ck_plus', 'ck+48': 'ck_plus', 'cohnkanade': 'ck_plus',
    'cohnkanade+': 'ck_plus', 'oulu': 'oulu_casia', 'radboud': 'rafd',
    '4dme': 'four_dme'}
_ALSO |= {re.sub(r'_', '', name): name for name in (*registry.DATA_SETS, *COMPOSITES)}

# Parts of one data set of which nobody says whether someone is in two: people of one
# number are taken for one.
_PARTS = {'casme_cubed_c': 'casme_cubed'}

# A known data set as a word in a longer name, as `_words` writes it: longer names
# before those that they begin with.
_FAMILIES = {
    'casme_squared':
        r'cas ?\(me\) ?\^? ?(?:2|ii|sq(?:uared?)?)|cas ?me ?(?:\^ ?2|sq(?:uared?)?)',
    'casme_cubed':
        r'cas ?\(me\) ?\^? ?(?:3|iii|cubed?)|cas ?me ?(?:\^? ?3|iii|cubed?)',
    'casme2': r'cas ?me ?\(?(?:2|ii)\)?', 'casme': r'cas ?me(?: ?(?:1|i))?',
    'samm': 'samm', 'smic': 'smic', 'mmew': 'mmew', 'dfme': 'dfme',
    'four_dme': '4 ?dme',
    'ck_plus': r'(?:extended )?cohn ?kanade(?: ?plus)?(?: ?48)?|ck(?: ?plus)?(?: ?48)?',
    'oulu_casia': 'oulu ?casia', 'jaffe': 'jaffe', 'kdef': 'kdef',
    'mug': 'mug(?: (?:facial expressions?|fed))?',
    'rafd': 'rafd|radboud(?: faces?)?', 'yale': 'yale(?: ?faces?)?'}
# What may be written to such a name without a space.
_PARTICULAR = (r'(?:micro|macro|long|lv|videos?|crop(?:ped)?|raw|sub ?set|test|val'
               r'|train(?:ing)?|full|all|clips?|flow|hs|e|vis|nir|[abc]'
               r'|data ?(?:set|base)?|db|selected|apex|part|section|v\d+)')
_FAMILY = '|'.join(f'(?P<{name}>{pattern})' for name, pattern in _FAMILIES.items())
_WHOLE = re.compile(rf'(?:{_FAMILY})(?: ?{_PARTICULAR})*')
_WITHIN = re.compile(rf'(?<![a-z0-9])(?:{_FAMILY})(?: ?{_PARTICULAR})*(?![a-z0-9^])')

# What stands before a person's number and tells nobody apart; several may do, as s, p
# and no in spNO. None is made of others: there is one way to divide a text into them.
_BEFORE = ('sub', 'subj', 'sbj', 'subject', 's', 'p', 'person',
           'part', 'participant', 'patient', 'user', 'volunteer', 'vp', 'id', 'no',
           'nr', 'num', 'number')
_PREFIXES = f'(?:{"|".join(sorted(_BEFORE, key=len, reverse=True))})'
_APART = r"""[\s/\\:_.\-#()\[\]{}'",;|]"""
_LONGEST = 64    # name of a data set before a subject's; a cell may hold a book


def canonical(dataset: str) -> str:
  """The program's name of a data set that it knows; of another the name as it is."""
  text = ' '.join(dataset.split())
  return _ALSO.get(fold_dataset(text), text)


@functools.lru_cache(4096)
def family(dataset: str) -> str:
  """The name that data sets of the same people share; its own where it has none.

  A name that has that of one known data set as a word in it is of that one, as
  'CASME II cropped' of casme2.
  """
  name = canonical(dataset)
  if name in COMPOSITES:
    return name
  if name not in TABLES:
    known = {match.lastgroup for match in _WITHIN.finditer(_words(name[:_LONGEST]))}
    name = known.pop() if len(known) == 1 else name
  name = _PARTS.get(name, name)
  return next((one.family for one in SHARED if name in one.members), name)


def is_unnamed(dataset: str) -> bool:
  """Whether a name of a data set says nothing: empty, NaN, unknown, manifest."""
  return is_missing(dataset) or fold_characters(dataset) in (UNKNOWN, 'unknown')


def _words(dataset: str) -> str:
  """A name in lower case, with a space where a mark divides words."""
  text = fold_characters(dataset.replace('²', '^2').replace('³', '^3'))
  return ' '.join(re.sub(r"""[\s/\\:_.\-#\[\]{}'",;|+&]+""", ' ', text).split())


def _known_data_set(text: str) -> str:
  """The data set that a whole text names, behind prefixes such as sub; else ''."""
  words = re.sub(rf'^(?:{_PREFIXES} )+', '', _words(text))
  if canonical(words) in TABLES:
    return canonical(words)
  whole = _WHOLE.fullmatch(words)
  return whole.lastgroup if whole else ''


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
  dataset = '' if is_unnamed(dataset) else canonical(dataset)
  if dataset and family(dataset) in TABLES:
    return dataset, bare_subject(dataset, subject)
  for before, name in _divisions(subject):
    if _known_data_set(before):
      return _known_data_set(before), name
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
    known = _known_data_set(before)
    if known and family(known) == family(dataset) or fold_dataset(before) in same:
      return name
  return subject


def _divisions(subject: str) -> list[tuple[str, str]]:
  """Ways to divide a name in two, the longest beginning first.

  At a mark, or before a number and what stands before numbers: casme2 and sub01 of
  casme2sub01.
  """
  divisions = []
  for place in range(min(len(subject), _LONGEST) - 1, 0, -1):
    before, rest = subject[:place], subject[place:]
    if re.match(_APART, rest):
      divisions += [(before, rest[1:])] * bool(rest[1:])
    elif re.match(rf'{_PREFIXES}*(?:{_APART}*)\d', fold_characters(rest[:_LONGEST])):
      divisions.append((before, rest))
  return divisions


def fold_name(name: str) -> str:
  """What a name is without its case, spaces, leading zeros and prefixes such as sub.

  Two subjects of one data set whose names are equal after this are taken for one.
  """
  sign, parts = _parts(name)
  while len(parts) > 1 and parts[0].isalpha() and re.fullmatch(
      f'{_PREFIXES}+', parts[0]) and (
          any(part.isdecimal() for part in parts[1:]) or len(parts[0]) > 2):
    parts = parts[1:]
  return sign + _join(parts) or fold_characters(name)


def spelling(name: str) -> str:
  """A name without its case, spaces, leading zeros and marks between its parts.

  Letters, whole numbers and other marks, with a space between: 'sub 1' of Sub-01.
  """
  sign, parts = _parts(name)
  return sign + _join(parts) or fold_characters(name)


def _parts(name: str) -> tuple[str, list[str]]:
  """'- ' before a negative number, else '', and what `spelling` is made of."""
  text = fold_characters(name)
  # A spreadsheet's 1.0.
  text = re.sub(r'(?<![\d.])(\d+)(?:\.0+|,0)(?=[^\w.,+]*$)', r'\1', text)
  sign = '- ' if re.match(r'-\d', text) else ''
  parts = re.findall(r'[^\W\d_]+|\d+|[^\w\s]+', re.sub(_APART, ' ', text))
  return sign, [part.lstrip('0') or '0' if part.isdecimal() else part
                for part in parts]


def _join(parts: list[str]) -> str:
  """Words that stand side by side become one."""
  joined = []
  for part in parts:
    if joined and joined[-1].isalpha() and part.isalpha():
      joined[-1] += part
    else:
      joined.append(part)
  return ' '.join(joined)


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
  return '' if is_unnamed(own) else own


def synthetic_name(seed: int, subject: str) -> str:
  """A synthetic person among those of all seeds, as seed0:sub01.

  Args:
    seed: of the faces; another seed, other people
    subject: as the faces of one seed call them
  """
  return f'seed{seed}:{subject}'


def may_be_one(one: tuple[str, str], other: tuple[str, str]) -> bool:
  """Whether two may be one person, as far as their data sets and names tell.

  Args:
    one: data set and subject
    other: the same of another
  """
  seeded = [bool(_SEED.match(subject)) for _, subject in (one, other)]
  if seeded[0] != seeded[1] and {family(one[0]), family(other[0])} == {SYNTHETIC}:
    # Who is named without a seed may be of any.
    one, other = ((own, _SEED.sub('', subject)) for own, subject in (one, other))
  (own, name), (others, other_name) = person_key(*one), person_key(*other)
  return name == other_name and (
      _may_be(own, others) or SYNTHETIC not in (own, others)
      and (_is_guess(*one) or _is_guess(*other)))


def identify(dataset: str, subject: str) -> tuple[str, str]:
  """The data set, `UNKNOWN` where nothing tells, and the bare name of a subject.

  Args:
    dataset: that the subject is of; `UNKNOWN` where nothing tells
    subject: as it is written there
  """
  return _within(dataset, subject)


def _is_guess(dataset: str, subject: str) -> bool:
  """Whether only a stroke in the subject's name makes an unknown word a data set."""
  own, name = _within(dataset, subject)
  before, stroke, _ = subject.partition('/')
  return (bool(stroke) and not is_unnamed(own) and family(own) not in TABLES
          and fold_dataset(before) == fold_dataset(own))


def _within(dataset: str, subject: str) -> tuple[str, str]:
  """The data set and the bare name of a subject who may bear its data set's name."""
  if is_unnamed(dataset):
    return identify_row('', subject)
  if canonical(dataset) in COMPOSITES:
    # Who does not say of which part may be of any.
    return identify_row('', subject)
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
    if not like:
      guesses = [subject for _, dataset, subject in places.get(name, ())
                 if may_be_one((dataset, subject), row)]
      # Of several, each is of a data set of its own, and none need be this one.
      like = [(name, subject) for subject in guesses] if len(guesses) == 1 else []
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
                     shared: int = 0, *,
                     beside: str = 'macro-expressions') -> dict[str, list[str]]:
  """What is known of who is in several data sets, and what is not; for results.

  Args:
    rows: data set and subject of each clip of the data.
    other_rows: the same of the clips that macro-expressions come from, if of others, or
      of those that weights were trained on before.
    shared: how many people of `other_rows` are in the data, too.
    beside: what is of `other_rows`.

  Returns:
    Sentences: 'known' and 'not_known'.
  """
  shown = {}
  own, other = ([*dict.fromkeys(shown.setdefault(fold_dataset(name), name)
                                for name in (origin(*row) for row in sorted(pairs)))]
                for pairs in (set(rows), set(other_rows)))
  named, unknown = ', '.join(filter(None, own)) or 'the data', []
  known = ['a person is a data set and a name in it; the same people are in '
           + ', and in '.join(' and '.join(one.members) for one in SHARED)]
  if shared:
    known.append(f'{counted(shared, "person", "is", "are")} in the data and in the '
                 'macro-expressions, held out with all their clips')
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
        f'whether anyone of {name} is in {named}, too, is not known: {beside} '
        'of people of other names are in every fold' if name and '' not in own else
        f'the {"data" if name else beside} name no data set: people of '
        'one name are taken for one person, and whether others are in both is not '
        'known')
  if 'casme_squared' in own and 'casme_squared' in other:
    unknown.append('casme_squared numbers its people from 1 in the sheet and from 15 '
                   'in its folders: names are taken to be of one kind')
  return {'known': known, 'not_known': unknown}


def join_facts(facts: Mapping[str, Sequence[str]], more: Mapping[str, Sequence[str]]
               ) -> dict[str, list[str]]:
  """Sentences of `describe_overlap` and more of them, each once.

  Args:
    facts: by kind.
    more: the same.
  """
  return {kind: [*dict.fromkeys((*facts.get(kind, ()), *more.get(kind, ())))]
          for kind in {**facts, **more}}


def _may_be(one: str, other: str) -> bool:
  """Whether people of two families, folded, are one where their names are."""
  return (one == other or near_known(one, other)
          or (UNKNOWN in (one, other) and SYNTHETIC not in (one, other)))


def near_known(one: str, other: str) -> bool:
  """Whether one data set is known, and the other, which is not, has its name in it.

  Args:
    one: a folded family
    other: another
  """
  known = {fold_dataset(family(name)) for name in TABLES}
  if (one in known) == (other in known):
    return False
  return one in other if one in known else other in one


def fold_dataset(dataset: str) -> str:
  """A data set's name without its case, spaces and marks."""
  text = fold_characters(dataset.replace('²', '^2').replace('³', '^3'))
  return re.sub(r"""[\s/\\:_.\-#'",;|]""", '', text)
