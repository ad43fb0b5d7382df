"""`import lightman_jax as lm`: what a notebook can do, each in a few lines."""

import doctest
import inspect
import json
import pathlib
import re
import subprocess
import sys

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax import settings as settings_module
from lightman_jax.experiment import assembly, run
from lightman_jax.runs.progress import Progress
from lightman_jax.tasks import arrays
from lightman_jax.training.compiled import COMPILING

ROOT = pathlib.Path(__file__).resolve().parents[1]
NAMES = [name for name in lm.__all__ if name not in ('settings', 'tasks', 'learners')]
SMALL = {'model.width': 8, 'training.steps': 3, 'training.checkpoint_every': 3,
         'training.tasks': 1, 'evaluation.draws': 2, 'episodes.shots': 1,
         'episodes.queries': 1}


def people(count=4, each=6, shape=(3,), classes=2, seed=0):
  """X, y, groups: clusters a class, moved from person to person."""
  rng = np.random.default_rng(seed)
  y = np.tile(np.arange(classes), (count, each // classes)).reshape(-1)
  groups = np.repeat([f's{number}' for number in range(count)], each)
  X = rng.standard_normal((len(y), *shape)) + 3 * y.reshape(-1, *[1] * len(shape))
  return X.astype(np.float32), np.array(['calm', 'joy', 'fear'])[y], groups


@pytest.fixture(scope='module')
def debug():
  return lm.settings('synthetic:debug')


@pytest.fixture(scope='module')
def data(debug):
  return lm.load(debug)


def test_the_import_is_light():
  program = ('import sys, lightman_jax as lm; names = dir(lm); '
             'assert sorted(lm.__all__) == names and "tasks" in names; '
             'heavy = {"jax", "numpy", "flax", "sklearn", "tensorflow_datasets"}; '
             'assert not heavy & set(sys.modules); lm.InputError; lm.settings; '
             'assert not heavy & set(sys.modules)')
  subprocess.run([sys.executable, '-c', program], check=True, cwd=ROOT)


def test_every_name_is_there():
  assert len(set(lm.__all__)) == len(lm.__all__) <= 32
  assert all(getattr(lm, name) is getattr(lm, name) is not None for name in lm.__all__)
  assert lm.__all__ == sorted(lm.__all__, key=lambda name: (name[0].islower(), name))
  with pytest.raises(AttributeError, match='nosuch'):
    assert lm.nosuch


@pytest.mark.parametrize('name', NAMES)
def test_every_name_is_explained(name):
  text = inspect.getdoc(getattr(lm, name))
  first = text.split('\n')[0]
  assert first.endswith('.') and len(first) < 89
  assert 'Example:' in text and '>>> ' in text
  if inspect.isfunction(getattr(lm, name)):
    parameters = inspect.signature(getattr(lm, name)).parameters
    assert ('Args:' in text) == bool(parameters) and 'Returns:' in text
    assert all(re.search(rf'^ +(\*\*)?{parameter}\b', text, re.M)
               for parameter in parameters)


@pytest.mark.parametrize('module', [lm, arrays, settings_module])
def test_examples_run(module):
  failed, tried = doctest.testmod(module)
  assert not failed and tried


def test_settings_by_name(debug):
  assert debug['training']['steps'] == 4
  changed = lm.settings('casme2', method='maml', **{'training.steps': 50})
  assert changed['method']['name'] == 'maml' and changed['training']['steps'] == 50
  with pytest.raises(lm.InputError, match="the nearest is 'training.steps'"):
    lm.settings('casme2', **{'training.stepz': 50})
  # Whoever imports the module of that name has the function, too.
  assert lm.settings(pathlib.Path('casme2')) == lm.settings('casme2')
  for wrong in (3, None, {'seed': 0}, b'casme2'):
    with pytest.raises(lm.InputError, match='give its name, not a'):
      lm.settings(wrong)
  assert lm.settings is settings_module and callable(settings_module)


@pytest.mark.parametrize('name', ['load', 'folds', 'make_network', 'make_learner',
                                  'sample_task', 'train', 'predict', 'run'])
def test_names_and_paths_are_no_settings(name, tmp_path):
  """What to write is what runs."""
  for value, wanted in (('synthetic:debug', "lm.settings('synthetic:debug')"),
                        (tmp_path / 'two.csv', "two.csv'})"), (None, 'lm.settings(')):
    with pytest.raises(lm.InputError, match=f'{name} takes complete settings first'
                       ) as caught:
      getattr(lm, name)(value)
    said = str(caught.value)
    assert wanted in said and f'write lm.{name}(lm.settings(' in said


def test_arrays_have_variants_as_keywords():
  settings = lm.array_settings((3, 2), protocol='kfold', encoder='mlp', macro='none')
  assert settings['model']['encoder'] == 'mlp' and settings['macro']['source'] == 'none'
  assert settings['episodes']['protocol'] == 'kfold'
  with pytest.raises(lm.InputError, match='svm is a row beside every result'):
    lm.array_settings((3,), method='svm')


def test_a_data_set_is_a_table_and_arrays(debug, data):
  table = data.clips.table
  assert {len(column) for column in table.values()} == {36}
  assert set(table['kind']) == {'micro', 'macro'}
  assert all(name == (*data.clips.classes, '')[label]
             for name, label in zip(table['class'], table['label']))
  assert data.clips.frames[5].shape[0] == debug['data']['frames']
  assert isinstance(data.pool.x, np.ndarray) and data.pool.x.dtype == np.float32
  assert len(data.pool.x) == len(data.pool.label) == 36


def test_data_frames_take_the_table(data):
  pandas = pytest.importorskip('pandas')
  frame = pandas.DataFrame(data.clips.table)
  assert frame.groupby('subject').size().sum() == len(frame) == 36


def test_folds_have_names(debug, data):
  folds = lm.folds(debug, data)
  assert folds['sub02'] is folds[1] and folds[-1].name == 'sub04'
  with pytest.raises(lm.InputError, match="no fold 'sub2'; the nearest is 'sub02'"):
    folds['sub2']


@pytest.mark.parametrize('x, words', [
    (lambda x: (x[:2] * 9).astype(np.uint8), 'x is of uint8, as pictures are'),
    (lambda x: x[:2, :, :5], r'x has clips of \(4, 5, 16, 3\); give finite in'),
    (lambda x: x[:2] * np.nan, 'numbers that are not finite')])
def test_what_is_no_input_is_not_predicted(debug, data, x, words):
  with pytest.raises(lm.InputError, match=words):
    lm.predict(debug, lm.folds(debug, data)[0], {}, x=x(data.pool.x))


def test_a_key_is_a_key(debug):
  net = lm.make_network(debug, 3)
  with pytest.raises(lm.InputError, match=r'init is 0; give jax.random.key\(0\)'):
    net.init(0, (4, 16, 16, 3))


def test_a_step_by_hand(debug, data):
  fold = lm.folds(debug, data)[1]
  assert fold.test.sum() == 6 and not (fold.train & fold.test).any()
  task = lm.sample_task(debug, fold, step=2)
  net = lm.make_network(debug, len(data.pool.classes), encoder=Mean())
  learner = lm.make_learner(debug, net)
  params = learner.init(fold.data.key, task.query.x.shape[1:])
  grads, losses = learner.meta_grad(params, task, fold.data.key)
  assert jax.tree.structure(grads) == jax.tree.structure(params)
  assert np.isfinite(losses['query_loss']) and 'support_alignment' in losses
  fast = learner.adapt(params, task.support, fold.data.key).fast
  assert learner.predict(fast, task.query.x).shape == (3, 3)
  folds = lm.folds(debug, data)
  assert repr(folds) == '<4 folds: sub01, sub02, sub03, sub04>'
  assert repr(fold) == '<HeldOut sub02: trains on 27 clips of 3 people, tests 6 micro>'
  assert repr(data.pool) == ('<Pool of 36 clips (4, 16, 16, 3) of 4 people: 24 micro, '
                             '12 macro; negative, positive, surprise>')
  for shown in (data, data.clips, data.clips.frames, fold.data, data.folds, task, net,
                learner, recipe_of(debug, data), lm.Steps(1, .1),
                lm.Classifier()):
    assert len(repr(shown)) <= 1000 and repr(shown).count('\n') < 10, repr(shown)


def recipe_of(settings, data):
  layout = assembly.make_layout(settings, tuple(jax.devices()[:1]), 1)
  return assembly.make_recipe(settings, data.pool, layout)


class Mean(nn.Module):
  """An encoder of one's own, on anything."""

  @nn.compact
  def __call__(self, x):
    return nn.tanh(nn.Dense(4)(x.reshape(len(x), -1)))


@pytest.mark.parametrize('shape', [(3,), (5, 2)])
def test_arrays_that_are_no_pictures(shape, capsys):
  X, y, groups = people(shape=shape)
  pool = lm.tasks.from_arrays(X, y, groups)
  settings = lm.array_settings(shape, method='protonet', **SMALL)
  fold = lm.folds(settings, pool)[0]
  assert (fold.name, fold.test.sum(), fold.train.sum()) == ('s0', 6, 18)
  task = lm.sample_task(settings, fold)
  there = (X / fold.data.clips.view.scale[0])[groups != 's0'].reshape(18, -1)
  for x in np.asarray(task.support.x).reshape(2, -1):     # as they are, of the others
    assert np.abs(there - x).sum(1).min() < 1e-5
  odds = lm.predict(settings, fold, lm.train(settings, fold, verbose=False))
  assert capsys.readouterr().err == ''
  np.testing.assert_allclose(odds.sum(1), 1, rtol=1e-6)
  assert (np.array(pool.classes)[odds.argmax(1)] == y[fold.test]).mean() > .6


@pytest.mark.parametrize('shots, clips', [(0, 1), (2, 2), (5, 5)])
def test_a_support_at_test_time_holds_what_is_set(shots, clips):
  """As a method says it that answers with how many clips of a class it adapts to."""
  X, y, groups = people()
  settings = lm.array_settings((3,), **SMALL, **{'evaluation.support_shots': shots})
  fold = lm.folds(settings, lm.tasks.from_arrays(X, y, groups))[0]
  net = lm.make_network(settings, 2, encoder=Mean())
  params = net.init(jax.random.key(0), (3,))
  plain = lm.learners.maml(net, lm.learners.Steps(1, .1))
  counting = plain._replace(
      adapt=lambda params, support, key: plain.adapt(params, support, key)._replace(
          fast=(support.label == 1).sum()),
      predict=lambda fast, x: jnp.log(jnp.stack([1., fast]))[None].repeat(len(x), 0))
  odds = lm.predict(settings, fold, params, learner=counting)
  np.testing.assert_allclose(odds[:, 1] / odds[:, 0], clips, rtol=1e-5)


@pytest.mark.parametrize('change, words', [
    (dict(X=np.full((24, 3), np.nan)), 'X[0] is not finite'),
    (dict(X=np.zeros(24)), 'shape (24,)'),
    (dict(y=['joy'] * 23), 'y has shape (23,)'),
    (dict(groups=[None] * 24), 'groups[0] is missing'),
    (dict(groups=[1, 'a'] * 12), ''),
    (dict(groups=[1, '1', 'a'] * 8), "groups has '1' and the number 1"),
    (dict(macro=[1] * 24), 'one truth value'),
    (dict(X=[['a', 'b', 'c']] * 24), 'no array of numbers'),
    (dict(X=np.zeros((24, 3)) + 1j), 'X is complex'),
    (dict(X=np.ma.masked_less(np.zeros((24, 3)), 1.)), 'X is masked'),
    (dict(groups=np.ma.array(np.repeat([1, 2], 12), mask=[False] * 23 + [True])),
     'groups[23] is masked'),
    (dict(groups=['s0', 'S0'] * 12), "'S0' and 's0', which look like one person"),
    (dict(groups=['sub01', '1'] * 12), 'different_people=True'),
    (dict(groups=['A', '\u0410'] * 12), 'look like one person'),     # Cyrillic
    (dict(y=['pos', 'Pos'] * 12), "'Pos' and 'pos', which look like one class")])
def test_arrays_that_are_refused(change, words):
  X, y, groups = people()
  arguments = {'X': X, 'y': y, 'groups': groups, **change}
  if not words:
    assert lm.tasks.from_arrays(**arguments).subjects == ('1', 'a')
    return
  with pytest.raises(lm.InputError, match=re.escape(words)):
    lm.tasks.from_arrays(**arguments)


def test_arrays_that_are_meant():
  X, y, _ = people()
  pool = lm.tasks.from_arrays(X, ['pos', 'Pos'] * 12, ['s0', 'S0'] * 12,
                              different_people=True, different_labels=True)
  assert (pool.subjects, pool.classes) == (('S0', 's0'), ('Pos', 'pos'))
  X[7] = X[0] = -0.
  X[7] = 0.
  with pytest.warns(UserWarning, match=r'X\[7\] of s1 and X\[0\] of s0 are equal \(1 '):
    lm.tasks.from_arrays(X, y, np.repeat(['s0', 's1'], 12)[np.arange(24) // 6 % 2 * 12])
  classifier = lm.Classifier('ridge', **{'training.steps': 3})
  with pytest.raises(lm.InputError, match='training.steps means nothing for method=ri'):
    classifier.fit(people()[0], y, groups=np.arange(24) % 4)


def test_a_method_of_ones_own(capsys):
  """A learner is an object: here one that predicts from the sines of what it sees."""
  X, y, groups = people()
  pool = lm.tasks.from_arrays(X, y, groups)
  settings = lm.array_settings((3,), **SMALL)
  fold = lm.folds(settings, pool)[0]
  seen = []
  net = lm.make_network(settings, 2, encoder=Mean())
  plain = lm.learners.supervised(net)

  def gradient(params, task, key, progress):      # whose loss has a name of its own
    grads, losses = plain.meta_grad(params, task, key, progress)
    return grads, {'mine': losses['query_loss']}
  mine = plain._replace(predict=lambda fast, x: net.logits(fast, jnp.sin(x)),
                        meta_grad=gradient)
  assert 'this is MAML' in capsys.readouterr().err      # of what `settings` names
  params = lm.train(settings, fold, learner=mine,
                    on_step=lambda step, scalars: seen.append(step))
  assert seen[-1] == 3 and params['encoder']['Dense_0']['kernel'].shape == (3, 4)
  shown = capsys.readouterr()
  first, second, *_, last = shown.err.splitlines()
  assert (first, second) == ('train: 0/3', COMPILING) and not shown.out
  assert re.fullmatch(r'train: 3/3, took \d:\d\d', last)
  with pytest.raises(lm.InputError, match='no fold to train'):
    lm.train(settings, [])
  odds = lm.predict(settings, fold, params, learner=mine)
  want = jax.nn.softmax(net.logits(params, jnp.sin(X[fold.test] /
                                                   fold.data.clips.view.scale[0])))
  np.testing.assert_allclose(odds, want, rtol=1e-5)


def test_an_inner_optimizer_of_ones_own():
  import optax
  net = lm.make_network(lm.array_settings((3,)), 2, encoder=Mean())
  adam = lm.learners.maml(net, lm.Steps(2, .1, optimizer=optax.adam(.1, eps_root=1e-8)))
  plain = lm.learners.maml(net, lm.Steps(2, .1))
  X, y, groups = people()
  settings = lm.array_settings((3,), **SMALL)
  task = lm.sample_task(settings, lm.folds(
      settings, lm.tasks.from_arrays(X, y, groups))[0])
  params, key = net.init(jax.random.key(0), (3,)), jax.random.key(1)
  one, other = (learner.meta_grad(params, task, key)[0] for learner in (adam, plain))
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(one))
  assert not np.allclose(one['head']['kernel'], other['head']['kernel'])


def test_info():
  info = lm.info()
  assert info['lightman_jax'] == lm.__version__
  assert info['packages']['jax'] == jax.__version__
  assert info['devices']['platform'] == 'cpu'
  json.dumps(info)


def test_whether_the_data_of_a_finished_run_are_as_they_were(debug, data, monkeypatch):
  with Progress() as progress:
    assert run._content_sha256(debug, progress) == data.sha256
    other = data.clips._replace(info={**data.clips.info, 'sha256': 'of a changed row'})
    monkeypatch.setattr(run, 'load', lambda *_, **__: other)
    assert run._content_sha256(debug, progress) != data.sha256


def test_a_run_and_a_run_opened(debug, tmp_path):
  settings = lm.settings('synthetic:debug', method='supervised', **{
      'model.encoder': 'mlp', 'episodes.protocol': 'kfold', 'training.steps': 2})
  run = lm.run(settings, tmp_path / 'run')
  again = lm.open_run(str(tmp_path / 'run'))
  assert again.results == run.results and 'ridge' in again.results['rows']
  assert again.settings == settings
  table = again.predictions
  assert {len(column) for column in table.values()} == {24}
  odds = np.stack([table[f'probability_{name}'] for name in ('negative', 'positive',
                                                             'surprise')], 1)
  np.testing.assert_allclose(odds.sum(1), 1, atol=1e-5)
  # What is trained by hand is what the run has, and predicts what it did.
  folds = lm.folds(settings, lm.load(settings))
  assert list(again.models) == [fold.name for fold in folds] == ['fold1of2', 'fold2of2']
  jax.tree.map(np.testing.assert_array_equal, lm.train(settings, folds[0]),
               again.models['fold1of2'])
  mine = table['fold'] == 'fold1of2'
  np.testing.assert_allclose(
      lm.predict(settings, folds[0], again.models['fold1of2']), odds[mine], atol=1e-5)


def my_method(net, *, strength: float = 2.):
  """A method of one's own: supervised, with logits of another strength."""
  return lm.learners.supervised(net)._replace(
      predict=lambda fast, x: strength * net.logits(fast, x))


def test_settings_take_a_method_that_python_holds():
  """What a run of these settings records of it is its text."""
  settings = lm.settings('synthetic:debug', method=my_method)
  assert settings['method'].pop('name').endswith('door_test:my_method')
  assert settings['method'].keys() == {'sha256', 'strength'}
  settings = lm.settings('synthetic:debug', method=my_method, **{'method.strength': 3.})
  net = lm.make_network(settings, 2, encoder=Mean())
  params, x = net.init(jax.random.key(0), (3,)), jnp.ones((1, 3))
  np.testing.assert_allclose(lm.make_learner(settings, net).predict(params, x),
                             3 * net.logits(params, x), rtol=1e-6)


@pytest.mark.parametrize('files, words', [((), 'no run folder'),
                                          (('config.json',), 'has no results yet')])
def test_folders_that_are_no_finished_run(files, words, tmp_path):
  for name in files:
    (tmp_path / name).write_text('{}')
  with pytest.raises(lm.InputError, match=words):
    lm.open_run(tmp_path)


@pytest.mark.slow
def test_the_readme_example():
  text = (ROOT / 'README.md').read_text(encoding='utf-8')
  section = text.partition('## In a notebook')[2].partition('\n## ')[0]
  code = re.search(r'```python\n(.*?)```', section, re.S)[1]
  assert len(code.strip().split('\n')) <= 15
  names = {}
  exec(compile(code, 'README.md', 'exec'), names)     # our own file
  assert names['probabilities'].shape == (6, 3)
