"""Named maps from the emotions of macro-expressions to the classes of micro ones.

Macro-expressions of another data set bear other words than the micro-expressions they
are aligned with: joy is 'happiness' here and 'positive' there. A map says which class a
macro clip counts under; a clip without one is still a macro-expression, without class.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lightman_jax.annotations import spellings
from lightman_jax.errors import InputError


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

  Raises:
    InputError: there is no map of this name.
  """
  if name not in MACRO_MAPS:
    raise InputError(f'there is no map of macro emotions named {name!r}; there are '
                     f'{", ".join(MACRO_MAPS)}.')
  found = MACRO_MAPS[name].folding.get(spellings.emotion(emotion))
  return classes.index(found) if found in classes else -1
