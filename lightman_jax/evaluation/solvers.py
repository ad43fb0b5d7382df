"""Linear models in the dual: from products of clips to scores.

Inputs have far more numbers than there are clips, so that products of pairs of clips,
made once for all folds, are all that a fold needs.
"""

from jaxtyping import Float, Int
import numpy as np

from lightman_jax.inputs.pool import Inputs, Stored

# Columns turned to float64 at once, so that large inputs are never held twice.
COLUMNS = 8192
COLUMN_BYTES = 2**27
SVM_MOST = 4096     # clips that an SVM is fitted to; its time grows faster than n^2


def products(x: Inputs, these: Int[np.ndarray, 'm'], those: Int[np.ndarray, 'n'],
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


def balance(label: Int[np.ndarray, 'n']) -> Float[np.ndarray, 'n']:
  """Weights of mean 1 by which all classes that there are have the same total."""
  size = np.bincount(label)
  return (len(label) / np.maximum(size, 1) / max(np.count_nonzero(size), 1))[label]


def ridge_scores(inner: Float[np.ndarray, 'n n'], outer: Float[np.ndarray, 'm n'],
                 label: Int[np.ndarray, 'n'], weight: Float[np.ndarray, 'n'], *,
                 classes: int, penalty: float, copies: int = 1
                 ) -> Float[np.ndarray, 'm K']:
  """Scores of m held-out clips from products with and among n training clips.

  The penalty is relative, so how many copies of a clip there are does not matter.
  """
  del copies
  size = np.bincount(label, minlength=classes)
  mean = weight / weight.sum()
  target = np.where(label[:, None] == np.arange(classes), 1., -1.)
  intercept = mean @ target

  # Centring by the weighted mean leaves the intercept without a penalty.
  centred = inner - mean @ inner - (inner @ mean)[:, None] + mean @ inner @ mean
  outer = outer - mean @ inner - (outer @ mean)[:, None] + mean @ inner @ mean

  root = np.sqrt(weight)
  kernel = root[:, None] * centred * root
  # Where all training clips are one and the same, any penalty gives the intercept.
  alpha = penalty * np.trace(kernel) / len(kernel) or 1.
  dual = np.linalg.solve(kernel + alpha * np.eye(len(kernel)),
                         root[:, None] * (target - intercept))
  scores = outer @ (root[:, None] * dual) + intercept
  return np.where(size > 0, scores, -np.inf)


def svm_scores(inner: Float[np.ndarray, 'n n'], outer: Float[np.ndarray, 'm n'],
               label: Int[np.ndarray, 'n'], weight: Float[np.ndarray, 'n'], *,
               classes: int, penalty: float, copies: int = 1
               ) -> Float[np.ndarray, 'm K']:
  """The same by scikit-learn's SVC, pairs of classes against each other."""
  # It takes most of a second to import, and few who import this module fit one.
  from sklearn.svm import SVC
  keep = draw_numbers(len(label), SVM_MOST)
  inner, outer = inner[np.ix_(keep, keep)], outer[:, keep]
  label, weight = label[keep], weight[keep]
  scores = np.full((len(outer), classes), -np.inf)
  present = np.unique(label)
  finite = np.isfinite(outer).all(1)
  if len(present) == 1:
    scores[:, present[0]] = 0.
  elif finite.any():
    model = SVC(kernel='precomputed', C=penalty * copies)
    model.fit(inner, label, sample_weight=weight)
    decisions = model.decision_function(outer[finite])
    if len(present) == 2:
      decisions = np.stack([-decisions, decisions], 1)
    scores[np.ix_(finite, present)] = decisions
  scores[~finite] = np.nan
  return scores


SOLVERS = {'ridge': ridge_scores, 'svm': svm_scores}


def draw_numbers(count: int, most: int) -> Int[np.ndarray, 'n']:
  """Sorted numbers below `count`: all, or `most` that are the same every time."""
  if count <= most:
    return np.arange(count)
  return np.sort(np.random.default_rng(0).permutation(count)[:most])


def area_weights(side: int, least: int) -> Float[np.ndarray, 'half side']:
  """Averages pairs of neighbours; of an odd number, parts of a pixel to either side.

  Args:
    side: how many pixels.
    least: cells that are left; where halves would be fewer, each pixel stays as it is.
  """
  half = side // 2 if side // 2 >= least else side
  edge, pixel = np.arange(half + 1) * side / half, np.arange(side)
  overlap = (np.minimum(edge[1:, None], pixel + 1)
             - np.maximum(edge[:-1, None], pixel))
  return np.maximum(overlap, 0) * half / side
