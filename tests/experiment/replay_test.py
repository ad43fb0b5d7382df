"""What is kept of a task that broke: plain data that come back, and what is refused."""

import json
from typing import NamedTuple

import jax
import numpy as np
import pytest

from configs import common
from lightman_jax import sections
from lightman_jax.errors import InputError
from lightman_jax.experiment import replay
from lightman_jax.experiment.assembly import make_net
from lightman_jax.meta.learners import make_learner
from lightman_jax.runs.folder import open_run
from lightman_jax.tasks.sampling import Drawn, Examples, Side, Task
from lightman_jax.training import fault as walk
from lightman_jax.training.fault import Fault
from lightman_jax.training.finite import Broken


class Named(NamedTuple):
  """Stands for a fold's data, of which only the name is looked at."""
  name: str


class Names(NamedTuple):
  """Stands for a pool, of which only names are looked at."""
  clips: tuple[str, ...]
  classes: tuple[str, ...]


@pytest.fixture
def kept(tmp_path, pool_of):
  """A run folder with a fault, and the fault."""
  rng = np.random.default_rng(0)
  draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)
  side = Examples(draw(2, 3), np.array([0, 1]), draw(1, 3), np.array([-1]))
  where = Side(np.array([4, 7]), np.array([2]), side.label, side.macro_label)
  fault = Fault(3, 2, ('loss/query_loss',),
                {'encoder': {'Conv_0': {'kernel': draw(2, 2)}},
                 'head': {'bias': draw(2)}},
                Task(side, side._replace(x=np.full((2, 3), np.inf, np.float32))),
                Drawn(where, where._replace(macro=where.macro[:0])),
                np.array([1, 2], np.uint32), .5)
  with open_run(tmp_path / 'run', config={'seed': 0}, environment={
      'data_sha256': None}) as folder:
    replay._write(folder, {'seed': 0}, pool_of(),
                  Broken(Named('s1'), None, (), 3, 'none'), fault, 4)
  return folder, fault


def test_what_is_kept_comes_back(kept):
  folder, fault = kept
  about, tree = replay._read(folder.fault)
  assert (about['fold'], about['step'], about['task'], about['tasks']) == (
      's1', 3, 2, 4)
  assert about['clips'] == {'support micro': ['clip004', 'clip007'],
                            'support macro': ['clip002'],
                            'query micro': ['clip004', 'clip007'], 'query macro': []}
  np.testing.assert_array_equal(tree['params']['encoder']['Conv_0']['kernel'],
                                fault.params['encoder']['Conv_0']['kernel'])
  for got, want in zip(*map(jax.tree.leaves, (tree['task'], fault.examples)),
                       strict=True):
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
  np.testing.assert_array_equal(tree['key'], fault.key)


def test_the_largest_value_is_named(kept):
  _, tree = replay._read(kept[0].fault)
  line, = replay._largest('inputs', tree['task'])
  assert 'inf' in line and line.endswith('query/x')


@pytest.fixture
def whole(tmp_path):
  """A fault that can be redone: MAML of two classes, and a query that is infinite."""
  config = common.base().to_dict()
  config['data']['name'] = 'manifest'
  config['model'].update(width=4, temporal_depth=0)
  config['method'] = sections.choose('method', 'maml') | {'inner_steps': 1}
  learner = make_learner(make_net(config, ('a', 'b')), **config['method'])
  params = jax.tree.map(np.asarray, learner.init(jax.random.key(0), (1, 4, 4, 2)))
  x = np.ones((2, 1, 4, 4, 2), np.float32)
  side = Examples(x, np.array([0, 1]), x[:0], np.zeros(0, int))
  fault = Fault(3, 1, ('loss/query_loss',), params,
                Task(side, side._replace(x=x * np.inf)), None,
                np.array([1, 2], np.uint32), .5)
  with open_run(tmp_path / 'run', config=config, environment={}) as folder:
    where = Side(np.array([0, 1]), np.array([], int), side.label, side.macro_label)
    replay._write(folder, config, Names(('c0', 'c1'), ('a', 'b')),
                  Broken(Named('s1'), None, (), 3, 'none'),
                  fault._replace(drawn=Drawn(where, where)), 4)
  return folder


def test_a_fault_is_redone(whole):
  lines = list(replay.replay_lines(whole.path))
  assert lines[0] == ('fold s1, step 3, task 1 of 4: loss/query_loss is not a number')
  assert 'support micro: c0, c1' in lines and any('inf' in line for line in lines)


def test_what_jax_writes_otherwise_is_no_fault_of_the_files(whole, monkeypatch):
  def unknown(params):
    raise walk.UnknownForm('scan')
  monkeypatch.setattr(walk, '_scan_counts', unknown)
  with pytest.raises(InputError, match='writes the operation scan.*are whole'):
    list(replay.replay_lines(whole.path))


@pytest.mark.parametrize('change', [
    lambda about: about.clear(), lambda about: about.update(settings={}),
    lambda about: about.update(tensors=5), lambda about: about.update(clips=[]),
    lambda about: about.update(classes=3), lambda about: about.pop('done'),
    lambda about: about.update(classes=['a', 'b', 'c']),
    lambda about: about['settings']['method'].update(name='protonet', x=1),
    lambda about: about['settings']['model'].update(width=8),
    lambda about: about['settings'].pop('model')])
def test_a_fault_of_other_content_is_one_sentence(whole, change):
  about = json.loads(whole.fault.read_text())
  change(about)
  whole.fault.write_text(json.dumps(about))
  with pytest.raises(InputError, match='are damaged'):
    list(replay.replay_lines(whole.path))


def test_settings_that_there_are_not_are_named(whole):
  whole.fault.write_text(whole.fault.read_text().replace('"maml"', '"nothing"'))
  with pytest.raises(InputError, match="method.name is 'nothing'"):
    list(replay.replay_lines(whole.path))


def test_a_run_without_a_fault(tmp_path):
  with pytest.raises(InputError, match='keeps no task'):
    list(replay.replay_lines(tmp_path))


@pytest.mark.parametrize('damage', [
    lambda folder: folder.fault.write_text('{'),
    lambda folder: folder.fault.write_text(json.dumps([])),
    lambda folder: folder.fault_npz.unlink(),
    lambda folder: folder.fault_npz.write_bytes(folder.fault_npz.read_bytes()[:300])])
def test_a_damaged_fault_is_one_sentence(kept, damage):
  damage(kept[0])
  with pytest.raises(InputError, match='are damaged'):
    list(replay.replay_lines(kept[0].path))
