"""Where in a clip its prediction comes from, and whether that is so.

What is looked into is the score of a class: its logit less the mean over all classes,
of all models that a prediction averages. To delete a place is to put there what stays
as it is: no motion, the frame of the onset, or the level of a ready picture.

Two maps: the gradient of the score times what a place differs from being deleted,
which is what its deletion would take away were the score linear (Shrikumar et al. 2017,
"Learning important features through propagating activation differences", section 2.2),
and what the score loses where a cell is deleted (Zeiler and Fergus 2014, "Visualizing
and understanding convolutional networks", section 4.2). The region that is named is the
one with the greatest sum of the first map over the square root of its size, so that
neither large nor small ones win by that. Whether this is true to the model is measured:
the region is deleted, and so are random ones of the same size and shape (Samek et al.
2017, "Evaluating the visualization of what a deep neural network has learned").
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int
import numpy as np

from lightman_jax import keys
from lightman_jax.errors import InputError
from lightman_jax.evaluation.predict import (
  Mirror,
  adapt_to_support,
  make_supports,
  predict_both,
  support_examples,
)
from lightman_jax.faces import landmarks
from lightman_jax.inputs.inputs import Settings
from lightman_jax.meta.learners import Learner
from lightman_jax.tasks.sampling import Clips, Sizes
from lightman_jax.training import compiled
from lightman_jax.units import short_repr

CELLS = 7         # of a side: each is deleted by itself
GRID = 4          # regions of a side, of pictures of which no landmark is known
AT_ONCE = 64      # clips of one call
# Random regions that the named one is compared with: so a clip takes one call.
RANDOM = AT_ONCE - CELLS**2 - 2
MOST_SHARED = .5  # of its pixels that a random region has in common with the named one

Scores = Callable[[Float[np.ndarray, 'n *clip']], Float[np.ndarray, 'n K']]
Gradient = Callable[[Float[np.ndarray, 'n *clip'], Int[np.ndarray, 'n']],
                    Float[np.ndarray, 'n *clip']]
Region = Mapping[str, Bool[np.ndarray, 'h w']]


class Attribution(NamedTuple):
  """Where the scores of n clips come from, in pixels of the inputs.

  Attributes:
    classes: whose score it is, of each clip.
    score: the logit of that class less the mean of all classes.
    gradient: map of gradient times input; positive speaks for the class.
    occlusion: what the score loses where the cell around a pixel is deleted.
    regions: the name of the region that speaks most for the class, of each clip.
    change: what the score loses where that region is deleted.
    random_change: what it changes by, up or down, where a random region of the same
      size and shape is: the mean over some.
    aligned: whether regions are those of the face; else they are cells of a grid.
  """
  classes: tuple[str, ...]
  score: Float[np.ndarray, 'n']
  gradient: Float[np.ndarray, 'n h w']
  occlusion: Float[np.ndarray, 'n h w']
  regions: tuple[str, ...]
  change: Float[np.ndarray, 'n']
  random_change: Float[np.ndarray, 'n']
  aligned: bool
  __repr__ = short_repr

  @property
  def faithful(self) -> Bool[np.ndarray, 'n']:
    """Whether deleting the named region changes more than deleting a random one."""
    return np.abs(self.change) > self.random_change


def check_kind(how: Settings) -> None:
  """Refuses inputs that have no places in a picture.

  Args:
    how: what the inputs are.

  Raises:
    InputError: they are landmarks, or rows of numbers.
  """
  if how.kind == 'landmarks':
    raise InputError('the maps of what carried a prediction are of pictures, and '
                     'inputs.kind=landmarks has none; of model.encoder=dere_grl the '
                     'actions are drawn instead')


def regions_of(height: int, width: int, *, aligned: bool) -> Region:
  """The regions that can be named: of the face, or of a grid over the picture.

  Args:
    height: of the inputs in pixels.
    width: of the inputs in pixels.
    aligned: whether the face is in its place.
  """
  if aligned:
    return landmarks.face_regions(height, width)
  rows, columns = (_parts(side, GRID) for side in (height, width))
  return {f'row {row + 1}, column {column + 1} of {GRID}':
          (rows == row)[:, None] & (columns == column)
          for row in range(rows.max() + 1) for column in range(columns.max() + 1)}


def cells_of(height: int, width: int) -> Bool[np.ndarray, 'cells h w']:
  """The cells that are deleted one by one; each pixel is in one.

  Args:
    height: of the inputs in pixels.
    width: of the inputs in pixels.
  """
  rows, columns = (_parts(side, CELLS) for side in (height, width))
  return np.stack([(rows == row)[:, None] & (columns == column)
                   for row in range(rows.max() + 1)
                   for column in range(columns.max() + 1)])


def by_cell(values: Float[np.ndarray, 'h w']) -> Float[np.ndarray, 'rows columns']:
  """The mean of a map over each cell.

  Args:
    values: of each pixel.
  """
  cells = cells_of(*values.shape)
  return np.array([values[cell].mean() for cell in cells]).reshape(
      min(CELLS, values.shape[0]), -1)


def _parts(side: int, count: int) -> Int[np.ndarray, 'side']:
  """The number of the part of each pixel, of so many as equal as can be."""
  return np.repeat(np.arange(min(count, side)), [
      len(part) for part in np.array_split(np.arange(side), min(count, side))])


def deleted(x: Float[np.ndarray, 'n t h w c'], how: Settings
            ) -> Float32[np.ndarray, 'n t h w c']:
  """Clips of which everything is deleted: what a place becomes that is.

  Args:
    x: inputs as the network's are made.
    how: what they are.
  """
  if how.kind == 'frames':
    return np.broadcast_to(x[:, :1], x.shape).astype(np.float32)
  if how.kind == 'picture' and how.centre != 'median':
    level = np.median(x, axis=(1, 2, 3), keepdims=True)
    return np.broadcast_to(level, x.shape).astype(np.float32)
  return np.zeros(x.shape, np.float32)


def random_regions(region: Bool[np.ndarray, 'h w'], rng: np.random.Generator
                   ) -> Bool[np.ndarray, 'n h w']:
  """Regions of the same pixels, moved over the picture and its borders.

  Args:
    region: to be moved.
    rng: draws where to.

  Returns:
    `RANDOM` of them, with no more than half of their pixels in common with it, unless
    there is no such.
  """
  height, width = region.shape
  shifts = [(down, right) for down in range(height) for right in range(width)]
  moved = np.stack([np.roll(region, shift, (0, 1)) for shift in shifts])
  shared = (moved & region).sum((1, 2)) / max(region.sum(), 1)
  usable = np.flatnonzero(shared <= MOST_SHARED)
  if not len(usable):
    usable = np.flatnonzero(shared <= shared.min())
  return moved[rng.choice(usable, RANDOM)]


def attribute(scores: Scores, gradient: Gradient, x: Float[np.ndarray, 'n t h w c'],
              of: Int[np.ndarray, 'n'], *, classes: tuple[str, ...], how: Settings,
              aligned: bool) -> Attribution:
  """Looks into the scores of clips; every clip by itself.

  Args:
    scores: of clips, of each class.
    gradient: of each clip's score of a class, by the clip.
    x: inputs as the network's are made.
    of: whose score, of each clip.
    classes: names.
    how: what the inputs are.
    aligned: whether the face is in its place in them.

  Raises:
    InputError: the inputs are no pictures.
  """
  check_kind(how)
  if x.ndim != 5:
    raise InputError('the maps of what carried a prediction are of pictures, and these '
                     f'clips are {x.shape[1:]}')
  height, width = x.shape[2:4]
  cells = cells_of(height, width)
  regions = regions_of(height, width, aligned=aligned)
  blank = deleted(x, how)
  maps = (gradient(x, of) * (x - blank)).sum((1, 4))
  names = tuple(strongest_region(own, regions) for own in maps)
  rows = [_of_clip(scores, one, nothing, int(k), cells, regions[name])
          for one, nothing, k, name in zip(x, blank, of, names)]
  score, occlusion, change, other = zip(*rows) if rows else ((),) * 4
  return Attribution(
      tuple(classes[k] for k in of), np.array(score), maps,
      np.array(occlusion).reshape(len(x), height, width), names, np.array(change),
      np.array(other), aligned)


def strongest_region(values: Float[np.ndarray, 'h w'], regions: Region) -> str:
  """The region in which a map is strongest, whatever its size.

  Args:
    values: of each pixel; positive speaks for a class.
    regions: their pixels.
  """
  return max(regions, key=lambda name: float(
      values[regions[name]].sum() / np.sqrt(regions[name].sum())))


def _of_clip(scores: Scores, x, blank, k: int, cells, region
             ) -> tuple[float, np.ndarray, float, float]:
  """Score, occlusion, and what deleting the region and random ones changes."""
  others = random_regions(region, keys.generator(0, 'random regions'))
  masks = np.concatenate([np.zeros_like(cells[:1]), region[None], others, cells])
  values = scores(np.where(masks[:, None, :, :, None], blank, x))[:, k]
  lost = (values[0] - values).astype(np.float64)
  by_cell = lost[-len(cells):]
  return (float(values[0]), (by_cell[:, None, None] * cells).sum(0), float(lost[1]),
          float(np.abs(lost[2:2 + RANDOM]).mean()))


def above_mean(logits: Float[Array, 'n K']) -> Float[Array, 'n K']:
  """Scores: what all classes of a clip share decides nothing.

  Args:
    logits: of clips.
  """
  return logits - logits.mean(-1, keepdims=True)


def gradient_of(logits: Callable[[Array], Float[Array, 'n K']], x: Float[Array, '*n'],
                of: Int[Array, 'n']) -> Float[Array, '*n']:
  """The gradient of each clip's score of a class; inside a compiled program.

  Args:
    logits: of clips, each by itself.
    x: clips.
    of: the class of each.
  """
  return jax.grad(lambda x: jnp.take_along_axis(
      above_mean(logits(x)), of[:, None], 1).sum())(x)


def in_calls(call: Callable[..., Any], *arrays: np.ndarray, most: int = 0
             ) -> np.ndarray:
  """A compiled function of clips, in calls of one size or a smaller power of two.

  Args:
    call: of arrays with clips along their first axis, to such an array.
    arrays: of all clips, at least one.
    most: clips of the one size that all calls are filled up to; 0: a power of two.
  """
  parts = []
  for first in range(0, len(arrays[0]), most or AT_ONCE):
    some = [array[first:first + (most or AT_ONCE)] for array in arrays]
    size = most or 1 << (len(some[0]) - 1).bit_length()
    parts.append(np.asarray(call(*(np.resize(one, (size, *one.shape[1:]))
                                   for one in some)))[:len(some[0])])
  return np.concatenate(parts)


def make_attribute(learner: Learner, *, sizes: Sizes, draws: int, most: int,
                   mirror: Mirror | None = None):
  """What looks into a fold's predictions, of the very models that make them.

  Args:
    learner: adapts and predicts.
    sizes: of a support.
    draws: supports.
    most: clips of a fold, so that all folds share one program.
    mirror: as of `predict.make_predict`.

  Returns:
    A function (params, fold key, clips, x (n, t, h, w, c), of, **`attribute`'s own) ->
    `Attribution`.
  """
  supports = make_supports(sizes=sizes, draws=draws)

  @compiled.jit
  def adapt(params, fold_key, drawn):
    return jax.lax.map(lambda both: adapt_to_support(
        learner, params, fold_key, both[1], both[0]),
                       (jnp.arange(draws), support_examples(drawn, sizes)))

  def logits(fast, scale, x):
    return jax.lax.map(
        lambda one: predict_both(learner, one, x / scale, mirror), fast).mean(0)
  score = compiled.jit(lambda fast, scale, x: above_mean(logits(fast, scale, x)))
  slope = compiled.jit(lambda fast, scale, x, of: gradient_of(
      lambda x: logits(fast, scale, x), x, of))

  def attribute_clips(params, fold_key, clips: Clips, x, of, **others) -> Attribution:
    drawn = supports(fold_key, clips)
    fast, scale = adapt(params, fold_key, drawn), drawn[-1][0]
    return attribute(
        lambda x: in_calls(lambda x: score(fast, scale, x), x),
        lambda x, of: in_calls(lambda x, of: slope(fast, scale, x, of), x, of,
                               most=most),
        x, of, **others)
  return attribute_clips
