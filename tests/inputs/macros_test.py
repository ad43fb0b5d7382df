"""The pool: which macro-expressions stand beside a data set's clips, and whose."""

import numpy as np
import pytest

from lightman_jax.configurations import casme_squared, manifest
from lightman_jax.errors import InputError
from lightman_jax.inputs.inputs import Settings
from lightman_jax.inputs.macros import (
  describe_empty,
  describe_macros,
  describe_unlabelled,
  make_pool,
)
from lightman_jax.inputs.pool import channel_scale, mean_squares
from lightman_jax.tasks.folds import make_folds

FLOW, PICTURE = Settings('flow'), Settings('picture')


def made(clips):
  """Inputs that tell which clip they are of."""
  return np.broadcast_to(
      np.arange(len(clips.clip), dtype=np.float32)[:, None, None, None, None],
      (len(clips.clip), 1, 2, 2, 3)).copy()


@pytest.fixture(scope='module')
def clips(clips_of):
  return clips_of(np.zeros((6, 3, 8, 8, 3)), subject=['p', 'q', 'r', 'p', 'q', 'p'],
                  macro=[False, False, False, True, True, False],
                  label=[0, 1, 0, 1, -1, 1], classes=('anger', 'joy'))


@pytest.fixture(scope='module')
def other(clips_of):
  return clips_of(np.zeros((4, 3, 8, 8, 3)), subject=['p', 'x', 'x', 'y'],
                  macro=[True, False, True, True], label=[0, 1, 2, -1],
                  classes=('joy', 'calm', 'fear'), name='others')


def pool_of(clips, source, how=FLOW, other=None, make=made):
  return make_pool(clips, how, source=source, other=other, make=make)


def test_own_macro_clips_stay(clips):
  pool = pool_of(clips, 'own')
  assert pool.clips == clips.clip and pool.subjects == ('p', 'q', 'r')
  np.testing.assert_array_equal(pool.macro, clips.macro)
  np.testing.assert_array_equal(pool.subject, [0, 1, 2, 0, 1, 0])
  np.testing.assert_array_equal(pool.label, clips.label)
  assert not pool.foreign.any()


@pytest.mark.parametrize('make, arg, words, unused', [
    # What own-clips.md says of each.
    (manifest, 'debug', 'of drawn faces (macro.source=synthetic)', True),
    (manifest, 'clips,debug',
     'micro clips of each task, their motion 4 times as strong '
     '(macro.source=magnified)', True),
    (manifest, 'clips,macro=own', 'the 2 of the data set itself (macro.source=own)',
     False),
    (manifest, 'clips,macro=samm_long', 'those of samm_long (macro.source=samm_long)',
     True),
    (casme_squared, '', 'the 2 of the data set itself (macro.source=own)', False)])
def test_a_run_says_where_macro_expressions_come_from(clips, make, arg, words, unused):
  said, = describe_macros(make.get_config(arg).to_dict(), clips)
  assert said == f'macro-expressions: {words}' + unused * (
      '; 2 macro clips are in the data set, and not used (macro=own uses them)')


@pytest.mark.parametrize('arg', ['clips,macro=none', 'clips,method=supervised'])
def test_where_none_are_looked_at_nothing_is_said_of_them(clips, arg):
  assert not list(describe_macros(manifest.get_config(arg).to_dict(), clips))


@pytest.mark.parametrize('source', ['none', 'magnified'])
def test_no_macro_clip_is_added(clips, source):
  pool = pool_of(clips, source)
  assert pool.clips == ('c0', 'c1', 'c2', 'c5') and not pool.macro.any()
  np.testing.assert_array_equal(pool.x[:, 0, 0, 0, 0], [0, 1, 2, 5])
  np.testing.assert_array_equal(pool.subject, [0, 1, 2, 0])


def test_macro_clips_of_another_data_set(clips, other):
  pool = pool_of(clips, 'others', other=other)
  assert pool.clips == ('c0', 'c1', 'c2', 'c5', 'others:c0', 'others:c2', 'others:c3')
  np.testing.assert_array_equal(pool.x[:, 0, 0, 0, 0], [0, 1, 2, 5, 0, 2, 3])
  np.testing.assert_array_equal(pool.macro, pool.foreign)
  np.testing.assert_array_equal(pool.foreign, [False] * 4 + [True] * 3)
  # Two people of one name in two data sets are two people.
  assert [pool.subjects[s] for s in pool.subject] == [
      'p', 'q', 'r', 'p', 'others:p', 'others:x', 'others:y']
  # Labels go by their names: joy is known here, fear is not.
  np.testing.assert_array_equal(pool.label[4:], [1, -1, -1])


def test_macro_clips_that_teach_no_class_are_counted(clips, other):
  config = {'macro': {'map': 'same'}}
  said, = describe_unlabelled(config, pool_of(clips, 'others', other=other))
  assert said.startswith('2 of 3 macro clips have no class among ')
  assert said.endswith(' leaves them out; other maps are valence and emotions')
  assert not list(describe_unlabelled(config, pool_of(clips, 'none')))


@pytest.mark.parametrize('kind', ['picture', 'frames'])
def test_what_has_no_known_amplitude_is_not_magnified(clips, kind):
  with pytest.raises(InputError, match=f'magnified.*inputs.kind={kind}'):
    pool_of(clips, 'magnified', Settings(kind))


def test_another_data_set_must_fit(clips, other, clips_of):
  with pytest.raises(InputError, match='no macro clip'):
    pool_of(clips, 'others', other=other._replace(macro=np.zeros(4, bool)))
  shapes = iter([(1, 2, 2, 3), (2, 2, 2, 3)])
  with pytest.raises(InputError, match=r'\(2, 2, 2, 3\).*\(1, 2, 2, 3\)'):
    pool_of(clips, 'others', other=other,
            make=lambda clips: np.zeros((len(clips.clip), *next(shapes)), np.float32))


def test_the_scale_is_that_of_training_clips(clips):
  pool = pool_of(clips, 'own')
  rng = np.random.default_rng(0)
  pool = pool._replace(x=rng.normal(0, [1, 2, 3], pool.x.shape).astype(np.float32))
  train = pool.subject != 0
  pool.x[~train] = np.nan                       # nobody looks at what is held out
  scale = channel_scale(pool, train)
  for row, mask in zip(scale, (train & ~pool.macro, train & pool.macro)):
    np.testing.assert_allclose(row, np.sqrt((pool.x[mask] ** 2).mean((0, 1, 2, 3))),
                               rtol=1e-5)
  # Without macro clips their row is that of micro clips; and it never divides by 0.
  none = pool._replace(macro=np.zeros_like(pool.macro), x=np.zeros_like(pool.x))
  np.testing.assert_allclose(channel_scale(none, train), np.full((2, 3), 1e-8))


def test_the_same_people_in_another_data_set_are_not_foreign(clips_of):
  mine = clips_of(np.zeros((3, 3, 8, 8, 3)), subject=['006', '007', '009'], name='samm')
  long = clips_of(np.zeros((3, 3, 8, 8, 3)), subject=['007', '006', '040'],
                  macro=[True] * 3, name='samm_long')
  pool = make_pool(mine, FLOW, source='samm_long', other=long, make=made)
  assert pool.subjects == ('006', '007', '009', 'samm_long:040')
  assert pool.subject.tolist() == [0, 1, 2, 1, 0, 3]
  assert pool.foreign.tolist() == [False] * 5 + [True]
  both = clips_of(np.zeros((2, 3, 8, 8, 3)), subject=['samm/006', 'smic/s01'],
                  name='megc2019')
  pool = make_pool(both, FLOW, source='samm_long', other=long, make=made)
  assert pool.subject.tolist()[2:] == [2, 0, 3] and pool.subjects[2] == 'samm_long:007'


# By which roads SAMM's people come: the data set and names of the clips, the macro
# source, and the data set and the names of its clips.
ROADS = {
    'named data sets': ('samm', '006', 'samm_long', 'samm_long', '006'),
    'a manifest of samm': ('samm', '6', 'samm_long', 'samm_long', '006'),
    'long videos as data': ('samm_long', '006', 'samm', 'samm', '006'),
    'in the names': ('samm', 'samm-006', 'samm_long', 'samm_long', '006'),
    'in a composite': ('samm', 'samm/006', 'samm_long', 'samm_long', '006'),
    'a macro manifest': ('samm', '006', 'manifest', 'samm', 'sub6'),
    'a macro manifest of long videos': ('samm', '006', 'manifest', 'SAMM LV', '006'),
    'two manifests': ('SAMM', '6', 'manifest', 'samm_long', '006'),
    'a manifest that says nothing':
        ('manifest', '006', 'samm_long', 'samm_long', '006'),
    'a macro manifest that says nothing': ('samm', '006', 'manifest', 'manifest', '6'),
    'joined names': ('manifest', 'samm006', 'samm_long', 'samm_long', '006'),
    'unseen characters': ('samm', 's\u200b6', 'samm_long', 'samm_long', '006'),
    'a folder before the name': ('manifest', 'x/006', 'samm_long', 'samm_long', '006'),
    'a copy of a data set': ('samm-cropped', '6', 'samm_long', 'samm_long', '006'),
    'two manifests that say nothing': ('manifest', '006', 'manifest', 'manifest', '6'),
}


# Where nothing tells the data sets, none can be left out.
@pytest.mark.parametrize('road, protocol', [
    (road, protocol) for road in ROADS
    for protocol in ('loso', 'kfold', 'leave_one_dataset_out')
    if (ROADS[road][0], protocol) != ('manifest', 'leave_one_dataset_out')])
def test_nobody_held_out_is_seen_by_any_road(clips_of, road, protocol):
  dataset, name, source, other_dataset, other_name = ROADS[road]
  mine = clips_of(np.zeros((4, 3, 8, 8, 3)), subject=[name, 'q', 'r', 'q'],
                  name='manifest')._replace(dataset=(dataset, *['smic'] * 3))
  if dataset == 'manifest':
    mine = mine._replace(dataset=('manifest',) * 4)
  macros = clips_of(np.zeros((3, 3, 8, 8, 3)), subject=[other_name, '33', other_name],
                    macro=[True] * 3)._replace(dataset=(other_dataset,) * 3)
  pool = make_pool(mine, FLOW, source=source, other=macros, make=made)
  assert pool.dataset[4:] == (other_dataset,) * 3
  assert pool.foreign.tolist() == [False] * 5 + [True, False]
  folds = make_folds(pool, protocol, folds=2, seed=0, dataset='manifest')
  assert len(folds) >= 2
  for fold in folds:
    theirs = fold.test[0]
    assert fold.train[[4, 6]].tolist() == [not theirs] * 2
    # Someone of SAMM who has no micro clip goes with the whole data set alone.
    whole = protocol == 'leave_one_dataset_out' and other_dataset != 'manifest'
    assert fold.train[5] == (not (theirs and whole))


@pytest.mark.parametrize('macro_map, expected', [
    ('same', [-1, 1, -1]), ('emotions', [0, 1, -1]), ('valence', [-1, 1, -1])])
def test_a_named_map_gives_macro_emotions_a_class(clips_of, macro_map, expected):
  mine = clips_of(np.zeros((2, 3, 8, 8, 3)), classes=('happiness', 'surprise'))
  other = clips_of(np.zeros((3, 3, 8, 8, 3)), macro=[True] * 3, label=[0, 1, -1],
                   classes=('positive', 'surprise'))
  other = other._replace(emotion=('positive', 'surprise', 'others'))
  pool = make_pool(mine, FLOW, source='casme_squared', other=other, make=made,
                   macro_map=macro_map)
  assert pool.label.tolist()[2:] == expected


def test_what_holds_nothing_is_named(clips):
  """A clip of 0 alone, as of frames that are all alike; a channel that is 0 in all."""
  describe = lambda pool: [*describe_empty(pool, mean_squares(pool.x))]
  full = pool_of(clips, 'own')._replace(x=np.ones((6, 1, 2, 2, 3), np.float32))
  assert describe(full) == []
  empty = full.x.copy()
  empty[[1, 4]] = 0
  line, = describe(full._replace(x=empty))
  assert line.startswith('the inputs of 2 clips are 0 everywhere')
  assert line.endswith(f': {clips.clip[1]}, {clips.clip[4]}')
  empty[..., 2] = 0
  *_, line = describe(full._replace(x=empty))
  assert line.startswith('channel 2 of the inputs, counted from 0, is 0 in every clip')
