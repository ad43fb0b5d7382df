"""Which action units a person shows when feeling something.

An emotion is a distribution over combinations of action units, as annotated sheets of
spontaneous expressions show them: several combinations each, most of one or two
units, and some shared by two emotions. The combinations follow the EMFACS
prototypes (Friesen and Ekman 1983) and their fragments; the weights are ours.
"""

import numpy as np

CLASSES = ('negative', 'positive', 'surprise')

CLASS_OF = {
    'anger': 'negative', 'disgust': 'negative', 'sadness': 'negative',
    'happiness': 'positive', 'surprise': 'surprise'}
"""The class set `synthetic_3`: fine emotion to class."""

COMBINATIONS: dict[str, dict[tuple[int, ...], float]] = {
    'anger': {
        (4,): .2, (4, 7): .3, (4, 23): .15, (4, 24): .15, (4, 5, 7): .1, (17, 24): .1},
    'disgust': {
        (9,): .15, (4, 9): .2, (4, 7, 9): .2, (10,): .15, (4, 7, 10): .15, (4, 7): .15},
    'sadness': {
        (1,): .1, (1, 4): .2, (15,): .15, (15, 17): .25, (1, 4, 15): .15, (14, 17): .05,
        (20,): .1},
    'happiness': {
        (12,): .25, (6, 12): .3, (6, 7, 12): .15, (12, 25): .15, (14,): .1,
        (12, 14): .05},
    'surprise': {
        (1, 2): .3, (1, 2, 5): .2, (1, 2, 25): .15, (1, 2, 26): .1, (25, 26): .1,
        (2,): .1, (5, 25): .05},
}

# What anyone's face may do besides, whatever they feel.
INCIDENTAL = (1, 2, 4, 5, 7, 10, 12, 14, 15, 17, 20, 24, 25)


def emotion_for(rng: np.random.Generator, label: str) -> str:
  """One of the emotions of a class, all equally likely.

  Args:
    rng: source of randomness.
    label: one of `CLASSES`.
  """
  choices = [emotion for emotion, of in CLASS_OF.items() if of == label]
  return choices[rng.integers(len(choices))]


def combination(
    rng: np.random.Generator, emotion: str, *, overlap: float, incidental: float
) -> dict[int, float]:
  """The action units of one clip and how strongly each contracts (about 1).

  Args:
    rng: source of randomness.
    emotion: a key of `COMBINATIONS`.
    overlap: probability that the face shows what is typical of another emotion.
    incidental: probability of one more unit, weaker, that has nothing to do with it.
  """
  if rng.random() < overlap:
    others = [other for other in COMBINATIONS if CLASS_OF[other] != CLASS_OF[emotion]]
    emotion = others[rng.integers(len(others))]
  sets = list(COMBINATIONS[emotion])
  weights = np.array([COMBINATIONS[emotion][units] for units in sets])
  chosen = sets[rng.choice(len(sets), p=weights / weights.sum())]
  strength = {unit: float(np.exp(rng.normal(0., .2))) for unit in chosen}
  extra = INCIDENTAL[rng.integers(len(INCIDENTAL))]
  weak = float(rng.uniform(.3, .7))
  if rng.random() < incidental and extra not in strength:
    strength[extra] = weak
  return dict(sorted(strength.items()))
