"""What an example claims of itself."""

import importlib.util
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

from configs import synthetic
from lightman_jax import registry, settings
from lightman_jax.__main__ import main
from lightman_jax.data import choice
from lightman_jax.errors import InputError
from lightman_jax.experiment import assembly, finished
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.models.network import check_clips
from lightman_jax.options import read_options
from lightman_jax.synthetic.replicas.draw import (
  Book,
  Clip,
  Edition,
  Film,
  Replica,
  Tab,
)
from lightman_jax.synthetic.replicas.write import REPLICAS, write_replica
from lightman_jax.tasks import folds
from lightman_jax.tasks.sampling import Examples, Task

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / 'examples'


def load(name):
  """The module of an example."""
  spec = importlib.util.spec_from_file_location(name, EXAMPLES / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope='module')
def task():
  rng = np.random.default_rng(0)
  side = lambda n: Examples(
      jnp.asarray(rng.standard_normal((n, 1, 2, 2, 2)), jnp.float32), jnp.arange(n) % 3,
      jnp.zeros((0, 1, 2, 2, 2)), jnp.zeros(0, int))
  return Task(side(6), side(3))


def test_proximal_maml(small_net, start_of, task):
  """Without the pull it is MAML; with it, adaptation ends nearer to the start."""
  proximal_maml = load('proximal_maml').proximal_maml
  assert list(read_options(proximal_maml)) == ['inner_steps', 'inner_rate', 'proximal']
  assert not proximal_maml.uses_macro and proximal_maml.second_order
  params = start_of(small_net, (1, 2, 2, 2))
  key = jax.random.key(0)

  def result(learner):
    def both(params):
      grads, _ = learner.meta_grad(params, task, key)
      fast = learner.adapt(params, task.support, key).fast
      gaps = jax.tree.map(lambda a, b: jnp.sum(jnp.square(a - b)), fast, params)
      return grads, sum(jax.tree.leaves(gaps))
    return jax.jit(both)(params)
  maml, far = result(learners.maml(small_net, Steps(3, .2, memory=1024.)))
  same, as_far = result(proximal_maml(small_net, inner_rate=.2, proximal=0.))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
               same, maml)
  np.testing.assert_allclose(as_far, far, rtol=1e-5)
  other, near = result(proximal_maml(small_net, inner_rate=.2, proximal=2.))
  assert near < .8 * far
  gap = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), other, maml)
  assert max(jax.tree.leaves(gap)) > 1e-3


def test_mlp_mixer():
  """It is an encoder with settings of its own; where a patch lies is not lost."""
  name = f'{EXAMPLES / "mlp_mixer.py"}:Mixer'
  config = synthetic.get_config(f'encoder={name},debug').to_dict()
  assert set(config['model']) == {'encoder', 'sha256', 'matmul_precision', 'width',
                                  'hidden', 'blocks', 'patch'}
  # What `debug` changes of every network holds here, too.
  assert config['model']['width'] == 4 and config['model']['hidden'] == 32
  settings.check(config)
  for changes, words in (({'patch': 0}, 'model.patch is 0'),
                         ({'grid': 4}, 'model.grid=4 means nothing for model.enc')):
    with pytest.raises(InputError, match=words):
      settings.check({**config, 'model': {**config['model'], **changes}})
  net = assembly.make_net(config, ('a', 'b', 'c'))
  x = np.zeros((2, 2, 8, 8, 3), np.float32)
  x[0, 0, 0, 0], x[1, 0, 7, 7] = 1, 1
  x = jnp.asarray(x)
  params = net.init(jax.random.key(0), x.shape[1:])
  maps = net.maps(params, x)
  assert maps.shape == (2, 2 * 4, 4)
  assert np.abs(maps[0] - maps[1]).max() > 1e-3
  assert net.logits(params, x).shape == (2, 3)
  check_clips(net, x.shape[1:], name)
  with pytest.raises(InputError, match=r'cannot take clips \(68, 2\) .ValueError: not'):
    check_clips(net, (68, 2), name)


def test_what_makes_no_module_is_refused(tmp_path):
  (tmp_path / 'mine.py').write_text('def net(*, width: int = 3):\n  return width\n')
  config = synthetic.get_config(f'encoder={tmp_path / "mine.py"}:net').to_dict()
  settings.check(config)
  with pytest.raises(InputError, match='makes int; an encoder is a flax.linen.Module'):
    assembly.make_net(config, ('a', 'b'))


def test_scores_are_those_of_scikit_learn():
  rng = np.random.default_rng(0)
  truth, odds = rng.integers(0, 3, 40), rng.dirichlet(np.ones(3), 40)
  guess, own = odds.argmax(1), load('own_scores')
  assert own.kappa(truth, guess, 3) == pytest.approx(
      metrics.cohen_kappa_score(truth, guess))
  assert own.weighted_f1(truth, guess) == metrics.f1_score(
      truth, guess, average='weighted')
  one_class = metrics.brier_score_loss
  assert own.brier(truth, odds) == pytest.approx(sum(
      one_class(truth == k, odds[:, k]) for k in range(3)))


def test_folds_of_a_csv(pool_of, tmp_path):
  """Those of the csv; a person whom it forgets is named."""
  pool = pool_of(subjects=4, micro=2, macro=1)
  place = f'{EXAMPLES / "own_folds.py"}:from_csv'
  registry.allow('protocol', place)
  path = tmp_path / 'folds.csv'
  path.write_text('subject,fold\ns0,a\ns1,b\ns2,a\ns3,b\n')
  made = folds.make_folds(pool, place, folds=9, seed=0, dataset='d',
                          options={'path': str(path)})
  subject = np.array(pool.subjects)[pool.subject]
  assert [fold.held_out for fold in made] == ['a', 'b']
  for fold, people in zip(made, (['s0', 's2'], ['s1', 's3'])):
    mine = np.isin(subject, people)
    assert (fold.test == mine & ~pool.macro).all() and (fold.train == ~mine).all()
  assert folds.protocol_name(pool, place, folds=9, options={'path': 'x.csv'}) == (
      'folds of own_folds.py:from_csv with path=x.csv')
  path.write_text('subject,fold\ns0,a\ns1,b\ns2,a\n')
  with pytest.raises(InputError, match='no line for the subject s3'):
    folds.make_folds(pool, place, folds=9, seed=0, dataset='d',
                     options={'path': str(path)})


# A lab's tree in its own layout, by our own generator.

FELT = ('happiness', 'surprise', 'disgust')


def lab_clips(seed):
  del seed
  return tuple(
      Clip(f'P{person:02d}', f'clip_{number:02d}', 1, 3, 5, felt)
      for person in range(1, 5) for number, felt in enumerate(FELT, 1))


LAB = Replica(
    'My Lab', lab_clips,
    lambda clips, edition: tuple(
        Film(clip, f'{clip.subject}/{clip.name}', '{:04d}.png') for clip in clips),
    {'cropped': Edition(('frames',), (64, 64), True)},
    lambda clips: {'v1': (Book('lab_annotations', (Tab('Sheet1', [
        ['Participant', 'Video', 'First', 'Peak', 'Last', 'Felt'],
        *([int(clip.subject[1:]), clip.name, clip.onset, clip.apex, clip.offset,
           clip.emotion] for clip in clips)]),)),)})


@pytest.fixture
def lab(tmp_path, monkeypatch):
  """The folder of its data, and the place of its facts."""
  monkeypatch.setitem(REPLICAS, 'my_lab', LAB)
  monkeypatch.setattr(registry, '_ALLOWED', {})
  write_replica('my_lab', tmp_path / 'lab', frames=3, size=(32, 32))
  return tmp_path / 'lab', f'{EXAMPLES / "own_data_set.py"}:FACTS'


def test_a_data_set_of_a_lab_is_examined_and_built(lab, tmp_path, capsys):
  folder, facts = lab
  assert main(['doctor', str(folder), '--name', facts, '--frames', '3']) == 0
  assert 'My Lab' in capsys.readouterr().out
  home = tmp_path / 'home'
  assert main(['build', facts, '--manual_dir', str(folder), '--data_dir', str(home),
               '--frames', '3', '--size', '16', '--landmarks', 'none']) == 0
  assert 'my_lab/my_lab_3-v1-cropped' in capsys.readouterr().out
  # A file that nobody named is not run because a setting names it.
  registry._ALLOWED.clear()
  with pytest.raises(registry.NotNamed, match='code from outside'):
    choice.choose({'name': facts})


def test_a_data_set_of_a_name_that_is_known_is_refused(tmp_path):
  file = tmp_path / 'mine.py'
  for name, words in (('casme2', 'called .casme2., as one that this program knows'),
                      ('My Lab', 'small letters, digits and _')):
    file.write_text((EXAMPLES / 'own_data_set.py').read_text().replace(
        "name='my_lab'", f'name={name!r}'))
    registry.allow('data', f'{file}:FACTS')
    with pytest.raises(InputError, match=words):
      choice.choose({'name': f'{file}:FACTS'})
  registry._ALLOWED.pop(('data', f'{file}:FACTS'))


@pytest.mark.slow
def test_a_run_of_which_everything_is_from_outside(lab, tmp_path, capsys, monkeypatch):
  """Each of the five is recorded, and run from no folder."""
  folder, facts = lab
  (tmp_path / 'folds.csv').write_text('subject,fold\n' + ''.join(
      f'P{n:02d},{"ab"[n % 2]}\n' for n in range(1, 5)))
  place = {'method': 'proximal_maml.py:proximal_maml', 'encoder': 'mlp_mixer.py:Mixer',
           'protocol': 'own_folds.py:from_csv', 'score': 'own_scores.py:kappa'}
  place = {kind: f'{EXAMPLES / name}' for kind, name in place.items()} | {'data': facts}
  config = settings('casme2:debug', **place, **{
      'data.manual_dir': str(folder), 'data.data_dir': str(tmp_path / 'home'),
      'data.frames': 3, 'data.size': 16, 'data.landmarks': 'none',
      'inputs.size': 8, 'training.steps': 2, 'training.checkpoint_every': 2,
      'episodes.path': str(tmp_path / 'folds.csv')})
  run = finished.run(config, tmp_path / 'run')
  row = run.results['rows']['proximal_maml.py:proximal_maml']
  assert row['kappa']['low'] <= row['kappa']['value'] <= row['kappa']['high']
  about = run.results['about']
  assert about['dataset'] == 'my_lab' and about['encoder'] == 'mlp_mixer.py:Mixer'
  assert about['folds'] == 2 and about['protocol'].startswith('folds of own_folds.py')
  record = json.loads((run.path / 'outside.json').read_text())
  assert set(record) == {'method', 'encoder', 'data', 'protocol', 'score'}
  assert record['data']['text'] == (EXAMPLES / 'own_data_set.py').read_text()
  monkeypatch.setattr(registry, '_ALLOWED', {})
  said = lambda *words: (main([*words]), ''.join(capsys.readouterr()))
  code, text = said('verify', str(run.path))
  assert code == 0 and 'Not scored again: kappa' in text
  code, text = said('verify', str(run.path), f'--score={place["score"]}')
  assert code == 0 and 'Not scored again' not in text
  named = [f'--{kind}={name}' for kind, name in place.items()]
  for left in range(len(named)):
    registry._ALLOWED.clear()
    code, text = said('verify', str(run.path), '--rerun', '--data_dir',
                      str(tmp_path / 'home'), *named[:left], *named[left + 1:])
    assert code == 2 and named[left].partition('=')[0] in text
  code, text = said('verify', str(run.path), '--rerun', '--data_dir',
                    str(tmp_path / 'home'), *named)
  assert code == 0, text
  registry._ALLOWED.clear()
  out = str(tmp_path / 'report')
  code, text = said('report', str(run.path), '--out', out)
  assert code == 0 and '--score=own_scores.py:kappa' in text
  code, text = said('report', str(run.path), '--out', out, named[-2])
  page = (tmp_path / 'report' / 'report.html').read_text()
  assert code == 0 and '<th scope="col">kappa</th>' in page
  other = tmp_path / 'own_scores.py'
  other.write_text((EXAMPLES / 'own_scores.py').read_text() + '# another\n')
  code, text = said('report', str(run.path), '--out', out, f'--score={other}:kappa')
  assert code == 2 and 'other code as its score' in text
