"""Clips that are brought in blocks train what clips on the device train."""

import functools
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Stored
from lightman_jax.meta.learners import Learner
from lightman_jax.tasks import sampling as blocks_of
from lightman_jax.tasks.sampling import Sizes
from lightman_jax.training import devices, stopping, streaming
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import lay_out
from lightman_jax.training.loop import Pace, make_trainer, stack, train_folds
from lightman_jax.training.state import Recipe

STEPS = 4


class Killed(Exception):
  """Stands for a process that ends here."""


def spy() -> Learner:
  """Compiles at once; its gradient and loss are of all clips of its task."""
  def meta_grad(params, task, key, done):
    del done
    grad = jax.grad(lambda w: sum(
        jnp.square(w - x).mean() for x in jax.tree.leaves(task) if x.ndim > 1))
    return ({'w': grad(params['w']) + jax.random.normal(key, ())},
            {'query_loss': jnp.square(params['w'] - task.query.x).mean()})
  return Learner(lambda key, shape: {'w': jax.random.normal(key, ())}, None, None,
                 meta_grad)


@pytest.fixture(scope='module')
def recipe():
  return Recipe(spy(), optax.adam(1e-2), Sizes(3, 1, 1, 2),
                lambda key, clip: clip * jax.random.uniform(key), tasks=2, at_once=1)


@pytest.fixture(scope='module')
def trainer(recipe):
  return make_trainer(recipe, steps=STEPS, every=2,
                      layout=lay_out(jax.devices()[:1], folds=4, tasks=2))


@pytest.fixture(scope='module')
def path(fold, tmp_path_factory):
  """The clips in a file."""
  path = tmp_path_factory.mktemp('clips') / 'x.npy'
  np.save(path, fold.clips.x)
  return path


@pytest.fixture(scope='module')
def in_file(fold, path):
  return fold._replace(clips=fold.clips._replace(x=Stored.open(path)))


def streamed(recipe, layout):
  return make_trainer(recipe, steps=STEPS, every=2, layout=layout,
                      streamed=4 * 8)


@pytest.fixture(scope='module')
def one(recipe):
  """Blocks of one step, so that a chunk has two."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(streaming, 'BLOCK_BYTES', 1)
    trainer = streamed(recipe, lay_out(jax.devices()[:1], folds=4, tasks=2))
  assert trainer.blocks.length == 1 and trainer.length == 2
  return trainer


def train(trainer, folds, folder, on_chunk=lambda last, scalars: None):
  chunks = []

  def both(last, scalars):
    on_chunk(last, scalars)
    if chunks and chunks[-1][0] % trainer.length:     # pieces make a chunk
      scalars = {name: np.concatenate([chunks[-1][1][name], x], 1)
                 for name, x in scalars.items()}
      chunks.pop()
    chunks.append((last, scalars))
  with Checkpoints(folder) as checkpoints:
    return train_folds(trainer, folds, checkpoints, on_chunk=both), chunks


@pytest.fixture(scope='module')
def want(trainer, fold, tmp_path_factory):
  """What training on the device gives."""
  return train(trainer, [fold], tmp_path_factory.mktemp('device'))


def test_blocks_are_as_the_device(want, one, in_file, tmp_path, states_equal):
  got = train(one, [in_file], tmp_path)
  states_equal(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('split', ['folds', 'tasks'])
def test_on_two_devices(want, recipe, in_file, tmp_path, states_equal, split):
  """Each has clips of its own; one block makes a chunk."""
  layout = lay_out(jax.devices(), folds=2, tasks=2, split=split)
  folds = [in_file] * layout.together
  trainer = streamed(recipe, layout)
  assert trainer.blocks.length == 2
  states, chunks = train(trainer, folds, tmp_path)
  states_equal(states[0].params, want[0][0].params, rtol=1e-4, atol=1e-5)
  states_equal([{name: x[0] for name, x in scalars.items()} for _, scalars in chunks],
               [{name: x[0] for name, x in scalars.items()} for _, scalars in want[1]],
               rtol=1e-4)


@pytest.mark.parametrize('split', ['folds', 'tasks'])
def test_of_several_processes_each_reads_its_own(recipe, in_file, monkeypatch, split):
  layout, read = lay_out(jax.devices(), folds=2, tasks=2, split=split), []
  blocks = streamed(recipe, layout).blocks
  other = in_file._replace(key=jax.random.key(7))
  views, clips = stack([in_file, other][:layout.together], layout.together)
  def bring(x, drawn, size):
    read.append(drawn)
    return blocks_of.bring_clips(x, drawn, size)
  monkeypatch.setattr(streaming, 'bring_clips', bring)

  def read_block():
    return streaming._block(blocks, *streaming._on_the_host(views, clips.table),
                            clips.x, jax.device_put((views.key, views.fold.scale)), 0)
  view, x = read_block()
  assert len(read) == 2 and not np.array_equal(x[0], x[1])
  for n, device in enumerate(layout.devices):
    monkeypatch.setattr(devices, 'local', lambda of, device=device: [device])
    read.clear()
    own_view, own = read_block()
    assert len(read) == 1 and own.devices() == {device}
    np.testing.assert_array_equal(own, x[n:n + 1])
    jax.tree.map(lambda x, y, n=n: np.testing.assert_array_equal(x, y[n:n + 1]),
                 own_view.drawn, view.drawn)


def test_it_goes_on_anywhere(one, in_file, tmp_path, states_equal):
  """Stopped after a chunk: as if never stopped, bit by bit, and no thread is left."""
  def die(last, scalars):
    if last == 4:
      raise Killed
  threads = threading.active_count()
  with pytest.raises(Killed):
    train(one, [in_file], tmp_path / 'a', die)
  assert threading.active_count() == threads
  got, chunks = train(one, [in_file], tmp_path / 'a')
  assert [last for last, _ in chunks] == [4]
  states_equal(got, train(one, [in_file], tmp_path / 'b')[0])


def test_a_file_that_ends_is_one_sentence(one, fold, path, tmp_path):
  """The fault itself: the file is cut while training reads from it."""
  short = tmp_path / 'x.npy'
  short.write_bytes(path.read_bytes())
  broken = fold._replace(clips=fold.clips._replace(x=Stored.open(short)))
  with open(short, 'r+b') as file:
    file.truncate(300)
  threads = threading.active_count()
  with pytest.raises(InputError, match='become shorter|was written to'):
    train(one, [broken], tmp_path / 'run')
  assert threading.active_count() == threads


@pytest.mark.parametrize('length, each, steps', [
    (50, 1, 50), (50, 2**27 // 10, 10), (50, 2**27 // 11, 10), (50, 2**28, 1),
    (7, 2**27 // 3, 1)])
def test_blocks_divide_chunks(length, each, steps):
  assert streaming.block_length(length, bytes_of_a_step=each) == steps


@pytest.mark.parametrize('first, want', [
    (0, [4, 4, 4, 4, 4, 4]), (4, [4, 4, 4, 4, 4]), (3, [4, 4, 1, 4, 4, 4]),
    (11, [1, 4, 4, 4]), (24, [])])
def test_blocks_end_with_their_chunk_wherever_training_goes_on(first, want):
  assert streaming.block_counts(4, first=first, last=24, steps=12) == want


def test_it_goes_on_inside_of_a_block(recipe, in_file, tmp_path, states_equal,
                                      monkeypatch):
  """Where another layout, of other blocks, was stopped there."""
  trainer = streamed(recipe, lay_out(jax.devices()[:1], folds=4, tasks=2))
  assert trainer.blocks.length == trainer.length == 2
  want, chunks = train(trainer, [in_file], tmp_path / 'whole')
  monkeypatch.setattr(stopping, 'is_stop_requested', lambda: True)
  counts = streaming.block_counts
  monkeypatch.setattr(streaming, 'block_counts', lambda length, **own: [1])
  with pytest.raises(stopping.Stopped):
    train(trainer._replace(pace=Pace()), [in_file], tmp_path / 'cut')
  monkeypatch.undo()
  assert streaming.block_counts is counts
  got, later = train(trainer, [in_file], tmp_path / 'cut')
  states_equal(got, want)
  assert [last for last, _ in later] == [2, 4]
  np.testing.assert_array_equal(later[0][1]['query_loss'][:, 0],
                                chunks[0][1]['query_loss'][:, 1])


def test_where_clips_live():
  where = functools.partial(streaming.choose_clip_memory, size=2**32, devices=1)
  assert where('auto', limit=2**34)[0] == 'device'
  assert where('auto', limit=2**32)[0] == 'host'
  assert where('host', limit=2**34)[0] == 'host'
  assert where('device', limit=2**32)[0] == 'device'
  reason = where('auto', limit=2**32)[1]
  assert '4 GiB' in reason and 'training.data=host' in reason
  assert where('auto', limit=None, devices=10**6)[0] == 'host'
