"""How sheets spell words and frame numbers, in one spelling each."""

from collections.abc import Iterable
import difflib
import re
import unicodedata

from lightman_jax.errors import Reason

# Characters that nobody sees and that are not of the category Cf.
_UNSEEN = re.compile('[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u3164\ufe00-\ufe0f'
                     '\U000e0100-\U000e01ef]')
# What programs write into an empty cell.
_MISSING = ('', 'nan', 'na', 'n/a', '#n/a', '#na', '<na>', 'none', 'null', 'nat')


# Letters that look like Latin ones: Cyrillic, Greek, a dotless i, a small capital.
_LOOKS = str.maketrans('аеосрхуіѕјοαικρτυχεζβıꜱ', 'aeocpxyisjoaikptyxezbis')


def fold_characters(text: str) -> str:
  """A text with one character for each that looks or counts alike.

  Lower case, without characters that nobody sees (zero width, soft hyphen, byte-order
  mark); every dash is '-', every digit one of 0 to 9, every space ' ', and a letter of
  another script that looks like a Latin one is that.
  """
  text = unicodedata.normalize('NFKC', _UNSEEN.sub('', text)).casefold()
  text = text.replace('i\u0307', 'i').translate(_LOOKS)
  made = []
  for character in _UNSEEN.sub('', unicodedata.normalize('NFKC', text)):
    category = unicodedata.category(character)
    digit = unicodedata.digit(character, None)
    if digit is not None:
      made.append(str(digit))
    elif character.isspace():
      made.append(' ')
    elif category == 'Pd' or character == '\u2212':
      made.append('-')
    elif category not in ('Cf', 'Cc'):
      made.append(character)
  return ''.join(made).strip()


_MISSPELT = .8      # as alike as 'positiv' and 'positive', not as 'negative' is


def misspelt(word: str, known: Iterable[str]) -> str:
  """The known word of which this one looks like a misspelling; '' where there is none.

  Words with other numbers in them, as AU1 and AU12, are two.

  Args:
    word: a label.
    known: labels that are right.
  """
  numbers = lambda text: re.findall(r'\d+', text)
  alike = [one for one in known if one != word and numbers(one) == numbers(word)]
  near = difflib.get_close_matches(word, alike, n=1, cutoff=_MISSPELT)
  return near[0] if near else ''


def is_missing(text: str) -> bool:
  """Whether a cell holds nothing, or what a program writes for nothing: NaN, #N/A."""
  return fold_characters(text) in _MISSING


# Frame numbers: reading them from text, and the order they must keep.

# More digits than a frame number can have would not fit where clips are stored.
_WHOLE = re.compile(r'([0-9]{1,9})(\.0+)?')


def whole_number(text: str) -> int | None:
  """Returns the whole number that `text` spells ('46', '46.0'), else None."""
  match = _WHOLE.fullmatch(text)
  return int(match[1]) if match else None


def find_disorder(onset: int, apex: int | None, offset: int) -> Reason | None:
  """How frame numbers break onset <= apex <= offset; None where they keep it.

  Args:
    onset: frame number.
    apex: frame number; None where there is none.
    offset: frame number.
  """
  if onset > offset:
    return Reason.BACKWARDS
  if apex is not None and not onset <= apex <= offset:
    return Reason.APEX_OUTSIDE
  return None


# Words that sheets spell in several ways, in one spelling each.

# Sheets write Other, Others and others; comtempt stands in CASME, sad and happy in
# CAS(ME)^3.
EMOTIONS = {
    'angry': 'anger',
    'comtempt': 'contempt',
    'disgusted': 'disgust',
    'fearful': 'fear',
    'happy': 'happiness',
    'other': 'others',
    'repressed': 'repression',
    'sad': 'sadness',
    'surprised': 'surprise',
    'tensed': 'tense',
}
_OBJECTIVE = ('I', 'II', 'III', 'IV', 'V', 'VI', 'VII')


def spell_emotion(text: str) -> str:
  """Returns an emotion's word in lower case and one spelling; unknown words as such."""
  word = ' '.join(unicodedata.normalize('NFKC', text).casefold().split())
  return EMOTIONS.get(word, word)


def spell_objective(text: str) -> str:
  """Returns an objective class (Davison et al. 2018) as 'I' to 'VII', '' for none.

  Sheets write roman numerals; a spreadsheet program may have made them numbers. What is
  neither stays as it is, so that no class set knows it.
  """
  word = unicodedata.normalize('NFKC', text).strip().upper()
  if word in map(str, range(1, len(_OBJECTIVE) + 1)):
    return _OBJECTIVE[int(word) - 1]
  return word
