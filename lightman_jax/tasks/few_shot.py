"""Few-shot test episodes: N ways, K shots, over held-out people.

Where the support comes from makes three different tasks, so it is part of the
protocol's name:

    training_subjects   support from training subjects, query from the fold's people
    held_out_subject    support and query are other clips of one held-out person
    held_out_dataset    support from some of the fold's people, query from the others

Everything is drawn on the host, before anything compiles, and is a function of the
seed, the fold and the episode's number. No clip is in an episode twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Bool, Int
import numpy as np

from lightman_jax import keys
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Pool
from lightman_jax.tasks.folds import Fold, count_clips
from lightman_jax.tasks.splits import candidate_splits
from lightman_jax.units import counted, short_repr

FEWEST = 3     # people; from fewer an interval over people says nothing
LEAST_SIDE = 2     # people on each side of a divided fold


class Form(NamedTuple):
  """What an episode is."""
  episodes: int
  ways: int          # classes of an episode; 0: all there are
  shots: int         # support clips of each
  queries: int       # query clips of each
  support: str       # as `evaluation.support` of a configuration


class Episodes(NamedTuple):
  """E test episodes of one fold, as indices into the pool."""
  classes: Int[np.ndarray, 'E W']      # of the pool, ascending
  support: Int[np.ndarray, 'E s']      # class after class
  query: Int[np.ndarray, 'E q']
  __repr__ = short_repr


class EpisodePlan(NamedTuple):
  """The episodes of every fold, and who is in them."""
  form: Form                       # its ways are resolved
  folds: dict[str, Episodes]       # by the fold's name
  people: tuple[str, ...]          # who have enough clips for a query
  held_out_people: int             # people who are held out by some fold
  __repr__ = short_repr


class _Sides(NamedTuple):
  """P splits of people: who gives the support, and who the query."""
  support: Bool[np.ndarray, 'P S']
  query: Bool[np.ndarray, 'P S']
  enough: Bool[np.ndarray, 'P K']      # classes with clips for both


def plan_episodes(pool: Pool, folds: Sequence[Fold],
                  labels: Sequence[Int[np.ndarray, 'N']], form: Form, *,
                  seed: int) -> EpisodePlan:
  """Draws all episodes; a fold has its share by how many of its people qualify.

  Args:
    pool: the clips.
    folds: which of them are whose.
    labels: as each fold believes them.
    form: of the episodes.
    seed: of the run.

  Raises:
    InputError: more ways than classes, or too few people with enough clips.
  """
  form = form._replace(ways=form.ways or len(pool.classes))
  if form.ways > len(pool.classes):
    raise InputError(f'evaluation.ways is {form.ways} and there are '
                     f'{counted(len(pool.classes), "class")}; 0 takes all of them')
  pools = [pool._replace(label=label) for label in labels]
  sides = [_sides(own_pool, fold, form, keys.generator(seed, 'sides', fold.held_out))
           for own_pool, fold in zip(pools, folds)]
  qualified = [_qualified(own_pool, fold, part)
               for own_pool, fold, part in zip(pools, folds, sides)]
  people = tuple(sorted(pool.subjects[s] for part in qualified for s in part))
  held_out_people = sum(len(np.unique(pool.subject[fold.test])) for fold in folds)
  if len(people) < FEWEST:
    raise InputError(_too_few(form, len(people), held_out_people))
  shares = _shares(form.episodes, [len(part) for part in qualified])
  episodes = {fold.held_out: _draw(own_pool, fold, part, form, share, seed)
              for own_pool, fold, part, share in zip(pools, folds, sides, shares)}
  return EpisodePlan(form, episodes, people, held_out_people)


def protocol_name(form: Form, classes: int, *, protocol: str) -> str:
  """What a figure says of its episodes; `protocol` is as `episodes.protocol`.

  Args:
    form: of the episodes; its ways are resolved.
    classes: of the pool.
    protocol: `episodes.protocol` of the configuration.
  """
  whole = 'data set' if protocol == 'leave_one_dataset_out' else 'fold'
  origin = {'training_subjects': 'training subjects',
            'held_out_subject': 'other clips of the same held-out subject',
            'held_out_dataset': f'other people of the held-out {whole}'}[form.support]
  return (f'few-shot, {form.ways} ways of {counted(classes, "class")}, '
          f'{form.shots}-shot, support from {origin}')


def describe_episodes(plan: EpisodePlan) -> str:
  """A line on how many people have enough clips.

  Args:
    plan: of all folds.
  """
  form = plan.form
  return (f'few-shot: {len(plan.people)} of '
          f'{counted(plan.held_out_people, "held-out person")} have enough clips for '
          f'{form.ways} ways of {form.shots} + {form.queries}, support from '
          f'{form.support}')


def count_distinct_episodes(plan: EpisodePlan) -> int:
  """How many episodes differ; with few clips there are fewer than were drawn.

  Args:
    plan: of all folds.

  Returns:
    The number of different pairs of a support and a query, in the same fold.
  """
  return len({(held_out, frozenset(support.tolist()), frozenset(query.tolist()))
              for held_out, part in plan.folds.items()
              for support, query in zip(part.support, part.query)})


def _sides(pool: Pool, fold: Fold, form: Form, rng: np.random.Generator) -> _Sides:
  """The splits that leave enough clips on both sides."""
  people = np.arange(len(pool.subjects))
  test = np.unique(pool.subject[fold.test])
  if form.support == 'held_out_subject':
    support = query = people == test[:, None]
  elif form.support == 'held_out_dataset':
    divisions = candidate_splits(len(test), rng)
    divisions = divisions[(divisions.sum(1) >= LEAST_SIDE)
                          & ((~divisions).sum(1) >= LEAST_SIDE)]
    support = np.zeros((len(divisions), len(people)), bool)
    support[:, test] = divisions
    query = np.isin(people, test) & ~support
  else:
    query = np.isin(people, test)[None]
    support = np.isin(people, pool.subject[fold.train])[None]
  counts = count_clips(pool, fold.train | fold.test)
  shots, queries = support @ counts.T, query @ counts.T             # (P, K)
  same = (support & query).any(1, keepdims=True)
  enough = np.where(same, shots >= form.shots + form.queries,
                    (shots >= form.shots) & (queries >= form.queries))
  usable = enough.sum(1) >= form.ways
  return _Sides(support[usable], query[usable], enough[usable])


def _qualified(pool: Pool, fold: Fold, sides: _Sides) -> Int[np.ndarray, 'Q']:
  """Numbers of those who give a query clip in some episode."""
  has = count_clips(pool, fold.test) > 0                                  # (K, S)
  return np.flatnonzero((sides.query & (sides.enough @ has)).any(0))


def _shares(episodes: int, people: Sequence[int]) -> list[int]:
  """Episodes in proportion to people, by cumulative rounding; they sum up."""
  ends = np.concatenate([[0], np.cumsum(people)]) * episodes // max(sum(people), 1)
  return np.diff(ends).tolist()


def _draw(pool: Pool, fold: Fold, sides: _Sides, form: Form, episodes: int,
          seed: int) -> Episodes:
  """Episodes of a fold; sides take turns, the rest is drawn."""
  drawn = [_episode(pool, fold, sides, form, number, keys.generator(
      seed, 'episode', fold.held_out, str(number))) for number in range(episodes)]
  shapes = [(form.ways,), (form.ways * form.shots,), (form.ways * form.queries,)]
  return Episodes(*(
      np.array([episode[part] for episode in drawn], np.int32).reshape(-1, *shape)
      for part, shape in enumerate(shapes)))


def _episode(pool, fold, sides: _Sides, form: Form, number: int,
             rng: np.random.Generator):
  turn = number % len(sides.support)
  candidate_clips = (fold.train | fold.test) & ~pool.macro
  support_side, query_side = (candidate_clips & side[turn][pool.subject]
                              for side in (sides.support, sides.query))
  classes = np.sort(rng.choice(np.flatnonzero(sides.enough[turn]), form.ways,
                               replace=False))
  support, query = [], []
  for k in classes:
    of_class = pool.label == k
    drawn = rng.permutation(np.flatnonzero(support_side & of_class))[:form.shots]
    rest = np.setdiff1d(np.flatnonzero(query_side & of_class), drawn)
    support.append(drawn)
    query.append(rng.permutation(rest)[:form.queries])
  return classes, np.concatenate(support), np.concatenate(query)


def _too_few(form: Form, people: int, held_out_people: int) -> str:
  condition = {
      'training_subjects':
          f'are in a fold that has {counted(form.queries, "clip")} in '
          f'{counted(form.ways, "class")} each',
      'held_out_subject':
          f'have {form.shots} + {counted(form.queries, "clip")} in '
          f'{counted(form.ways, "class")} each',
      'held_out_dataset':
          f'are in a fold that can be divided into {LEAST_SIDE} people or more who '
          f'have {counted(form.shots, "clip")} in {counted(form.ways, "class")} each, '
          f'and {LEAST_SIDE} or '
          f'more who have {form.queries}'}[form.support]
  return (f'evaluation.support={form.support}: {people} of {held_out_people} held-out '
          f'people {condition}, and few-shot episodes need {FEWEST} people or more; '
          'lower evaluation.shots, evaluation.queries or evaluation.ways, use other '
          'folds, or another evaluation.support')
