"""Tasks: drawn as numbers of clips, then gathered; both inside a compiled program.

What is drawn depends on labels, people and masks alone, so where the clips do not fit
on the device their numbers are drawn ahead and the clips brought to it in blocks.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int, Key, PyTree
import numpy as np

from lightman_jax.inputs.pool import Inputs, Pool, members, read_inputs
from lightman_jax.units import short_repr

Labels = Int[Array, 'n'] | Float[Array, 'n K']
"""Of n clips: the number of a class, 0 ... K - 1; where a clip may be of several, their
set as the bits of a number, see `pool.members`; of a query whose clips are mixed, the
share of each class."""


class Examples(NamedTuple):
  """One side of a task: n micro clips, class after class, and m macro clips.

  Where action units are learned beside the classes, `units` has those that act in a
  clip, as the bits of a number, and -1 where nobody coded them.
  """
  x: Float[Array, 'n *clip']
  label: Labels
  macro: Float[Array, 'm *clip']       # unpaired; m may be 0
  macro_label: Int[Array, 'm']         # a number as in `label`; -1 where unknown
  units: Int[Array, 'n'] | None = None
  macro_units: Int[Array, 'm'] | None = None
  __repr__ = short_repr


class Task(NamedTuple):
  """What is adapted to, and what judges the adapted model; of different people.

  Example:
    >>> task.support.x.shape, task.query.label                    # doctest: +SKIP
  """
  support: Examples
  query: Examples
  __repr__ = short_repr

  @property
  def everything(self) -> Examples:
    """Both sides as one batch."""
    support, query = self
    if query.label.ndim > support.label.ndim:     # the query's clips are mixed
      support = support._replace(label=jax.nn.one_hot(
          support.label, query.label.shape[-1], dtype=query.label.dtype))
    return jax.tree.map(lambda *x: jnp.concatenate(x), support, query)


class Side(NamedTuple):
  """One side of a task as numbers of clips; labels as the fold has them."""
  micro: Int[Array, 'n']
  macro: Int[Array, 'm']
  label: Int[Array, 'n']
  macro_label: Int[Array, 'm']
  units: Int[Array, 'n'] | None = None           # see `Examples`
  macro_units: Int[Array, 'm'] | None = None     # likewise
  __repr__ = short_repr


class Drawn(NamedTuple):
  """A task as numbers of clips."""
  support: Side
  query: Side
  __repr__ = short_repr


class ClipTable(NamedTuple):
  """Whose each of N clips is, and of what kind; the same for all folds.

  Labels stand in a fold's view alone, so that nothing learns those that a fold is not
  to see.
  """
  subject: Int[Array, 'N']
  macro: Bool[Array, 'N']              # False: a micro clip
  foreign: Bool[Array, 'N']            # of another data set, for every fold's training
  __repr__ = short_repr


class FoldView(NamedTuple):
  """What is one fold's own of N clips."""
  train: Bool[Array, 'N']
  label: Int[Array, 'N']               # -1 where none; in some folds wrong on purpose
  scale: Float[Array, '2 c']           # divides micro, macro clips
  units: Int[Array, 'N'] | None = None       # of training clips; see `Examples`
  __repr__ = short_repr


class Clips(NamedTuple):
  """N clips as one fold sees them; whatever only draws is given no `x`."""
  x: Float[Array, 'N *clip']           # or in files; see `pool.Inputs`
  table: ClipTable
  view: FoldView
  __repr__ = short_repr


def fold_clips(pool: Pool, train: Bool[np.ndarray, 'N'],
               scale: Float[np.ndarray, '2 c'],
               label: Int[np.ndarray, 'N'] | None = None,
               units: Int[np.ndarray, 'N'] | None = None) -> Clips:
  """The clips of a pool as a fold sees them.

  Args:
    pool: N clips.
    train: which are the fold's training clips.
    scale: divides micro, macro clips; see `pool.channel_scale`.
    label: as the fold has them; None: the pool's.
    units: of each clip, where they are learned beside the classes.
  """
  label = pool.label if label is None else label
  # NumPy's arrays, and files, until a program takes them.
  table = ClipTable(pool.subject, pool.macro, pool.foreign)  # pyright: ignore[reportArgumentType]
  view = FoldView(train, label, scale, units)  # pyright: ignore[reportArgumentType]
  return Clips(pool.x, table, view)  # pyright: ignore[reportArgumentType]


class Sizes(NamedTuple):
  """What a task holds: clips a class on each side, and macro clips in all."""
  classes: int
  shots: int
  queries: int
  macros: int = 0
  # Above 0: in the place of macro clips stand micro clips of the support's people, so
  # many times as strong.
  magnification: float = 0.
  multi_label: bool = False    # a label is a set of classes; see `pool.members`


def draw(key: Key[Array, ''], allowed: Bool[Array, 'N'], size: int,
         weight: Float[Array, 'N'] | None = None) -> Int[Array, '_size']:
  """Indices of `size` allowed clips, none twice until each was taken once.

  At least one clip must be allowed: `plan_splits` has seen to that. Weights make a
  clip likelier to come early (Efraimidis and Spirakis 2006, by Gumbel noise).

  Args:
    key: of the draw.
    allowed: which of the N clips.
    size: how many clips.
    weight: of each clip; None: all are equally likely.
  """
  size_available = min(size, len(allowed))
  score = jax.random.gumbel(key, allowed.shape)
  if weight is not None:
    score += jnp.log(weight)
  best = jax.lax.top_k(jnp.where(allowed, score, -jnp.inf), size_available)[1]
  available = jnp.clip(allowed.sum(), 1, size_available)
  return best[jnp.arange(size) % available]


def draw_classes(key: Key[Array, ''], table: ClipTable, view: FoldView,
                 allowed: Bool[Array, 'N'], classes: int, each: int,
                 multi_label: bool = False) -> Int[Array, '_n']:
  """`each` allowed micro clips of every class, class after class.

  Args:
    key: of the draw.
    table: of the clips.
    view: the fold's; its labels count.
    allowed: which of the N clips.
    classes: how many there are.
    each: clips of a class.
    multi_label: a clip may be of several classes, and drawn for each of them; for one
      of which there is no clip any allowed clip is drawn.
  """
  def of_class(key, k):
    if not multi_label:
      return draw(key, allowed & ~table.macro & (view.label == k), each)
    known = allowed & ~table.macro & (view.label >= 0)
    mine = known & (view.label >> k & 1 == 1)
    return draw(key, jnp.where(mine.any(), mine, known), each)
  return jax.vmap(of_class)(
      jax.random.split(key, classes), jnp.arange(classes)).reshape(-1)


def draw_macro(key: Key[Array, ''], table: ClipTable, view: FoldView,
               allowed: Bool[Array, 'N'], classes: int, size: int,
               multi_label: bool = False) -> Int[Array, '_m']:
  """`size` macro clips of allowed subjects or of another data set.

  A class is drawn as often as any other, however many macro clips it has: the micro
  clips they are aligned with are balanced, too. Clips without a class count as one more
  class; where a label is a set of classes, they come after all others.

  Args:
    key: of the draw.
    table: of the clips.
    view: the fold's.
    allowed: clips of the subjects whose macro clips may be drawn.
    classes: how many there are.
    size: clips of all classes together.
    multi_label: a clip counts for each of its classes.
  """
  mine = view.train & table.macro & (allowed | table.foreign)
  of_class = (members(view.label, classes) if multi_label else
              jax.nn.one_hot(view.label + 1, classes + 1)) * mine[:, None]
  weight = of_class @ (1 / jnp.maximum(of_class.sum(0), 1))
  return draw(key, mine, size, jnp.maximum(weight, 1e-9))


def gather(x: Float[Array, 'N *clip'], scale: Float[Array, '2 c'], side: Side,
           magnification: float) -> Examples:
  """Gathers clips; a magnified one is divided by the scale of a micro clip.

  Args:
    x: all clips.
    scale: divides micro clips, macro clips.
    side: the clips' numbers.
    magnification: how many times as strong macro clips become; 0: as they are.
  """
  scale_macro = scale[0] / magnification if magnification else scale[1]
  return Examples(x[side.micro] / scale[0], side.label,
                  x[side.macro] / scale_macro, side.macro_label, side.units,
                  side.macro_units)


def side_of(view: FoldView, micro: Int[Array, 'n'], macro: Int[Array, 'm']) -> Side:
  """Numbers of clips with their labels.

  Args:
    view: the fold's.
    micro: numbers of micro clips.
    macro: numbers of macro clips.
  """
  side = Side(micro, macro, view.label[micro], view.label[macro])
  return side if view.units is None else side._replace(
      units=view.units[micro], macro_units=view.units[macro])


def draw_support(key: Key[Array, ''], table: ClipTable, view: FoldView,
                 allowed: Bool[Array, 'N'], sizes: Sizes) -> Side:
  """A support of allowed training clips, balanced over classes, and its macro clips.

  Args:
    key: of the draw.
    table: of the clips.
    view: the fold's.
    allowed: clips of the subjects of the support.
    sizes: of a task.
  """
  key_micro, key_macro = jax.random.split(key)
  micro = draw_classes(key_micro, table, view, allowed & view.train, sizes.classes,
                       sizes.shots, sizes.multi_label)
  if sizes.magnification:
    macro = draw_classes(key_macro, table, view, allowed & view.train, sizes.classes,
                         -(-sizes.macros // sizes.classes), sizes.multi_label
                         )[:sizes.macros]
  elif sizes.macros:
    macro = draw_macro(key_macro, table, view, allowed, sizes.classes, sizes.macros,
                       sizes.multi_label)
  else:
    macro = micro[:0]
  return side_of(view, micro, macro)


def draw_task(key: Key[Array, ''], table: ClipTable, view: FoldView,
              splits: Bool[Array, 'P S'], split_count: int | Int[Array, ''],
              sizes: Sizes) -> Drawn:
  """A task whose support and query come from disjoint sets of training subjects.

  Its macro clips come from the support's subjects or from another data set; the query
  is judged by recognition alone and holds none. The first `split_count` of the splits
  count: the rest are there so that folds have arrays of one shape.

  Args:
    key: of the task.
    table: of the clips.
    view: the fold's.
    splits: of the subjects, True for the support's side.
    split_count: how many of the splits count.
    sizes: of a task.
  """
  key_split, key_support, key_query = jax.random.split(key, 3)
  of_support = splits[jax.random.randint(key_split, (), 0, split_count)][table.subject]
  query = draw_classes(key_query, table, view, ~of_support & view.train, sizes.classes,
                       sizes.queries, sizes.multi_label)
  return Drawn(draw_support(key_support, table, view, of_support, sizes),
               side_of(view, query, query[:0]))


def gather_task(x: Float[Array, 'N *clip'], scale: Float[Array, '2 c'], drawn: Drawn,
                magnification: float) -> Task:
  """The clips of a task.

  Args:
    x: all clips.
    scale: divides micro clips, macro clips.
    drawn: the task as numbers.
    magnification: see `gather`; the query is never magnified.
  """
  return Task(gather(x, scale, drawn.support, magnification),
              gather(x, scale, drawn.query, 0.))


def sample_support(key: Key[Array, ''], clips: Clips, allowed: Bool[Array, 'N'],
                   sizes: Sizes) -> Examples:
  """`draw_support`, gathered.

  Args:
    key: of the draw.
    clips: as the fold sees them.
    allowed: clips of the subjects of the support.
    sizes: of a task.
  """
  drawn = draw_support(key, clips.table, clips.view, allowed, sizes)
  return gather(clips.x, clips.view.scale, drawn, sizes.magnification)


def sample_task(key: Key[Array, ''], clips: Clips, splits: Bool[Array, 'P S'],
                split_count: int | Int[Array, ''], sizes: Sizes) -> Task:
  """`draw_task`, gathered.

  Args:
    key: of the task.
    clips: as the fold sees them.
    splits: of the subjects, True for the support's side.
    split_count: how many of the splits count.
    sizes: of a task.
  """
  drawn = draw_task(key, clips.table, clips.view, splits, split_count, sizes)
  return gather_task(clips.x, clips.view.scale, drawn, sizes.magnification)


# Clips of tasks that are drawn already, brought together: each once, in one array.

def max_clips(drawn: PyTree, clips: int) -> int:
  """The most clips that tasks, a tree of `Side`, can hold of `clips` in all.

  Args:
    drawn: tasks.
    clips: how many there are.
  """
  return min(sum(side.micro.size + side.macro.size for side in _sides(drawn)), clips)


def bring_clips(x: Inputs, drawn: PyTree, size: int
                ) -> tuple[Float32[np.ndarray, 'size *clip'], PyTree]:
  """The clips that are drawn, and the same tasks by their numbers among these.

  Args:
    x: all clips.
    drawn: a tree of `Side`, of any shape; on the host.
    size: of the array, so that one program takes all of them; see `max_clips`. What is
      left over is zero, and no number points there.
  """
  parts = [part for side in _sides(drawn) for part in (side.micro, side.macro)]
  flat = np.concatenate([np.ravel(part) for part in parts])
  numbers, place = np.unique(flat, return_inverse=True)
  out = np.zeros((size, *x.shape[1:]), np.float32)
  read_inputs(x, numbers, out[:len(numbers)])
  ends = np.cumsum([part.size for part in parts])[:-1]
  renumbered = iter([new.reshape(old.shape).astype(np.int32)
                     for old, new in zip(parts, np.split(place, ends))])
  return out, jax.tree.map(
      lambda side: side._replace(micro=next(renumbered), macro=next(renumbered)),
      drawn, is_leaf=_is_side)


def _sides(drawn: PyTree) -> list[Side]:
  return jax.tree.leaves(drawn, is_leaf=_is_side)


def _is_side(part) -> bool:
  return isinstance(part, Side)
