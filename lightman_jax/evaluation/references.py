"""Rows that stand beside every score, on the same folds: constant and ridge.

In this field a linear model on the same inputs is hard to beat, so a score means little
without one. Folds are masks: of a fold's held-out clips neither function reads the
label, and their inputs only to predict them.
"""

from typing import NamedTuple

from jaxtyping import Bool, Float, Int
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Inputs, Stored

# Ours, fixed before any score was seen and never tuned. Relative to the Gram's diagonal
# it means the same for every size of input and number of clips.
RELATIVE_PENALTY = .1

# Columns turned to float64 at once, so that large inputs are never held twice.
COLUMNS = 8192
COLUMN_BYTES = 2**27

# Clips that ridge is fitted to at most: its products take 8 n^2 bytes a channel. Of
# more, so many are drawn once for all folds, and every held-out clip is predicted.
MOST = 8192


class Answers(NamedTuple):
  """What a reference says of every clip that some fold holds out."""
  scores: Float[np.ndarray, 'N K']     # NaN where a clip is never held out
  prediction: Int[np.ndarray, 'N']     # -1 where a clip is never held out


def constant(label: Int[np.ndarray, '*folds N'], train: Bool[np.ndarray, 'F N'],
             test: Bool[np.ndarray, 'F N'], *, classes: int) -> Answers:
  """The most frequent class of each fold's training clips (the lowest of a tie).

  Scores are the class frequencies among the training clips. Labels may be a fold's
  own: a row a fold.

  Args:
    label: 0 ... classes - 1 wherever a mask holds; those of all folds, or a row a fold.
    train: micro clips to fit on, a row a fold.
    test: micro clips to predict, every clip in one fold at most.
    classes: how many there are.
  """
  label = np.broadcast_to(label, train.shape)
  _check(label, train, test, classes)
  scores = np.full((train.shape[1], classes), np.nan)
  for own, fit, held_out in zip(label, train, test):
    scores[held_out] = np.bincount(own[fit], minlength=classes) / fit.sum()
  return _answers(scores, test)


def ridge(x: Inputs, label: Int[np.ndarray, '*folds N'],
          train: Bool[np.ndarray, 'F N'], test: Bool[np.ndarray, 'F N'], *,
          classes: int, scale: Float[np.ndarray, 'F c'] | None = None,
          relative_penalty: float = RELATIVE_PENALTY) -> Answers:
  """One-vs-rest ridge regression on targets +-1, every class of equal total weight.

  Equal to scikit-learn's `RidgeClassifier(class_weight='balanced')` with alpha =
  `relative_penalty` times the mean diagonal of the training clips' Gram matrix
  (weighted and centred), but solved in the dual, since d is far above N here.

  Args:
    x: inputs (N, *clip), channels on the last axis; flattened here.
    label: 0 ... classes - 1 wherever a mask holds; those of all folds, or a row a fold.
    train: micro clips to fit on, a row a fold.
    test: micro clips to predict, every clip in one fold at most.
    scale: what each fold divides each channel by, from its training clips alone, such
      as `inputs.pool.channel_scale`; None takes the channels as they are.
    relative_penalty: see above; without a unit.

  Returns:
    Scores are the regression's outputs, -inf for a class without training clips. A
    held-out clip with NaN in it has NaN scores and is predicted as the first class.

  Raises:
    InputError: NaN or infinity in a training clip.
  """
  label = np.broadcast_to(label, train.shape)
  _check(label, train, test, classes)
  channels = 1 if scale is None else x.shape[-1]
  scale = np.ones((len(train), 1)) if scale is None else scale.astype(np.float64)
  known = _fitted(train)
  grams = _products(x, known, known, channels)
  scores = np.full((len(x), classes), np.nan)
  for number, held_out in enumerate(test):
    weigh = lambda products: np.tensordot(scale[number] ** -2, products, axes=1)
    gram, fit = weigh(grams), train[number, known]
    bad = np.flatnonzero(fit & ~np.isfinite(np.diagonal(gram)))
    if bad.size:
      raise InputError(
          f'the inputs of clip number {known[bad[0]]} are not finite, and fold '
          f'number {number} trains on it; look at that clip')
    outer = (gram[np.ix_(held_out, fit)] if len(known) == len(x) else
             weigh(_products(x, np.flatnonzero(held_out), known[fit], channels)))
    scores[held_out] = _fold(gram[np.ix_(fit, fit)], outer, label[number, known[fit]],
                             classes, relative_penalty)
  return _answers(scores, test)


def _fold(inner: Float[np.ndarray, 'n n'], outer: Float[np.ndarray, 'm n'],
          label: Int[np.ndarray, 'n'], classes: int,
          relative_penalty: float) -> Float[np.ndarray, 'm K']:
  """Scores of m held-out clips from products with and among n training clips."""
  size = np.bincount(label, minlength=classes)
  weight = (len(label) / np.maximum(size, 1) / np.count_nonzero(size))[label]
  mean = weight / weight.sum()
  target = np.where(label[:, None] == np.arange(classes), 1., -1.)
  intercept = mean @ target

  # Centring by the weighted mean leaves the intercept without a penalty.
  centred = inner - mean @ inner - (inner @ mean)[:, None] + mean @ inner @ mean
  outer = outer - mean @ inner - (outer @ mean)[:, None] + mean @ inner @ mean

  root = np.sqrt(weight)
  kernel = root[:, None] * centred * root
  # Where all training clips are one and the same, any penalty gives the intercept.
  penalty = relative_penalty * np.trace(kernel) / len(kernel) or 1.
  dual = np.linalg.solve(kernel + penalty * np.eye(len(kernel)),
                         root[:, None] * (target - intercept))
  scores = outer @ (root[:, None] * dual) + intercept
  return np.where(size > 0, scores, -np.inf)


def _fitted(train: Bool[np.ndarray, 'F N']) -> Int[np.ndarray, 'n']:
  """Numbers of the clips among which folds fit: all, or `MOST` training clips."""
  if train.shape[1] <= MOST:
    return np.arange(train.shape[1])
  training_clips = np.flatnonzero(train.any(0))
  drawn = np.random.default_rng(0).permutation(training_clips)[:MOST]
  return np.sort(drawn)


def _products(x: Inputs, these: Int[np.ndarray, 'm'], those: Int[np.ndarray, 'n'],
              channels: int) -> Float[np.ndarray, 'c m n']:
  """Products of pairs of clips, by channel, so that folds may weigh these.

  NaN in a clip stays in its row and column. Of clips, some columns are held at a time.
  """
  length = int(np.prod(x.shape[1:])) // channels
  size = max(256, min(COLUMNS, COLUMN_BYTES // (8 * max(len(these), len(those), 1))))
  total = np.zeros((channels, len(these), len(those)))
  same = these is those
  with np.errstate(invalid='ignore'):
    for start in range(0, length, size):
      stop = min(start + size, length)
      left = _columns(x, these, start * channels, stop * channels)
      right = left if same else _columns(x, those, start * channels, stop * channels)
      for channel in range(channels):
        part = left[:, channel::channels].astype(np.float64)
        other = part if same else right[:, channel::channels].astype(np.float64)
        total[channel] += part @ other.T
  return total


def _columns(x: Inputs, numbers: Int[np.ndarray, 'n'], start: int, stop: int
             ) -> Float[np.ndarray, 'n _']:
  if isinstance(x, Stored):
    return x.columns(numbers, start, stop)
  return np.asarray(x).reshape(len(x), -1)[numbers, start:stop]


def _answers(scores: np.ndarray, test: np.ndarray) -> Answers:
  best = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)
  return Answers(scores, np.where(test.any(0), best, -1))


def _check(label: np.ndarray, train: np.ndarray, test: np.ndarray,
           classes: int) -> None:
  if np.any(train & test):
    raise ValueError('a clip is in both parts of a fold')
  if np.any(test.sum(0) > 1):
    raise ValueError('a clip is held out by two folds')
  if np.any(test.any(1) & ~train.any(1)):
    raise ValueError('a fold has no training clips')
  used = label[train]
  if np.any((used < 0) | (used >= classes)):
    raise ValueError(f'a training label lies outside 0 ... {classes - 1}')
