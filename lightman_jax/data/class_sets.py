"""Class sets of micro-expressions, and maps from macro-expressions to them.

Each names its source: who measured with these classes.

Macro-expressions of another data set bear other words than the micro-expressions they
are aligned with: joy is 'happiness' here and 'positive' there. A map says which class a
macro clip counts under; a clip without one is still a macro-expression, without class.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lightman_jax.data import spellings
from lightman_jax.data.facts import ClassSet
from lightman_jax.errors import InputError

# Class sets that several data sets share, and those that a user makes.

THREE = ('negative', 'positive', 'surprise')
_OBJECTIVE = ('I', 'II', 'III', 'IV', 'V', 'VI', 'VII')

# MEGC2019's words for the emotions of CASME II and SAMM; SMIC has the classes itself.
_VALENCE = {
    **dict.fromkeys(('anger', 'contempt', 'disgust', 'fear', 'sadness', 'negative'),
                    'negative'),
    **dict.fromkeys(('happiness', 'positive'), 'positive'),
    'surprise': 'surprise',
}
MEGC_2019 = 'MEGC2019, composite database evaluation (See et al. 2019)'
OBJECTIVE_SOURCE = ('objective classes by action units (Davison et al. 2018), I to V '
                    'as in MEGC2018 (Yap et al. 2018)')


def emotion_classes(*emotions: str, source: str) -> ClassSet:
  """Returns the class set whose classes are these emotions.

  Args:
    emotions: each is a class of its own.
    source: who uses it.
  """
  return ClassSet(emotions, {name: name for name in emotions}, source=source)


def valence_classes(*emotions: str, source: str, others: bool = False) -> ClassSet:
  """Returns negative, positive and surprise, made of these emotions.

  Args:
    emotions: those that count; each has its class by its name.
    source: who uses it.
    others: 'others' is a fourth class.
  """
  folding = {name: _VALENCE[name] for name in emotions}
  if others:
    return ClassSet((*THREE, 'others'), folding | {'others': 'others'}, source=source)
  return ClassSet(THREE, folding, source=source)


def objective_classes(count: int = 5) -> ClassSet:
  """Returns the first `count` objective classes.

  Args:
    count: 1 to 7 of the classes I to VII.
  """
  names = _OBJECTIVE[:count]
  return ClassSet(names, {name: name for name in names}, by='objective',
                  source=OBJECTIVE_SOURCE)


def own_classes(folding: Mapping[str, str]) -> ClassSet:
  """Returns a class set of a user's making.

  Args:
    folding: emotion, in any spelling a sheet may have, to class; or objective class
      ('I' to 'VII') to class. What it does not name is left out. The classes stand in
      the order of their first appearance.

  Raises:
    InputError: fewer than two classes, or emotions mixed with objective classes.
  """
  objectives = [name for name in folding if name.strip().upper() in _OBJECTIVE]
  if objectives and len(objectives) < len(folding):
    other = next(name for name in folding if name not in objectives)
    raise InputError(
        f'a class set maps emotions or objective classes, not both; {objectives[0]!r} '
        f'is an objective class and {other!r} is not.')
  classes = tuple(dict.fromkeys(folding.values()))
  if len(classes) < 2:
    raise InputError(f'a class set needs two classes or more; {dict(folding)} has '
                     f'{len(classes)}.')
  spell = spellings.spell_objective if objectives else spellings.spell_emotion
  return ClassSet(
      classes, {spell(name): label for name, label in folding.items()},
      by='objective' if objectives else 'emotion', source='of the user')


# Named maps from the emotions of macro-expressions to the classes of micro ones.


class MacroMap(NamedTuple):
  """Which micro class a macro emotion belongs to; those not named have none."""
  folding: Mapping[str, str]
  source: str


_UNPLEASANT = ('anger', 'contempt', 'disgust', 'fear', 'sadness', 'negative')
_SIX = ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')

MACRO_MAPS = {
    'same': MacroMap(
        {name: name for name in (*_SIX, 'contempt', 'negative', 'positive', 'others',
                                 'repression', 'tense')},
        'a macro emotion counts under the class of its own name'),
    'valence': MacroMap(
        {**dict.fromkeys(_UNPLEASANT, 'negative'),
         'happiness': 'positive', 'positive': 'positive', 'surprise': 'surprise',
         'others': 'others'},
        'the folding of MEGC2019 (See et al. 2019), applied to macro-expressions'),
    # 'negative' may be anything unpleasant, so it has no single emotion here.
    'emotions': MacroMap(
        {**{name: name for name in (*_SIX, 'contempt', 'others')},
         'positive': 'happiness'},
        'CAS(ME)^2 (Qu et al. 2018) elicits its positive clips by funny films'),
}


def macro_label(emotion: str, name: str, classes: tuple[str, ...]) -> int:
  """Returns the index in `classes` of a macro clip's class, -1 where it has none.

  Args:
    emotion: of the macro clip, in any spelling.
    name: a key of `MACRO_MAPS`.
    classes: of the micro-expressions.

  Raises:
    InputError: there is no map of this name.
  """
  if name not in MACRO_MAPS:
    raise InputError(f'there is no map of macro emotions named {name!r}; there are '
                     f'{", ".join(MACRO_MAPS)}.')
  label = MACRO_MAPS[name].folding.get(spellings.spell_emotion(emotion))
  return classes.index(label) if label in classes else -1
