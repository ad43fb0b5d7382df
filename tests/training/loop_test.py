"""Training: on any number of devices, stopped anywhere, blind to who is held out."""

import json
import shutil

import jax
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.meta.losses import Align, MacroLabels
from lightman_jax.training import devices, loop, stopping
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import lay_out
from lightman_jax.training.loop import (
  Pace,
  group_folds,
  make_trainer,
  stack,
  train_folds,
)
from lightman_jax.training.state import make_optimizer


class Killed(Exception):
  """Stands for a process that ends here."""


def train(trainer, fold, folder, *, die_at=None, chunks=None):
  """Trains a fold in a folder; dies before the steps up to `die_at` are saved.

  What is told of pieces is put together to chunks.
  """
  def on_chunk(last, scalars):
    if last == die_at:
      raise Killed
    scalars = {name: x[0] for name, x in scalars.items()}
    if chunks and chunks[-1][0] % trainer.length:
      scalars = {name: np.concatenate([chunks[-1][1][name], x])
                 for name, x in scalars.items()}
      chunks.pop()
    if chunks is not None:
      chunks.append((last, scalars))
  with Checkpoints(folder) as checkpoints:
    return train_folds(trainer, [fold], checkpoints, on_chunk=on_chunk)[0]


@pytest.fixture(scope='module')
def trained(trainer, fold, tmp_path_factory):
  """The state of an uninterrupted run, and what was told on the way."""
  chunks = []
  return train(trainer, fold, tmp_path_factory.mktemp('run'), chunks=chunks), chunks


def test_what_is_told(trained):
  state, chunks = trained
  assert state.step == 4 and [last for last, _ in chunks] == [2, 4]
  for _, scalars in chunks:
    assert set(scalars) == {'query_loss', 'support_cross_entropy', 'support_alignment',
                            'gradient_norm'}
    assert all(x.shape == (2,) and np.isfinite(x).all() for x in scalars.values())


def test_two_devices_are_as_one(trained, recipe, fold, tmp_path, states_equal):
  assert jax.device_count() == 2
  two = make_trainer(recipe, steps=4, every=2, layout=lay_out(
      jax.devices(), folds=4, tasks=2, split='tasks'))
  chunks = []
  state = train(two, fold, tmp_path, chunks=chunks)
  states_equal(state.params, trained[0].params, atol=1e-5, rtol=0)
  states_equal(chunks, trained[1], rtol=1e-4)


@pytest.mark.parametrize('folds_at_once', [
    pytest.param(1, marks=pytest.mark.slow), 2])
def test_folds_are_trained_side_by_side(
    trained, recipe, material_of, inputs, tmp_path, states_equal, folds_at_once):
  """On two devices that exchange nothing, whoever else is in the group."""
  config, material = material_of(inputs)
  layout = lay_out(jax.devices(), folds=4, tasks=2, folds_at_once=folds_at_once)
  assert layout.split == 'folds' and layout.together == 2 * folds_at_once
  trainer = make_trainer(recipe, steps=4, every=2, layout=layout)
  folds = [assembly.fold_data(config, material, number) for number in (1, 2, 3)]
  # Fewer ways to divide a fold's subjects than another has.
  folds[0] = folds[0]._replace(splits=folds[0].splits[:1])
  folds, chunks = folds[:layout.together], []
  with Checkpoints(tmp_path) as checkpoints:
    states = train_folds(trainer, folds, checkpoints,
                         on_chunk=lambda last, scalars: chunks.append((last, scalars)))
  assert len(states) == len(folds)
  states_equal(states[1], trained[0], atol=1e-5, rtol=0)
  assert all(x.shape[0] == len(folds) for _, row in chunks for x in row.values())
  for name, want in trained[1][0][1].items():
    want = np.concatenate([want, trained[1][1][1][name]])
    got = np.concatenate([scalars[name][1] for _, scalars in chunks])
    np.testing.assert_allclose(got, want, rtol=1e-4)
  text = trainer.chunk.lower(*_arguments(trainer, folds)).as_text()
  assert 'all_reduce' not in text and 'collective' not in text


def _arguments(trainer, folds):
  views, clips = stack(folds, trainer.layout.together)
  states = trainer.init(views.key, clips.x.shape[1:])
  place = lambda tree: devices.divide(tree, trainer.layout.devices)
  return place(states), place(views), clips, np.int32(2)


def test_clips_are_sent_to_the_devices_once(trainer, fold, tmp_path, monkeypatch):
  """Not at every chunk, nor for every group of folds; a chunk takes them as they
  lie."""
  placed, share = [], devices.share

  def watched(tree, used):
    placed.extend(x for x in jax.tree.leaves(tree) if isinstance(x, np.ndarray)
                  and x.shape == fold.clips.x.shape)
    return share(tree, used)
  monkeypatch.setattr(devices, 'share', watched)
  seen = []

  def chunk(copies, views, clips, count):
    seen.append((clips.x, copies))
    return trainer.chunk(copies, views, clips, count)
  watching = trainer._replace(chunk=chunk, share=loop._sharing(trainer.layout))
  for name in ('one', 'two'):
    train(watching, fold._replace(name=name), tmp_path)
  # A slow machine cuts more chunks: it is the clock that cuts them.
  assert len(placed) == 1 and len(seen) >= 4
  assert all(isinstance(x, jax.Array) and x is seen[0][0] for x, _ in seen)
  assert all(x.is_deleted() for _, copies in seen for x in jax.tree.leaves(copies))


def test_who_goes_on_beside_whom():
  assert group_folds(dict.fromkeys('abcde', 0), 2) == [('a', 'b'), ('c', 'd'), ('e',)]
  assert group_folds({'a': 4, 'c': 0, 'b': 2, 'd': 2, 'e': 0, 'f': 2}, 2) == [
      ('a',), ('b', 'd'), ('f',), ('c', 'e')]
  assert group_folds({}, 3) == []


@pytest.mark.parametrize('die_at', [2, 4])
def test_a_resumed_run_is_the_uninterrupted_one(
    trained, trainer, fold, tmp_path, die_at, states_equal):
  with pytest.raises(Killed):
    train(trainer, fold, tmp_path, die_at=die_at)
  chunks = []
  states_equal(train(trainer, fold, tmp_path, chunks=chunks), trained[0])
  # What lies before the last checkpoint is not done again.
  states_equal(chunks, [line for line in trained[1] if line[0] >= die_at])


def other_road(recipe, road):
  """The recipe with two members, or with weights that are averaged."""
  if road == 'members':
    return recipe._replace(learner=learners.ensemble(recipe.learner, 2))
  if road == 'average':
    return recipe._replace(optimizer=make_optimizer(
        outer_rate=1e-3, weight_decay=1e-2, clip_norm=1., steps=2, average=1.))
  return recipe


@pytest.mark.parametrize('road', ['members', 'average'])
def test_so_is_one_of_members_or_averaged_weights(road, recipe, fold, tmp_path,
                                                  states_equal):
  made = make_trainer(other_road(recipe, road), steps=4, every=2,
                      layout=lay_out(jax.devices()[:1], folds=4, tasks=2))
  want = train(made, fold, tmp_path / 'whole')
  with pytest.raises(Killed):
    train(made, fold, tmp_path / 'cut', die_at=4)
  states_equal(train(made, fold, tmp_path / 'cut'), want)


def test_a_finished_fold_is_not_trained_again(trained, trainer, fold, tmp_path,
                                              states_equal):
  train(trainer, fold, tmp_path)
  chunks = []
  states_equal(train(trainer, fold, tmp_path, chunks=chunks), trained[0])
  assert chunks == []


def test_the_next_fold_starts_afresh(trained, trainer, fold, tmp_path, states_equal):
  train(trainer, fold._replace(name='another'), tmp_path)
  states_equal(train(trainer, fold, tmp_path), trained[0])


@pytest.mark.parametrize('number', [0, 2])
def test_held_out_clips_are_not_looked_at(
    trainer, material_of, inputs, tmp_path, number, states_equal):
  """With NaN in every micro and macro clip of who is held out: the same, bit by bit."""
  config, material = material_of(inputs)
  fold = assembly.fold_data(config, material, number)
  theirs = material.pool.subject == material.pool.subjects.index(fold.name)
  assert (theirs & material.pool.macro).any() and (theirs & ~material.pool.macro).any()
  poisoned = np.where(theirs[:, None, None, None, None], np.nan, inputs)
  _, other = material_of(poisoned.astype(np.float32))
  want = train(trainer, fold, tmp_path / 'clean')
  got = train(trainer, assembly.fold_data(config, other, number), tmp_path / 'poisoned')
  states_equal(got, want)
  # And the poison works: in another's fold it is found at once.
  with pytest.raises(InputError, match='not a number at step 1;'):
    train(trainer, assembly.fold_data(config, other, 1), tmp_path / 'other')


BOTH = MacroLabels(.7, 'both', own_head=True)


@pytest.mark.parametrize('make', [
    lambda net: learners.lightman(net, Steps(1, .1), Align(), labels=BOTH),
    lambda net: learners.maml(net, Steps(1, .1),
                              labels=MacroLabels(.7, learned=True)),
    lambda net: learners.supervised(net, MacroLabels(.7)),
    lambda net: learners.protonet(net, MacroLabels(.7, 'both'))],
    ids=['lightman', 'maml', 'supervised', 'protonet'])
def test_labelled_macro_clips_of_who_is_held_out_are_not_looked_at(
    make, recipe, two_heads, small_net, material_of, inputs, tmp_path, states_equal,
    request):
  """The same, where macro clips count by their labels; those of others do count."""
  net = two_heads if 'lightman' in request.node.name else small_net
  labelled = make_trainer(recipe._replace(learner=make(net)), steps=2, every=2,
                          layout=lay_out(jax.devices()[:1], folds=4, tasks=2))
  run = lambda x, place: train(labelled, assembly.fold_data(
      *material_of(x.astype(np.float32), label_weight=.7), 2), tmp_path / place)
  pool = material_of(inputs)[1].pool
  theirs = pool.subject == 2
  spoilt = lambda which: np.where(which[:, None, None, None, None], np.nan, inputs)
  want = run(inputs, 'clean')
  states_equal(run(spoilt(theirs), 'poisoned'), want)
  with pytest.raises(InputError, match='not a number at step 1;'):
    run(spoilt(~theirs & pool.macro), 'others')


@pytest.mark.parametrize('road', ['members', 'average', 'pretrain'])
def test_nor_by_another_road(road, recipe, small_net, material_of, inputs, tmp_path,
                             states_equal, monkeypatch):
  """Several members, averaged weights, weights that macro clips were trained on."""
  monkeypatch.setattr(assembly, 'make_net', lambda config, classes: small_net)
  before = {'source': 'macro', 'steps': 5, 'batch': 6} if road == 'pretrain' else {}
  made = make_trainer(other_road(recipe, road), steps=2, every=2,
                      layout=lay_out(jax.devices()[:1], folds=4, tasks=2))

  def run(x, place):
    # The cache knows clips by the hash of their data, which is none here.
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / place / 'cache'))
    config, material = material_of(x.astype(np.float32), before)
    fold = assembly.fold_data(config, material, 2)
    assert (fold.start is not None) == (road == 'pretrain')
    return train(made, fold, tmp_path / place)
  pool = material_of(inputs)[1].pool
  spoilt = lambda which: np.where(which[:, None, None, None, None], np.nan, inputs)
  want = run(inputs, 'clean')
  states_equal(run(spoilt(pool.subject == 2), 'poisoned'), want)
  # And the poison works.
  with pytest.raises(InputError, match='not finite|not a number at step 1;'):
    run(spoilt((pool.subject == 1) & pool.macro), 'others')


def test_no_micro_clip_is_looked_at_with_macro_clips_only(recipe, small_net,
                                                          material_of, inputs,
                                                          tmp_path, states_equal):
  """With NaN in all micro clips and in those of who is held out: the same, bit by bit.

  The scale is that of macro clips, too; and the poison works in those of others.
  """
  made = make_trainer(
      recipe._replace(learner=learners.maml(small_net, Steps(1, .1)),
                      sizes=recipe.sizes._replace(macros=0)), steps=2, every=2,
      layout=lay_out(jax.devices()[:1], folds=4, tasks=2))

  def run(x, place):
    config, material = material_of(x.astype(np.float32), only=True)
    assert not assembly.make_sizes(config, material.pool).macros
    return train(made, assembly.fold_data(config, material, 2), tmp_path / place)
  pool = material_of(inputs)[1].pool
  spoilt = lambda which: np.where(which[:, None, None, None, None], np.nan, inputs)
  want = run(inputs, 'clean')
  with np.errstate(invalid='ignore'):
    states_equal(run(spoilt(~pool.macro | (pool.subject == 2)), 'poisoned'), want)
    with pytest.raises(InputError, match='not a number at step 1;'):
      run(spoilt(pool.macro & (pool.subject == 1)), 'other')


def test_not_a_number(trainer, fold, tmp_path, states_equal, trained):
  """Names the fold, the step and the last good checkpoint, which is still there."""
  with pytest.raises(Killed):
    train(trainer, fold, tmp_path, die_at=4)
  clips = fold.clips._replace(x=np.full_like(fold.clips.x, np.nan))
  with pytest.raises(InputError) as caught:
    train(trainer, fold._replace(clips=clips), tmp_path)
  kept = tmp_path / '2'
  for words in ('fold s2', 'query_loss', 'gradient_norm', 'at step 3;', str(kept)):
    assert words in str(caught.value)
  assert kept.is_dir()
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.reached(['s2']) == {'s2': 2}
  # With the clips mended the run goes on from there.
  states_equal(train(trainer, fold, tmp_path), trained[0])


def test_a_fold_is_a_function_of_its_key_and_name(trained, trainer, material_of, inputs,
                                                  tmp_path, states_equal):
  config, material = material_of(inputs)
  again = train(trainer, assembly.fold_data(config, material, 2), tmp_path / 'again')
  states_equal(again, trained[0])
  other = assembly.fold_data({**config, 'seed': 1}, material, 2)
  state = train(trainer, other, tmp_path / 'other')
  assert not np.array_equal(state.params['head']['kernel'],
                            trained[0].params['head']['kernel'])


@pytest.mark.parametrize('steps, every, length', [
    (60, 20, 20), (60, 25, 20), (7, 3, 1), (7, 7, 7), (4, 100, 4), (1, 1, 1),
    (100, 30, 25)])
def test_chunks_are_equally_long(recipe, steps, every, length):
  made = make_trainer(recipe, steps=steps, every=every,
                      layout=lay_out(jax.devices()[:1], folds=1, tasks=2))
  assert made.length == length and steps % made.length == 0


def test_labels_are_a_folds_own(trained, trainer, fold, tmp_path):
  """In a group each fold keeps its own; other labels train another model."""
  own = fold.clips.view
  label = np.where(own.train, (own.label + 1) % 3, own.label)
  other = fold._replace(clips=fold.clips._replace(view=own._replace(label=label)))
  views, _ = stack([fold, other], 2)
  np.testing.assert_array_equal(views.fold.label, [own.label, label])
  state = train(trainer, other, tmp_path)
  assert not np.array_equal(state.params['head']['kernel'],
                            trained[0].params['head']['kernel'])


def test_onlookers_change_nothing(trained, trainer, fold, tmp_path, states_equal):
  """Who looks at the states is shown each checkpoint's, and training goes on alike."""
  seen = []
  with Checkpoints(tmp_path) as checkpoints:
    state, = train_folds(
        trainer, [fold], checkpoints, on_chunk=lambda last, scalars: None,
        on_states=lambda step, states: seen.append((step, states)))
  states_equal(state, trained[0])
  assert [step for step, _ in seen] == [2, 4]
  states_equal(jax.tree.map(lambda x: np.asarray(x)[0], seen[-1][1]), trained[0])


class Cut(Pace):
  """Cuts a chunk as it is told to, and saves as it is told to."""

  def __init__(self, pieces, due):
    super().__init__()
    self._pieces, self._due = iter(pieces), due

  def next(self, rest):
    return min(rest, next(self._pieces, rest))

  def is_due(self):
    return self._due


@pytest.fixture(scope='module')
def long(recipe):
  """One chunk of six steps."""
  return make_trainer(recipe, steps=6, every=6,
                      layout=lay_out(jax.devices()[:1], folds=4, tasks=2))


@pytest.fixture(scope='module')
def whole(long, fold, tmp_path_factory):
  chunks, folder = [], tmp_path_factory.mktemp('whole')
  state = train(long._replace(pace=Cut([6], False)), fold, folder, chunks=chunks)
  return state, chunks, folder


@pytest.mark.parametrize('due', [False, True])
@pytest.mark.parametrize('pieces', [[1, 2, 3], [1] * 6, [4, 2]])
def test_results_do_not_depend_on_where_a_chunk_is_cut(
    long, whole, fold, tmp_path, states_equal, pieces, due):
  """Nor does what is kept: bit by bit, file by file."""
  state, chunks, folder = whole
  assert [(last, x['query_loss'].shape) for last, x in chunks] == [(6, (6,))]
  logged, seen = [], []
  cut = long._replace(pace=Cut(pieces, due))
  with Checkpoints(tmp_path) as checkpoints:
    got, = train_folds(cut, [fold], checkpoints,
                       on_chunk=lambda *row: logged.append(row),
                       on_states=lambda step, states: seen.append(step))
  states_equal(got, state)
  assert [last for last, _ in logged] == np.cumsum(pieces).tolist() and seen == [6]
  for name, want in chunks[0][1].items():
    np.testing.assert_array_equal(
        np.concatenate([scalars[name][0] for _, scalars in logged]), want)
  assert contents(tmp_path) == contents(folder)


def contents(folder):
  """All names, and the bytes of the files that hold no times."""
  return {str(path.relative_to(folder)): path.name in ('about.json', 'state.npz')
          and path.read_bytes() for path in folder.rglob('*')}


@pytest.mark.parametrize('step', [1, 3, 4])
def test_stopped_inside_of_a_chunk(long, whole, fold, tmp_path, states_equal, step,
                                   monkeypatch):
  """What was done is saved, and what is done later is as if it had not been stopped."""
  state, chunks, folder = whole
  monkeypatch.setattr(stopping, 'is_stop_requested', lambda: True)
  with pytest.raises(stopping.Stopped):
    train(long._replace(pace=Cut([step], False)), fold, tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == [str(step)]
  monkeypatch.undo()
  again = []
  states_equal(train(long._replace(pace=Cut([1], False)), fold, tmp_path, chunks=again),
               state)
  for name, want in chunks[0][1].items():
    np.testing.assert_array_equal(again[-1][1][name], want[step:])
  assert contents(tmp_path) == contents(folder)
  # A kill after the last save, before the one that it replaces is dropped.
  interim = folder.parent / f'{folder.name}-{step}'
  shutil.copytree(folder, interim)
  shutil.copytree(interim / '6', interim / str(step))
  about = json.loads((interim / str(step) / 'about.json').read_text())
  (interim / str(step) / 'about.json').write_text(
      json.dumps(about | {'step': step, 'interim': True}))
  with Checkpoints(interim) as checkpoints:
    assert checkpoints.reached(['s2']) == {'s2': 6}
  assert contents(interim) == contents(folder)
