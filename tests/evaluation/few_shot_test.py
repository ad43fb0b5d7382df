"""Episodes are answered as their support says, alone, and within their classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax import keys
from lightman_jax.evaluation import few_shot
from lightman_jax.meta.learners import Learner, matchingnet, protonet
from lightman_jax.tasks.few_shot import Episodes, Form, plan_episodes
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.tasks.sampling import Sizes, fold_clips

KEY = keys.fold_key(0, 's1')
SIZES = Sizes(3, 1, 1)


@pytest.fixture(scope='module')
def pool(pool_of):
  return pool_of(subjects=4, micro=4, macro=2, classes=3, shape=(1, 2, 2, 2), foreign=1)


def fold_of(pool, number=1):
  fold = leave_one_subject_out(pool)[number]
  scale = np.array([[1., 2.], [3., 4.]], np.float32)
  return fold, fold_clips(pool, fold.train, scale)


def episodes_of(pool, *, origin='held_out_subject', episodes=600, seed=0, number=1,
                **form) -> Episodes:
  folds = leave_one_subject_out(pool)
  form = Form(**{'episodes': episodes, 'ways': 0, 'shots': 1, 'queries': 2,
                 'support': origin, **form})
  return plan_episodes(pool, folds, [pool.label] * len(folds), form,
                       seed=seed).folds[folds[number].held_out]


def saying(say, *, moving=()) -> Learner:
  """A learner whose fast parameters are its support, and `say` what it says of it."""
  return Learner(None, lambda params, support, key: _Adapted(support), say, None,
                 moving)


class _Adapted:
  """Stands for what adaptation returns."""

  def __init__(self, fast):
    self.fast = fast


@pytest.mark.parametrize('ways', [2, 3])
def test_a_prototype_by_hand(pool, small_net, ways):
  """The nearest mean of the support's embeddings, among the episode's classes."""
  _, clips = fold_of(pool)
  learner = protonet(small_net)
  params = small_net.init(jax.random.key(0), (1, 2, 2, 2))
  mine = episodes_of(pool, ways=ways, shots=2, episodes=60)
  answer = few_shot.make_answer(learner, sizes=SIZES, most=len(mine.classes) + 3)
  said, plain = answer({'encoder': params['encoder']}, KEY, clips, mine)
  assert plain is None and said.shape == mine.query.shape
  z = np.asarray(small_net.embed(params, jnp.asarray(pool.x / clips.view.scale[0])))
  for classes, support, query, answer in zip(*mine, said):
    means = z[support].reshape(ways, 2, -1).mean(1)
    gap = np.square(z[query][:, None] - means).sum(-1)
    np.testing.assert_array_equal(answer, classes[gap.argmin(1)])


def test_classes_that_are_not_in_the_episode_are_set_aside(pool):
  """Even where they are the likeliest, or have no number at all."""
  _, clips = fold_of(pool)
  mine = episodes_of(pool, ways=2, episodes=60)
  for absent in (9., np.nan):
    def say(support, x, absent=absent):
      here = jnp.zeros(3, bool).at[support.label].set(True)
      return jnp.broadcast_to(jnp.where(here, jnp.arange(3.), absent), (len(x), 3))
    answer = few_shot.make_answer(saying(say), sizes=SIZES, most=20)
    said, _ = answer({}, KEY, clips, mine)
    np.testing.assert_array_equal(said, mine.classes[:, 1:].repeat(4, 1))


@pytest.mark.parametrize('ways', [2, 3])
def test_what_a_support_holds(pool, ways):
  """Micro clips as drawn, macro clips of others alone and of the episode's classes."""
  fold, clips = fold_of(pool)
  numbers = np.arange(len(pool.label), dtype=np.float32)[:, None]
  clips = fold_clips(pool._replace(x=numbers), fold.train,
                     np.array([[1.], [2.]], np.float32))
  mine, seen = episodes_of(pool, ways=ways, episodes=60), []
  def say(support, x):
    jax.debug.callback(lambda *parts: seen.append(parts), support.x[:, 0],
                       support.label, support.macro[:, 0] * 2, x[:, 0])
    return jnp.zeros((len(x), 3))
  few_shot.make_answer(saying(say), sizes=SIZES._replace(macros=5),
                       most=len(mine.classes))({}, KEY, clips, mine)
  jax.effects_barrier()
  assert len(seen) == len(mine.classes)
  whole = lambda x: tuple(np.asarray(x).astype(int))
  want = sorted(map(whole, np.hstack(mine)))
  assert sorted(whole(label) + whole(x) + whole(query)
                for x, label, _, query in seen) == want
  for _, classes, macro, _ in seen:
    macro = np.asarray(macro).astype(int)
    assert fold.train[macro].all() and pool.macro[macro].all()
    assert set(pool.label[macro]) <= set(np.asarray(classes))
  assert len({tuple(np.asarray(part[2])) for part in seen}) > 5


def test_magnified_clips_are_the_supports_own_by_turns(pool):
  numbers = np.arange(len(pool.label), dtype=np.float32)[:, None]
  clips = fold_clips(pool._replace(x=numbers), fold_of(pool)[0].train,
                     np.array([[1.], [np.nan]], np.float32))
  mine, seen = episodes_of(pool, shots=2, episodes=60), []
  def say(support, x):
    jax.debug.callback(lambda *parts: seen.append(parts), support.x[:, 0],
                       support.macro[:, 0] / 4, support.macro_label)
    return jnp.zeros((len(x), 3))
  few_shot.make_answer(saying(say), sizes=SIZES._replace(macros=4, magnification=4.),
                       most=len(mine.classes))({}, KEY, clips, mine)
  jax.effects_barrier()
  for support, macro, label in seen:
    np.testing.assert_array_equal(macro, np.asarray(support)[[0, 2, 4, 1]])
    np.testing.assert_array_equal(label, [0, 1, 2, 0])


def test_the_model_not_adapted_stands_beside(pool):
  _, clips = fold_of(pool)
  mine = episodes_of(pool, episodes=60)
  say = lambda which, x: jnp.tile(which if isinstance(which, jax.Array)
                                  else jnp.eye(3)[1], (len(x), 1))
  learner = saying(say, moving=('head',))
  said, plain = few_shot.make_answer(learner, sizes=SIZES, most=30)(
      jnp.eye(3)[2], KEY, clips, mine)
  assert (said == 1).all() and (plain == 2).all() and plain.shape == said.shape


def test_a_fold_without_episodes_runs_nothing(pool):
  def never(*_):
    raise AssertionError
  learner = Learner(None, never, never, None)
  mine = jax.tree.map(lambda x: x[:0], episodes_of(pool))
  said, plain = few_shot.make_answer(learner, sizes=SIZES, most=9)(
      {}, KEY, fold_of(pool)[1], mine)
  assert said.shape == (0, 6) and plain is None


@pytest.mark.parametrize('method', [protonet, matchingnet])
@pytest.mark.parametrize('origin', ['held_out_subject', 'training_subjects'])
def test_an_untrained_learner_is_at_chance_where_there_is_nothing_to_see(
    pool_of, small_net, method, origin):
  """Noise alone: the mean over 2000 answers lies about 1/3."""
  pool = pool_of(subjects=4, micro=20, macro=0, classes=3, shape=(1, 2, 2, 2))
  _, clips = fold_of(pool)
  mine = episodes_of(pool, origin=origin, episodes=1400)
  params = {'encoder': small_net.init(jax.random.key(0), (1, 2, 2, 2))['encoder']}
  said, _ = few_shot.make_answer(method(small_net), sizes=SIZES, most=350)(
      params, KEY, clips, mine)
  # Sixty clips are asked about again and again, so it is their number that counts.
  assert abs((said == pool.label[mine.query]).mean() - 1 / 3) < 3 * np.sqrt(
      2 / 9 / 60)


def test_the_interval_of_the_field():
  rng = np.random.default_rng(0)
  accuracy = rng.uniform(size=600)
  low, high = few_shot.episode_interval(accuracy)
  mean = sum(accuracy) / 600
  sd = np.sqrt(sum((a - mean) ** 2 for a in accuracy) / 599)
  np.testing.assert_allclose([low, high], [mean - 1.96 * sd / 600 ** .5,
                                           mean + 1.96 * sd / 600 ** .5])
