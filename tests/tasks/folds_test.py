"""Who is held out: every micro clip once, and nobody leaks, under any protocol."""

from hypothesis import example, given, settings, strategies as st
import numpy as np
import pytest

from lightman_jax import registry
from lightman_jax.data.facts import MEGC2019
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Content, Pool
from lightman_jax.tasks import folds as holding
from lightman_jax.tasks.folds import leave_one_subject_out, make_folds


def pool_with(rows, subjects, classes='abc', foreign=()) -> Pool:
  """A pool of (subject, class, macro); `foreign` names subjects of another data set."""
  label = np.array([k for _, k, _ in rows], np.int32)
  subject = np.array([subjects.index(name) for name, _, _ in rows], np.int32)
  return Pool(np.zeros((len(rows), 1), np.float32), label, subject,
              np.array([macro for *_, macro in rows]),
              np.array([name in foreign for name, _, _ in rows]), tuple(subjects),
              tuple(f'c{n}' for n in range(len(rows))), tuple(classes),
              Content('flow', (1,), True))


# A composite in small: a person's macro clips, those of someone of the same data set
# without a micro clip, and those of people elsewhere.
SMALL = [('casme2/01', 0, False), ('casme2/01', 1, True), ('casme2/02', 1, False),
         ('samm/01', 2, False), ('samm/01', 0, True), ('samm/02', 0, False),
         ('samm_long:09', 1, True), ('smic/s1', 1, False), ('synthetic:a', 0, True)]
PEOPLE = ['casme2/01', 'casme2/02', 'samm/01', 'samm/02', 'smic/s1', 'samm_long:09',
          'synthetic:a']


@pytest.fixture
def composite():
  return pool_with(SMALL, PEOPLE, MEGC2019.classes, ('samm_long:09', 'synthetic:a'))


def made(pool, protocol, *, folds=2, seed=0, dataset='megc2019'):
  return make_folds(pool, protocol, folds=folds, seed=seed, dataset=dataset)


def indices(mask) -> set[int]:
  return set(np.flatnonzero(mask).tolist())


def test_one_subject_is_left_out(pool_of):
  pool = pool_of(subjects=5, micro=2, macro=1, foreign=3)
  folds = leave_one_subject_out(pool)
  assert [fold.held_out for fold in folds] == ['s0', 's1', 's2', 's3', 's4']
  names = np.array(pool.subjects)[pool.subject]
  for fold in folds:
    theirs = names == fold.held_out
    np.testing.assert_array_equal(fold.train, ~theirs)
    np.testing.assert_array_equal(fold.test, theirs & ~pool.macro)
    # Their macro clips are in neither; those of another data set are for all.
    assert not (fold.train | fold.test)[theirs & pool.macro].any()
    assert fold.train[pool.foreign].all()
  np.testing.assert_array_equal(sum(fold.test.astype(int) for fold in folds),
                                ~pool.macro)


def test_folds_go_by_name_and_only_who_can_be_tested_has_one(pool_of):
  pool = pool_of(subjects=3)
  pool = pool._replace(subjects=('zoe', 'adam', 'mia'),
                       macro=pool.macro | (pool.subject == 2))
  assert [fold.held_out for fold in leave_one_subject_out(pool)] == ['adam', 'zoe']


def test_a_subject_with_one_clip_is_a_fold(pool_of):
  pool = pool_of(subjects=3, macro=0)
  keep = (pool.subject != 0) | (pool.label == 1)
  pool = pool._replace(**{name: getattr(pool, name)[keep]
                          for name in ('x', 'label', 'subject', 'macro', 'foreign')})
  assert leave_one_subject_out(pool)[0].test.sum() == 1


def test_one_data_set_is_left_out(composite):
  casme2, samm, smic = made(composite, 'leave_one_dataset_out')
  assert [casme2.held_out, samm.held_out, smic.held_out] == ['casme2', 'samm', 'smic']
  assert indices(casme2.test) == {0, 2} and indices(casme2.train) == {3, 4, 5, 6, 7, 8}
  # SAMM's long videos are SAMM's, although nobody in them has a clip here.
  assert indices(samm.test) == {3, 5} and indices(samm.train) == {0, 1, 2, 7, 8}
  assert indices(smic.test) == {7} and indices(smic.train) == {0, 1, 2, 3, 4, 5, 6, 8}


def test_data_sets_of_the_same_people_are_one():
  pool = pool_with([('smic/s1', 0, False), ('smic_vis/s1', 0, False),
                    ('samm/1', 0, False)], ['smic/s1', 'smic_vis/s1', 'samm/1'])
  samm, smic = made(pool, 'leave_one_dataset_out', dataset='manifest')
  assert indices(smic.test) == {0, 1} and indices(smic.train) == {2}
  assert indices(samm.test) == {2} and indices(samm.train) == {0, 1}


def test_one_data_set_is_left_out_by_the_column_of_a_manifest():
  """Subjects 1 and 2 of three data sets are six people."""
  people = [f'{dataset}/{n}' for dataset in ('mine', 'samm', 'smic') for n in (1, 2)]
  pool = pool_with([(name, n % 3, False) for n, name in enumerate(people)], people)
  pool = pool._replace(dataset=('mine', 'mine', 'samm', 'samm_long', 'smic',
                                'smic_vis'))
  folds = made(pool, 'leave_one_dataset_out', dataset='manifest')
  assert [fold.held_out for fold in folds] == ['mine', 'samm', 'smic']
  assert [indices(fold.test) for fold in folds] == [{0, 1}, {2, 3}, {4, 5}]
  assert [indices(fold.train) for fold in folds] == [
      {2, 3, 4, 5}, {0, 1, 4, 5}, {0, 1, 2, 3}]
  assert len(made(pool, 'loso', dataset='manifest')) == 6
  # The names need not tell.
  pool = pool._replace(subjects=tuple('uvwxyz'))
  assert [fold.held_out for fold in made(
      pool, 'leave_one_dataset_out', dataset='manifest')] == ['mine', 'samm', 'smic']


def test_one_data_set_in_two_spellings_is_left_out_as_one():
  """MyLab of a manifest, and mylab of the manifest of its macro-expressions."""
  pool = pool_with([('a', 0, False), ('b', 1, False), ('mylab:c', 0, True)],
                   ['a', 'b', 'mylab:c'], foreign=['mylab:c'])
  pool = pool._replace(dataset=('MyLab', 'Other', 'mylab'))
  mine, other = made(pool, 'leave_one_dataset_out', dataset='manifest')
  assert mine.held_out == 'MyLab' and indices(mine.train) == {1}
  assert other.held_out == 'Other' and indices(other.train) == {0, 2}


@pytest.mark.parametrize('names, dataset', [
    (('s1', 's2'), 'casme2'), (('a/1', 'b/1'), 'casme2'), (('a/1', 'a/2'), 'manifest'),
    (('a/1', 'b'), 'manifest')])
def test_one_data_set_cannot_be_left_out(names, dataset):
  pool = pool_with([(name, 0, False) for name in names], list(names))
  with pytest.raises(InputError, match=f'leave_one_dataset_out .*{dataset} is one.*'
                                       'column dataset'):
    made(pool, 'leave_one_dataset_out', dataset=dataset)


def test_one_data_set_is_trained_on_alone_and_all_others_are_tested(composite):
  fold, = make_folds(composite, 'cross_dataset', folds=2, seed=0, dataset='megc2019',
                     options={'train_on': 'samm'})
  # Macro clips of samm's people, in samm_long too, and of those elsewhere are trained
  # on; those of people who are tested are in neither.
  assert indices(fold.train) == {3, 4, 5, 6, 8} and indices(fold.test) == {0, 2, 7}
  assert fold.held_out == 'all but samm'
  with pytest.raises(InputError, match="train_on='mmew'.* casme2, samm, smic; name"):
    make_folds(composite, 'cross_dataset', folds=2, seed=0, dataset='megc2019',
               options={'train_on': 'mmew'})


def test_the_composites_own_protocol(composite):
  alone = leave_one_subject_out(composite)
  for got, want in zip(made(composite, 'megc2019'), alone, strict=True):
    assert got.held_out == want.held_out
    np.testing.assert_array_equal(got.test, want.test)
  assert [fold.held_out for fold in alone] == PEOPLE[:5]
  with pytest.raises(InputError, match='this is casme2 with'):
    made(composite, 'megc2019', dataset='casme2')
  with pytest.raises(InputError, match='this is megc2019 with others'):
    made(composite._replace(classes=('others',)), 'megc2019')


@pytest.mark.parametrize('protocol, name', [
    ('loso', 'leave one subject out'), ('kfold', '4 folds of subjects'),
    ('leave_one_dataset_out', 'leave one data set out'),
    ('megc2019', 'MEGC2019 composite (5 clips instead of 442), leave one subject out')])
def test_a_protocol_has_a_name(composite, protocol, name):
  assert holding.protocol_name(composite, protocol, folds=4) == name


def test_equal_people_make_equal_folds(pool_of):
  pool = pool_of(subjects=12, micro=2, macro=1, classes=3, foreign=2)
  folds = made(pool, 'kfold', folds=4)
  assert [fold.held_out for fold in folds] == [f'fold{n}of4' for n in (1, 2, 3, 4)]
  for fold in folds:
    assert np.bincount(pool.label[fold.test]).tolist() == [6, 6, 6]
    assert len(set(pool.subject[fold.test])) == 3


def test_folds_are_divided_by_hand():
  """(6, 0), (0, 5), (3, 0), (0, 3), (1, 1): the last goes where there is less of it."""
  brings = {'u': (6, 0), 'v': (0, 5), 'w': (3, 0), 'x': (0, 3), 'y': (1, 1)}
  rows = [(name, k, False) for name, row in brings.items()
          for k, n in enumerate(row) for _ in range(n)]
  pool = pool_with(rows, list(brings), 'ab')
  # v goes where nobody is; w and x to whoever has none of their class; then the folds
  # hold (6, 3) and (3, 5) of (10, 9): 6/10 + 3/9 + 2 * 9/19 against 3/10 + 5/9 + 2 *
  # 8/19.
  first, second = made(pool, 'kfold')
  who = lambda fold: {pool.subjects[s] for s in pool.subject[fold.test]}
  assert who(first) == {'u', 'x'} and who(second) == {'v', 'w', 'y'}


def test_division_is_a_function_of_the_seed(pool_of):
  pool = pool_of(subjects=20)
  tests = lambda seed: np.stack([fold.test for fold in made(pool, 'kfold', seed=seed)])
  np.testing.assert_array_equal(tests(3), tests(3))
  assert not np.array_equal(tests(3), tests(4))
  with pytest.raises(InputError, match='episodes.folds is 21 and 20 people'):
    made(pool, 'kfold', folds=21)


ROWS = st.lists(st.tuples(st.sampled_from(PEOPLE[:5]), st.integers(0, 2),
                          st.booleans()), max_size=30)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ROWS, st.sampled_from(['loso', 'kfold', 'leave_one_dataset_out', 'megc2019']),
       st.integers(2, 4), st.integers(0, 9))
# Someone of the data set held out who has a macro clip alone.
@example([('samm/02', 0, True)], 'leave_one_dataset_out', 2, 0)
def test_nobody_who_is_tested_was_trained_on(rows, protocol, number, seed):
  least = [(name, 0, False) for name in PEOPLE[:5:2]] + [('casme2/02', 1, False)]
  pool = pool_with([*rows, *least, ('samm_long:09', 1, True), ('synthetic:a', 0, True)],
                   PEOPLE, MEGC2019.classes, ('samm_long:09', 'synthetic:a'))
  folds = made(pool, protocol, folds=number, seed=seed)
  who, source = pool.subject, [name.split('/')[0] for name in pool.subjects]
  for fold in folds:
    assert fold.test.any() and not (fold.test & (fold.train | pool.macro)).any()
    assert not set(who[fold.train]) & set(who[fold.test])
    if protocol == 'leave_one_dataset_out':
      assert {source[s] for s in who[fold.test]} == {fold.held_out}
      assert fold.held_out not in {source[s] for s in who[fold.train]}
    # Whoever is not held out is trained on, with all clips.
    theirs = np.isin(who, who[fold.test])
    if protocol == 'leave_one_dataset_out':
      theirs = np.isin(who, np.flatnonzero([s == fold.held_out for s in source]))
    assert (fold.train | theirs | pool.foreign).all()
  np.testing.assert_array_equal(sum(fold.test.astype(int) for fold in folds),
                                ~pool.macro)


@pytest.mark.parametrize('seed', range(5))
def test_folds_are_more_even_than_chance(seed):
  """Of 1000 divisions of 24 people by lot into 5 folds none comes near."""
  rng = np.random.default_rng(seed)
  counts = rng.integers(0, 9, (24, 2)) + [0, 1]
  names = [f's{n:02d}' for n in range(24)]
  pool = pool_with([(name, k, False) for name, row in zip(names, counts)
                    for k, n in enumerate(row) for _ in range(n)], names, 'ab')
  folds = made(pool, 'kfold', folds=5, seed=seed)
  of_folds = np.array([np.bincount(pool.label[fold.test], minlength=2)
                       for fold in folds])
  spread = lambda parts: np.square(parts / counts.sum(0) - 1 / 5).sum()
  by_lot = [spread(np.array([counts[part].sum(0) for part in np.array_split(
      rng.permutation(24), 5)])) for _ in range(1000)]
  assert spread(of_folds) < min(by_lot)
  assert np.ptp(of_folds.sum(1)) <= counts.sum(1).max()


# Protocols of somebody else's.

def from_outside(text, tmp_path):
  file = tmp_path / 'folds.py'
  file.write_text('import numpy as np\n'
                  f'def mine(table, rng, *, part: int = 0):\n{text}\n')
  registry.allow('protocol', f'{file}:mine')
  return f'{file}:mine'


def test_a_protocol_may_hold_out_some_people(pool_of, tmp_path):
  """Macro clips of whoever is held out are in neither mask; the others train."""
  pool = pool_of(subjects=4, micro=2, macro=1)
  name = from_outside("  return {'x': table.subject == f's{part}'}", tmp_path)
  fold, = make_folds(pool, name, folds=2, seed=0, dataset='d', options={'part': 2})
  theirs = np.asarray(pool.subject) == 2
  assert (fold.test == theirs & ~pool.macro).all() and (fold.train == ~theirs).all()


@pytest.mark.parametrize('text, words', [
    ("  return {'x': table.clip == table.clip[~table.macro][0]}",
     'fold x: s0 would be on both sides, held out with the clip .* and trained on'),
    ("  mask = table.subject == 's0'\n  return {'x': mask, 'y': mask}",
     's0 is held out in the folds x and y'),
    ("  return {'x': np.zeros(len(table.clip), bool)}", 'nobody with micro'),
    ("  return {'x': [0, 1]}", r'its mask is int64 \(2,\); it must be bool'),
    ('  return {}', 'makes no folds'), ('  return 1 / 0', 'ZeroDivisionError'),
    ('  raise SystemExit(0)', 'SystemExit'),
    ("  table.macro[:] = False\n  return {'x': table.subject == 's0'}", 'read-only'),
    ("  table.dataset[0] = 'x'\n  return {'x': table.subject == 's0'}", 'read-only'),
    ("  return {'x': table.subject == 's0', 'y': [[True], [True, False]]}",
     'what cannot be read as folds after the fold x .ValueError'),
    ("  import collections\n  class Mine(collections.UserDict):\n"
     "    def __getitem__(self, key): raise RuntimeError('mine')\n"
     "  return Mine(x=1)", 'cannot be read as folds .RuntimeError: mine'),
    ("  return {1: table.subject == 's0', '1': table.subject == 's1'}",
     'two of its folds have the name 1'),
    ("  return {'': table.subject == 's0'}", "fold '' needs a name"),
    (r"  return {'a\n\x1b[31m': table.subject == 's0'}", 'needs a name of 1 to 80'),
    ("  return {'x' * 5000: table.subject == 's0'}", r"fold 'x{20}\.\.\.' needs")])
def test_a_protocol_that_would_break_the_promise_is_refused(
    pool_of, tmp_path, text, words):
  pool = pool_of(subjects=3, micro=2, macro=1)
  macro = pool.macro.copy()
  with pytest.raises(InputError, match=words) as caught:
    make_folds(pool, from_outside(text, tmp_path), folds=2, seed=0, dataset='d',
               options={'part': 0})
  assert '\n' not in str(caught.value) and len(str(caught.value)) < 600
  np.testing.assert_array_equal(pool.macro, macro)    # it saw a copy


@pytest.mark.parametrize('protocol', [
    name for name in registry.PROTOCOLS if name != 'cross_dataset'])   # has options
def test_every_protocol_of_the_table_keeps_the_promise(composite, protocol):
  for fold in made(composite, protocol):
    subject = np.asarray(composite.subject)
    assert not set(subject[fold.train]) & set(subject[fold.test])
