"""Action units as labels: merged, counted by fold, drawn; every value by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax.coupled_settings import MOST_UNITS, read_unit_numbers
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Content, Pool, members
from lightman_jax.tasks import action_units, sampling
from lightman_jax.tasks.folds import count_clips, leave_one_subject_out, make_folds
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.tasks.splits import plan_splits

LABELS = {'units': '', 'people': 2, 'clips': 2}


def pool_with(cells, macro=()) -> Pool:
  """A pool with a clip for each cell of each person; inputs are the clips' numbers."""
  rows = [(s, cell) for s, row in enumerate(cells) for cell in row]
  rows += [(s, cell) for s, cell in macro]
  n = len(rows)
  subject = np.array([s for s, _ in rows])
  return Pool(
      np.arange(n, dtype=np.float32)[:, None], np.zeros(n, np.int32), subject,
      np.arange(n) >= n - len(macro), np.zeros(n, bool),
      tuple(f's{s}' for s in range(len(cells))), tuple(f'c{k}' for k in range(n)),
      ('coded',), Content('flow', (1,), True),
      action_units=tuple(cell for _, cell in rows))


def with_units(pool, **labels):
  lines = []
  made, rare = action_units.with_units(
      pool, leave_one_subject_out(pool), {**LABELS, **labels}, lines.append)
  return made, rare, lines


def test_sides_and_intensities_of_a_unit_are_one():
  coding = action_units.read_coding(['L12+4B', 'R12', '12', '12R+A4', '?', '14or17'])
  assert coding.numbers == (4, 12, 14, 17)
  assert coding.known.tolist() == [True] * 4 + [False, True]
  assert coding.acts.astype(int).tolist() == [
      [1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0, 0, 1, 1]]


def test_a_label_is_which_units_act_and_minus_one_is_nobody_looked():
  acts = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1]], bool)
  label = action_units.encode(acts, np.array([True, True, True, False]))
  assert label.tolist() == [0, 5, 2, -1] and label.dtype == np.int32
  assert members(label, 3)[:3].tolist() == acts[:3].tolist()
  assert not members(label, 3)[3].any()
  np.testing.assert_array_equal(members(jnp.asarray(label), 3), members(label, 3))
  many = np.ones((1, MOST_UNITS), bool)
  assert members(action_units.encode(many, np.ones(1, bool)), MOST_UNITS).all()


@pytest.mark.parametrize('text, numbers', [
    ('', ()), ('1,2,4', (1, 2, 4)), ('AU12, au4 ,1', (1, 4, 12)), ('04', (4,))])
def test_units_are_named_by_number(text, numbers):
  assert read_unit_numbers(text) == numbers


@pytest.mark.parametrize('text, words', [
    ('1;2', "'1;2'"), ('mouth', 'no action unit'), ('1,AU01', 'AU1 twice'),
    (','.join(map(str, range(1, 33))), '32 units')])
def test_wrong_names_of_units_are_refused(text, words):
  with pytest.raises(InputError, match=words):
    read_unit_numbers(text)
  with pytest.raises(InputError, match=words):    # before a clip is read
    lm.settings('synthetic:debug', **{'labels.kind': 'action_units',
                                      'labels.units': text})


def test_clips_that_nobody_coded_are_left_out_by_name_and_macro_ones_stay():
  pool, lines = pool_with([['4', '?'], ['', '12']], macro=[(0, '')]), []
  coded = action_units.coded_pool(pool, lines.append)
  assert coded.clips == ('c0', 'c3', 'c4') and coded.macro.tolist() == [0, 0, 1]
  assert coded.x[:, 0].tolist() == [0, 3, 4]
  assert coded.action_units == ('4', '12', '')
  assert len(lines) == 1 and lines[0].endswith('c1, c2') and '2 clips' in lines[0]
  with pytest.raises(InputError, match='names no action unit of any clip'):
    action_units.coded_pool(pool_with([['?'], ['']]), lines.append)


def test_rare_units_are_told_by_name_and_the_others_are_the_classes():
  # Of AU4 each fold has two people; of AU12 the folds of s0 and s1 have one.
  pool = pool_with([['4', '12+4'], ['R4', '12'], ['L4', '9']])
  made, rare, lines = with_units(pool)
  assert made.classes == ('AU4',) and made.multi_label
  assert made.label.tolist() == [1, 1, 1, 0, 1, 0]
  assert list(rare) == ['AU9', 'AU12'] and len(lines) == 2
  assert '2 of 2 people' in rare['AU12'] and 'fold s0 1 of 1' in rare['AU12']
  assert 'labels.people' in lines[0] and 'AU9 is left out' in lines[0]
  named, rare, _ = with_units(pool, units='4,20')
  assert named.classes == ('AU4',) and list(rare) == ['AU20']
  with pytest.raises(InputError, match='no unit has 9 training clips'):
    with_units(pool, clips=9)


def test_enough_people_with_too_few_clips_are_rare_too():
  pool = pool_with([['4+12', '4+12', '12'], ['4+12', '12'], ['12+4', '12']])
  made, rare, _ = with_units(pool, clips=3)
  # Without s0 two of AU4's four clips are left.
  assert made.classes == ('AU12',) and list(rare) == ['AU4']
  assert 'fold s0 2 of 2' in rare['AU4']


def test_the_hash_of_the_data_covers_which_unit_acts_in_which_clip():
  one, other = ([['4', '12']] * 3, [['12', '4']] * 3)
  first, second = (with_units(pool_with(cells))[0] for cells in (one, other))
  assert action_units.sha256(first) != action_units.sha256(second)
  assert action_units.sha256(first) == action_units.sha256(with_units(
      pool_with([['L4', 'R12']] * 3))[0])


def test_folds_count_clips_of_each_unit():
  pool = with_units(pool_with([['4', '4+12'], ['12+4'], ['12', '4']]))[0]
  counts = count_clips(pool, np.ones(5, bool))
  assert counts.tolist() == [[2, 1, 1], [1, 1, 1]]


def test_a_split_has_as_many_units_on_both_sides_as_any():
  # Only s1 and s2 show AU12, so {s1}, {s2, ...} and {s2}, {s1, ...} are best.
  cells = [['4'], ['4+12'], ['12', '4'], ['4']]
  pool = with_units(pool_with(cells), people=1, clips=1)[0]
  fold = leave_one_subject_out(pool)[0]
  sides = plan_splits(pool, fold, shots=1, queries=1, own_macro=False,
                      rng=np.random.default_rng(0)).support
  assert {tuple(np.flatnonzero(side)) for side in sides} == {
      (1,), (2,), (1, 3), (2, 3)}


def test_tasks_show_each_unit_to_support_and_query_of_other_people():
  pool = with_units(pool_with([['4+12', '1']] + [['4', '12+1', '1+4']] * 4))[0]
  fold, sizes = leave_one_subject_out(pool)[0], Sizes(3, 2, 1, multi_label=True)
  splits = plan_splits(pool, fold, shots=2, queries=1, own_macro=False,
                       rng=np.random.default_rng(0)).support
  clips = jax.tree.map(jnp.asarray, fold_clips(pool, fold.train, np.ones((2, 1))))
  draw = jax.jit(jax.vmap(lambda key: sampling.draw_task(
      key, clips.table, clips.view, jnp.asarray(splits), len(splits), sizes)))
  drawn = jax.device_get(draw(jax.random.split(jax.random.key(0), 200)))
  assert drawn.support.micro.shape == (200, 6) and drawn.query.micro.shape == (200, 3)
  for side, each in ((drawn.support, 2), (drawn.query, 1)):
    acts = members(side.label, 3)                          # (200, n, 3)
    assert not np.isin(side.micro, np.flatnonzero(~fold.train)).any()
    np.testing.assert_array_equal(side.label, pool.label[side.micro])
    for k in range(3):
      assert acts[:, k * each:(k + 1) * each, k].all()
  people = pool.subject
  assert not any(set(people[s]) & set(people[q])
                 for s, q in zip(drawn.support.micro, drawn.query.micro))


def test_where_nobody_allowed_shows_a_unit_another_allowed_clip_is_drawn():
  pool = with_units(pool_with([['4+12'], ['4+12'], ['4', '4'], ['4']]))[0]
  clips = jax.tree.map(jnp.asarray, fold_clips(
      pool, np.ones(5, bool), np.ones((2, 1))))
  allowed = jnp.asarray(pool.subject >= 2)
  for seed in range(20):
    numbers = sampling.draw_classes(jax.random.key(seed), clips.table, clips.view,
                                    allowed, 2, 2, True)
    assert set(np.asarray(numbers).tolist()) <= {2, 3, 4}


def test_five_folds_are_of_the_same_people_whatever_is_told(pool_of):
  """Folds are cut before classes become units."""
  pool = pool_of(subjects=6, micro=2, macro=0, classes=2)
  cells = tuple('4+12' if n % 2 else '4' for n in range(len(pool.label)))
  folds = make_folds(pool._replace(action_units=cells), 'kfold', folds=3, seed=0,
                     dataset='made-up')
  made, _ = action_units.with_units(pool._replace(action_units=cells), folds, LABELS,
                                    lambda line: None)
  assert made.classes == ('AU4', 'AU12') and len(folds) == 3


# Units beside classes.

BESIDE = {**LABELS, 'units': '4,12', 'units_weight': .5}


def test_units_beside_classes_are_those_of_training_clips():
  pool = pool_with([['4', '12+1'], ['?', '4+12'], ['1', '12']])
  first, second, _ = leave_one_subject_out(pool)
  assert action_units.fold_units(pool, first, BESIDE).tolist() == [-1, -1, -1, 3, 0, 2]
  assert action_units.fold_units(pool, second, BESIDE).tolist() == [1, 2, -1, -1, 0, 2]
  assert action_units.fold_units(pool, first, LABELS) is None
  assert action_units.beside_classes({}) == () == action_units.beside_classes(LABELS)
  assert action_units.beside_classes({**BESIDE, 'units': ''}) == action_units.FACE
  assert len(action_units.FACE) <= MOST_UNITS


def test_a_held_out_person_may_be_coded_as_anything():
  cells = [['4', '12+1'], ['7', '4+12'], ['1', '12']]
  before = pool_with(cells)
  fold = leave_one_subject_out(before)[1]
  for changed in (['', ''], ['4+12', '1+2']):
    after = pool_with([cells[0], changed, cells[2]])
    np.testing.assert_array_equal(action_units.fold_units(after, fold, BESIDE),
                                  action_units.fold_units(before, fold, BESIDE))


def test_a_fold_without_coded_training_clips_is_refused():
  pool = pool_with([['4', '12+1'], ['?', ''], ['', '']])
  fold = leave_one_subject_out(pool)[0]
  with pytest.raises(InputError, match='s0 has no training clip of which an action'):
    action_units.fold_units(pool, fold, BESIDE)


def test_tasks_hold_the_units_of_their_clips():
  pool = pool_with([['4', '12'], ['4+12', '4'], ['1', '12']],
                   macro=[(0, '12'), (1, '')])
  pool = pool._replace(label=np.arange(8, dtype=np.int32) % 2, classes=('a', 'b'))
  fold = leave_one_subject_out(pool)[2]
  units = action_units.fold_units(pool, fold, BESIDE)
  clips = jax.tree.map(jnp.asarray, fold_clips(
      pool, fold.train, np.ones((2, 1), np.float32), units=units))
  drawn = sampling.draw_task(jax.random.key(0), clips.table, clips.view,
                             jnp.array([[True, False, False]]), 1, Sizes(2, 1, 1, 2))
  for side in drawn:
    np.testing.assert_array_equal(side.units, units[side.micro])
    np.testing.assert_array_equal(side.macro_units, units[side.macro])
  task = sampling.gather_task(clips.x, clips.view.scale, drawn, 0.)
  np.testing.assert_array_equal(task.support.units, drawn.support.units)
  assert task.everything.units.shape == (4,)
