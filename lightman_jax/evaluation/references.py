"""Rows that stand beside every score, on the same folds: constant and linear models.

In this field a linear model on the same inputs is hard to beat, so a score means little
without one. Folds are masks: of a fold's held-out clips no function reads the label,
and their inputs only to predict them.

`ridge` and `svm` are made as well as linear models of these inputs are known to be: of
local means, about a level that is no motion, of clips and their mirror images, with a
penalty that some of a fold's training people choose for others of them. `ridge_raw` is
a ridge on the inputs as they are, at a penalty that nobody chose.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import functools
from typing import NamedTuple

import jax
from jaxtyping import Bool, Float, Int
import numpy as np
import threadpoolctl

from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores as measures, solvers
from lightman_jax.inputs.augmentation import mirror
from lightman_jax.inputs.inputs import divide_by_rms, subtract_median
from lightman_jax.inputs.pool import Content, Inputs, Stored
from lightman_jax.tasks.folds import spread_evenly
from lightman_jax.training import compiled
from lightman_jax.units import short_repr

# Of `ridge_raw`; ours, fixed before any score was seen and never tuned. Relative to the
# Gram's diagonal it means the same for every size of input and number of clips.
RELATIVE_PENALTY = .1

# What `ridge` and `svm` choose from, the strongest penalty first: a decade to either
# side of 1, which is the scale of rows that are brought to a mean norm of 1.
PENALTIES = (10., 3., 1., .3, .1)        # relative, as that of `ridge_raw`
COSTS = (.1, .3, 1., 3., 10.)            # C of each copy of a clip
CHOICES = {'ridge': PENALTIES, 'svm': COSTS}
INNER_SPLITS = 5                         # of a fold's training people
INNER_MOST = 1024                        # training clips that a penalty is chosen on

# Clips that a linear model is fitted to at most: its products take 8 n^2 bytes a
# channel. Of more, so many are drawn once for all folds, and every held-out clip is
# predicted. Local means are held in memory.
MOST = 8192
FEATURE_BYTES = 2**30
CELLS = 14               # along a side, that local means leave at least
CHUNK_BYTES = 2**26     # of inputs that are read at once to be turned into local means


class Answers(NamedTuple):
  """What a reference says of every clip that some fold holds out."""
  scores: Float[np.ndarray, 'N K']     # NaN where a clip is never held out
  prediction: Int[np.ndarray, 'N']     # -1 where a clip is never held out
  penalty: tuple[float, ...] = ()      # that each fold chose: C of `svm`
  __repr__ = short_repr


class Extra(NamedTuple):
  """M labelled clips that are fitted to beside the micro ones: macro-expressions.

  They have a scale and a balance of classes of their own. A weight of 1 is that of a
  micro clip; a clip of weight 0 has no part in a fold, such as all of its held-out
  people's.
  """
  x: Inputs                            # (M, *clip)
  label: Int[np.ndarray, 'M']
  subject: Int[np.ndarray, 'M']        # numbered as those of the micro clips
  weight: Float[np.ndarray, 'F M']
  __repr__ = short_repr


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
          classes: int, subject: Int[np.ndarray, 'N'], content: Content,
          extra: Extra | None = None, penalties: Sequence[float] = PENALTIES
          ) -> Answers:
  """Ridge regression on local means of clips and their mirror images.

  The model of `ridge_raw`, on other inputs and with a penalty that each fold chooses:
  see `linear`, which takes the same arguments.
  """
  return linear(x, label, train, test, classes=classes, subject=subject,
                content=content, extra=extra, models={'ridge': penalties})['ridge']


def svm(x: Inputs, label: Int[np.ndarray, '*folds N'],
        train: Bool[np.ndarray, 'F N'], test: Bool[np.ndarray, 'F N'], *,
        classes: int, subject: Int[np.ndarray, 'N'], content: Content,
        extra: Extra | None = None, costs: Sequence[float] = COSTS) -> Answers:
  """scikit-learn's linear `SVC`, every class of equal total weight; see `linear`.

  Equal to one that is fitted to clips and their mirror images, each with C times the
  weight of its class, and whose decisions on a clip and its mirror image are averaged.
  """
  return linear(x, label, train, test, classes=classes, subject=subject,
                content=content, extra=extra, models={'svm': costs})['svm']


def macro_only(x: Inputs, label: Int[np.ndarray, 'N'], macro: Bool[np.ndarray, 'N'],
               train: Bool[np.ndarray, 'F N'], test: Bool[np.ndarray, 'F N'], *,
               classes: int, subject: Int[np.ndarray, 'N'], content: Content
               ) -> Answers | None:
  """The SVM trained on macro-expressions alone: what transfers at all.

  No micro clip is fitted to, nor has a part in a scale or a penalty, so that each clip
  is divided by its own root mean square, those that are predicted, too.

  Args:
    x: inputs (N, *clip), channels on the last axis.
    label: 0 ... classes - 1; -1 of macro clips that have no class, which are left out.
    macro: which clips are macro-expressions.
    train: training clips, macro ones among them, a row a fold.
    test: micro clips to predict, every clip in one fold at most.
    classes: how many there are.
    subject: whose each clip is.
    content: what the inputs hold.

  Returns:
    As `linear`; None where a fold has macro clips of fewer than two classes.

  Raises:
    InputError: NaN or infinity in a training clip.
  """
  used = train & macro & (label >= 0)
  if any(len(np.unique(label[row])) < 2 for row in used):
    return None
  return svm(unit_clips(x, content), label, used, test, classes=classes,
             subject=subject, content=content)


def unit_clips(x: Inputs, content: Content) -> Inputs:
  """Each clip divided by its own root mean square, about its level of no motion.

  Args:
    x: inputs (N, *clip), in memory or in files.
    content: whether zero is that level; else it is the median of each channel.
  """
  if isinstance(x, Stored):
    return _UnitClips(x, content)
  x = np.asarray(x)
  if _is_map(content) and not content.amplitude_known:
    x = np.stack([subtract_median(clip) for clip in x]) if len(x) else x
  return divide_by_rms(x, tuple(range(1, x.ndim)))


class _UnitClips(Stored):
  """`unit_clips` of clips in files, made when they are read."""

  def __init__(self, x: Stored, content: Content):
    self._x, self._content = x, content
    self.shape, self.ndim = x.shape, x.ndim

  def __len__(self) -> int:
    return len(self._x)

  def __getitem__(self, index) -> np.ndarray:
    return unit_clips(self._x[index], self._content)


def linear(x: Inputs, label: Int[np.ndarray, '*folds N'],
           train: Bool[np.ndarray, 'F N'], test: Bool[np.ndarray, 'F N'], *,
           classes: int, subject: Int[np.ndarray, 'N'], content: Content,
           extra: Extra | None = None,
           models: Mapping[str, Sequence[float]] | None = None) -> dict[str, Answers]:
  """Ridge and SVM, which share all products of pairs of clips.

  Maps are averaged down by two in height and width, where `CELLS` are left. Where zero
  is not known to be no motion, the median of each channel of each clip is subtracted.
  Channels are divided by their root mean square over a fold's training clips, rows by
  the mean of their norms.
  A model fitted to clips and their mirror images alike does not change under mirroring
  (its loss is convex), so it is one of the mean of the two, which is what is fitted to,
  and the mean of its answers to both is its answer to that.

  The penalty is the one with the highest UF1 over inner splits, pooled: a fold's
  training people in `INNER_SPLITS` parts, each of them predicted by the others; of
  equally good ones the strongest.

  Args:
    x: inputs (N, *clip), channels on the last axis.
    label: 0 ... classes - 1 wherever a mask holds; those of all folds, or a row a fold.
    train: micro clips to fit on, a row a fold.
    test: micro clips to predict, every clip in one fold at most.
    classes: how many there are.
    subject: whose each clip is.
    content: what the inputs hold; arrays are fitted to as they are, with one scale.
    extra: what is fitted to beside them, and never predicted nor chosen by.
    models: 'ridge' or 'svm' to the penalties it chooses from; None: both.

  Returns:
    Of each model; scores are -inf for a class without training clips. A held-out clip
    with NaN in it has NaN scores and is predicted as the first class.

  Raises:
    InputError: NaN or infinity in a training clip.
  """
  label = np.broadcast_to(label, train.shape)
  _check(label, train, test, classes)
  models = CHOICES if models is None else models
  clips = _Known.choose(x, train, test, extra, content)
  scores = {name: np.full((len(x), classes), np.nan) for name in models}
  chosen = {name: [] for name in models}
  for held_out, fold, inner, outer in _folds(clips, label, train, test, subject,
                                             content):
    for name, penalties in models.items():
      solve = functools.partial(solvers.SOLVERS[name], classes=classes,
                                copies=1 if content.kind == 'array' else 2)
      best = _choose(solve, inner, fold, penalties, classes)
      chosen[name].append(best)
      scores[name][held_out] = solve(inner, outer, fold.label, _weights(fold),
                                     penalty=best)
  return {name: _answers(scores[name], test)._replace(penalty=tuple(chosen[name]))
          for name in models}


def describe_penalties(name: str, penalty: Sequence[float]) -> str:
  """What a model of `linear` chose, as results state it: values, and in how many folds.

  Args:
    name: 'ridge' or 'svm'.
    penalty: of each fold.
  """
  what = 'C' if name == 'svm' else 'relative penalty'
  values = ', '.join(f'{value:g} in {penalty.count(value)}'
                     for value in sorted(set(penalty)))
  return (f'{what} chosen inside each of {len(penalty)} folds by its training people: '
          f'{values}')


class _Fold(NamedTuple):
  """The n clips that a fold is fitted to."""
  label: Int[np.ndarray, 'n']
  subject: Int[np.ndarray, 'n']
  extra: Bool[np.ndarray, 'n']
  weight: Float[np.ndarray, 'n']      # 1 of micro clips


class _Known(NamedTuple):
  """Micro clips and those beside them under one numbering: N micro ones come first."""
  x: Inputs
  extra: Extra | None
  known: Int[np.ndarray, 'n']         # sorted numbers of those that folds fit to

  @classmethod
  def choose(cls, x: Inputs, train, test, extra: Extra | None, content: Content
             ) -> '_Known':
    """All that a fold uses, or as many training clips as can be worked with."""
    size = int(np.prod(x.shape[1:])) // (4 if _is_map(content) else 1)
    most = max(1, min(MOST, FEATURE_BYTES // (4 * size)))
    used, fitted = np.flatnonzero((train | test).any(0)), np.flatnonzero(train.any(0))
    known = (used if len(used) <= most else
             fitted[solvers.draw_numbers(len(fitted), most)])
    if extra is not None:
      beside = np.flatnonzero((extra.weight > 0).any(0))
      known = np.r_[known, len(x) + beside[solvers.draw_numbers(len(beside), most)]]
    return cls(x, extra, known)

  def fold(self, number: int, label, train, subject
           ) -> tuple[_Fold, Int[np.ndarray, 'n']]:
    """What a fold is fitted to, and its places among the known."""
    micro = self.known[self.known < len(self.x)]
    own = micro[train[micro]]
    fit = np.flatnonzero(train[micro])
    parts = label[own], np.asarray(subject)[own]
    weight = np.ones(len(own))
    if self.extra is not None:
      beside = self.known[len(micro):] - len(self.x)
      used = beside[self.extra.weight[number, beside] > 0]
      fit = np.r_[fit, len(micro) + np.searchsorted(beside, used)]
      parts = (np.r_[parts[0], self.extra.label[used]],
               np.r_[parts[1], self.extra.subject[used]])
      weight = np.r_[weight, self.extra.weight[number, used]]
    return _Fold(*parts, np.arange(len(fit)) >= len(own), weight), fit

  def read(self, numbers: Int[np.ndarray, 'm']) -> Float[np.ndarray, 'm *clip']:
    """Clips, the micro ones first, as `numbers` are sorted."""
    own = numbers[numbers < len(self.x)]
    parts = [np.asarray(self.x[own])]
    if len(own) < len(numbers):
      parts.append(np.asarray(self.extra.x[numbers[len(own):] - len(self.x)]))
    return np.concatenate(parts)

  def with_held_out(self, held_out: Int[np.ndarray, 'm'], fit: Int[np.ndarray, 'n'],
                    rows: Float[np.ndarray, 'k p c'], grams: Float[np.ndarray, 'c k k'],
                    content: Content) -> Float[np.ndarray, 'c m n']:
    """Products of held-out clips with those that are fitted to, by channel."""
    if np.isin(held_out, self.known).all():
      return grams[:, np.searchsorted(self.known, held_out)][:, :, fit]
    new = _local_means(self, held_out, content)[0]
    return np.stack([new[..., c].astype(np.float64) @ rows[fit, :, c].T.astype(float)
                     for c in range(rows.shape[-1])])


def _folds(clips: _Known, label: Int[np.ndarray, 'F N'], train: Bool[np.ndarray, 'F N'],
           test: Bool[np.ndarray, 'F N'], subject: Int[np.ndarray, 'N'],
           content: Content) -> Iterator[tuple[np.ndarray, _Fold, np.ndarray,
                                               np.ndarray]]:
  """Of each fold whom it holds out, what it is fitted to, and the products of both."""
  rows, squares = _local_means(clips, clips.known, content)
  channels, everything = rows.shape[-1], np.arange(len(rows))
  grams = solvers.products(rows, everything, everything, channels)
  # On one thread: many small products, in one order however many cores there are.
  with threadpoolctl.threadpool_limits(1):
    for number, held_out in enumerate(test):
      fold, fit = clips.fold(number, label[number], train[number], subject)
      bad = np.flatnonzero(~np.isfinite(squares[fit]).all(1))
      if bad.size:
        raise InputError(
            f'the inputs of clip number {clips.known[fit[bad[0]]]} are not finite, and '
            f'fold number {number} trains on it; look at that clip')
      micro, own = _divisors(squares[fit], fold.extra, rows[0].size // channels)
      products = clips.with_held_out(np.flatnonzero(held_out), fit, rows, grams,
                                     content)
      outer = sum(part / (micro[c] * own[:, c]) for c, part in enumerate(products))
      inner = sum(part[np.ix_(fit, fit)] / np.multiply.outer(own[:, c], own[:, c])
                  for c, part in enumerate(grams))
      yield held_out, fold, inner, outer


def _divisors(squares: Float[np.ndarray, 'n c'], extra: Bool[np.ndarray, 'n'],
              length: int) -> tuple[Float[np.ndarray, 'c'], Float[np.ndarray, 'n c']]:
  """What channels are divided by: those of held-out clips, and of those fitted to.

  Root mean squares over training clips, times the mean norm that rows have by then.
  Clips beside the micro ones have their own, for macro-expressions move more.
  """
  divisor = np.empty_like(squares)
  for kind in (~extra, extra):
    if kind.any():
      rms = np.maximum(np.sqrt(squares[kind].mean(0)), 1e-8)
      norm = np.sqrt(length * (squares[kind] / rms ** 2).sum(1)).mean()
      divisor[kind] = rms * (norm or 1.)
  return divisor[~extra][0], divisor


def _is_map(content: Content) -> bool:
  return content.kind not in ('landmarks', 'array')


def _local_means(clips: _Known, numbers: Int[np.ndarray, 'm'], content: Content
                 ) -> tuple[Float[np.ndarray, 'm p c'], Float[np.ndarray, 'm c']]:
  """What is fitted to, see `linear`, and each channel's mean square without mirroring.

  Reads clips some at a time.
  """
  at_once = max(1, CHUNK_BYTES // (4 * int(np.prod(clips.x.shape[1:]))))
  rows, squares = [], []
  flip = compiled.jit(jax.vmap(functools.partial(mirror, content=content)))
  for first in range(0, len(numbers), at_once):
    x = clips.read(numbers[first:first + at_once])
    if content.kind == 'array':
      x = x.reshape(len(x), -1, 1)
    if _is_map(content):
      high, wide = (solvers.area_weights(side, CELLS) for side in x.shape[2:4])
      x = np.einsum('nthwc,ah,bw->ntabc', x, high, wide, optimize=True)
      if not content.amplitude_known:
        x = np.stack([subtract_median(clip) for clip in x])
    x = np.asarray(x, np.float32)
    squares.append(np.square(x, dtype=np.float64).mean(tuple(range(1, x.ndim - 1))))
    if content.kind != 'array':
      x = (x + np.asarray(flip(x))) / 2
    rows.append(x.reshape(len(x), -1, x.shape[-1]))
  return np.concatenate(rows), np.concatenate(squares)


def _choose(solve: Callable[..., np.ndarray], inner: Float[np.ndarray, 'n n'],
            fold: _Fold, penalties: Sequence[float], classes: int) -> float:
  """The penalty by which a fold's training people predict each other best."""
  keep = solvers.draw_numbers(len(inner), INNER_MOST)
  inner, fold = inner[np.ix_(keep, keep)], _Fold(*(part[keep] for part in fold))
  people, person = np.unique(fold.subject, return_inverse=True)
  counts = np.zeros((classes, len(people)), int)
  np.add.at(counts, (fold.label[~fold.extra], person[~fold.extra]), 1)
  micro = np.flatnonzero(counts.any(0)).tolist()
  if len(micro) < 2 or len(penalties) == 1:
    return penalties[len(penalties) // 2]
  confusion = np.zeros((len(penalties), classes, classes), int)
  for part in spread_evenly(counts, micro, min(INNER_SPLITS, len(micro))):
    apart = np.isin(person, part)
    validation, fit = np.flatnonzero(apart & ~fold.extra), np.flatnonzero(~apart)
    own = _Fold(*(values[fit] for values in fold))
    for place, penalty in enumerate(penalties):
      scores = solve(inner[np.ix_(fit, fit)], inner[np.ix_(validation, fit)], own.label,
                     _weights(own), penalty=penalty)
      confusion[place] += measures.confusion(
          fold.label[validation], scores.argmax(1), classes=classes)
  # Rounded, so that equal scores are equal on every machine.
  return penalties[int(np.argmax(np.round(measures.uf1(confusion), 9)))]


def _weights(fold: _Fold) -> Float[np.ndarray, 'n']:
  """Classes of equal total weight, among micro clips and among those beside them."""
  weight = fold.weight.copy()
  for kind in (~fold.extra, fold.extra):
    weight[kind] *= solvers.balance(fold.label[kind])
  return weight


def ridge_raw(x: Inputs, label: Int[np.ndarray, '*folds N'],
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
  grams = solvers.products(x, known, known, channels)
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
             weigh(solvers.products(x, np.flatnonzero(held_out), known[fit], channels)))
    own = label[number, known[fit]]
    scores[held_out] = solvers.ridge_scores(
        gram[np.ix_(fit, fit)], outer, own, solvers.balance(own), classes=classes,
        penalty=relative_penalty)
  return _answers(scores, test)


def _fitted(train: Bool[np.ndarray, 'F N']) -> Int[np.ndarray, 'n']:
  """Numbers of the clips among which folds fit: all, or `MOST` training clips."""
  if train.shape[1] <= MOST:
    return np.arange(train.shape[1])
  training_clips = np.flatnonzero(train.any(0))
  return training_clips[solvers.draw_numbers(len(training_clips), MOST)]


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
