"""Weights from before the task: of whom they are, from what, and where they begin."""

import json
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import synthetic
from lightman_jax import settings
from lightman_jax.configurations.named import settings_by_name
from lightman_jax.data import people
from lightman_jax.errors import InputError
from lightman_jax.experiment import (
  finished,
  pretraining,
  published_start,
  run as experiment,
)
from lightman_jax.experiment.assembly import Material
from lightman_jax.files import file_sha256
from lightman_jax.models.network import make_network
from lightman_jax.runs import folder as run_folder, reproducibility
from lightman_jax.runs.identity import config_sha256
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.training import checkpoints, loop
from lightman_jax.training.state import FoldData, TrainState
from tests.conftest import Flat


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
  """A folder of each test's own."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  return tmp_path / 'cache' / 'lightman_jax' / 'pretrained'


@pytest.fixture(scope='module')
def pool(pool_of):
  return pool_of(subjects=4, micro=1, macro=3, classes=3, shape=(1, 2, 2, 3), signal=3.)


def settings_of(**changes):
  config = synthetic.get_config().to_dict()
  config['pretrain'].update(source='macro', steps=40, batch=12, rate=3e-2)
  config['pretrain'].update(changes)
  return config


def chosen(pool, net, **changes):
  return pretraining.choose(settings_of(**changes), pool, leave_one_subject_out(pool),
                            'made-up', make_net=lambda classes: net)


def equal(one, other):
  return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one),
                                                  jax.tree.leaves(other)))


def test_who_is_held_out_is_not_looked_at(pool, small_net, cache, monkeypatch):
  """With NaN in all their clips, and in all micro clips: the same, bit by bit."""
  fold = leave_one_subject_out(pool)[1]
  clean = chosen(pool, small_net).start(fold)
  theirs = pool.subject == 1
  spoilt = np.where((theirs | ~pool.macro)[:, None, None, None, None], np.nan, pool.x)
  for path in cache.iterdir():
    path.unlink()
  other = chosen(pool._replace(x=spoilt.astype(np.float32)), small_net)
  assert equal(other.start(fold), clean)
  assert other.people(fold) == (('made-up', 's0'), ('made-up', 's2'), ('made-up', 's3'))
  with pytest.raises(InputError, match='not finite'):
    other.start(leave_one_subject_out(pool)[0])
  # Of other training people they are other weights.
  assert not equal(chosen(pool, small_net).start(leave_one_subject_out(pool)[0]), clean)


def test_they_tell_macro_clips_apart(pool, small_net):
  fold = leave_one_subject_out(pool)[0]
  params = chosen(pool, small_net).start(fold)
  assert set(params) == {'encoder', 'head'}
  theirs = fold.train & pool.macro
  scale = np.sqrt(np.square(pool.x[theirs], dtype=float).mean((0, 1, 2, 3)))
  says = small_net.logits(params, jnp.asarray(pool.x / scale, jnp.float32)).argmax(-1)
  assert (says == pool.label)[theirs].mean() > .9


def test_what_is_in_the_cache_is_not_trained_again(pool, small_net, cache, monkeypatch):
  fold = leave_one_subject_out(pool)[2]
  first = chosen(pool, small_net).start(fold)
  path, = cache.iterdir()
  monkeypatch.setattr(pretraining._Trainer, '_train', lambda *_: 1 / 0)
  assert equal(chosen(pool, small_net).start(fold), first)
  with pytest.raises(ZeroDivisionError):
    chosen(pool, small_net, steps=41).start(fold)
  path.write_bytes(b'damaged')
  with pytest.raises(ZeroDivisionError):
    chosen(pool, small_net).start(fold)


class Killed(BaseException):
  """As a signal that cannot be caught."""


@pytest.mark.parametrize('how', ['killed', 'stopped', 'damaged'])
def test_what_was_ended_goes_on(how, pool, small_net, cache, monkeypatch):
  """To the same weights, bit by bit, and without the steps that were kept."""
  fold = leave_one_subject_out(pool)[2]
  whole = chosen(pool, small_net).start(fold)
  path, = cache.iterdir()
  path.unlink()
  done = []
  monkeypatch.setattr(pretraining.compiled, 'jit', counting := lambda f: (
      lambda *args: (done.append(0), jax.jit(f)(*args))[1]))
  made = chosen(pool, small_net)
  monkeypatch.setattr(pretraining, 'SECONDS', 1e9 if how == 'stopped' else 0.)
  if how == 'stopped':
    monkeypatch.setattr(pretraining.stopping, 'is_stop_requested',
                        lambda: len(done) == 25)
    monkeypatch.setattr(pretraining.stopping, 'check', lambda: (
        _killed() if len(done) == 25 else None))
  else:
    monkeypatch.setattr(pretraining, '_keep', lambda *args, keep=pretraining._keep: (
        keep(*args), _killed() if len(done) == 25 else None))
  with pytest.raises(Killed):
    made.start(fold)
  assert [path.name.endswith('.part.npz') for path in cache.iterdir()] == [True]
  if how == 'damaged':
    path, = cache.iterdir()
    path.write_bytes(path.read_bytes()[:-50])
  monkeypatch.undo()
  monkeypatch.setenv('XDG_CACHE_HOME', str(cache.parents[1]))
  monkeypatch.setattr(pretraining.compiled, 'jit', counting)
  assert equal(chosen(pool, small_net).start(fold), whole)
  assert len(done) == (65 if how == 'damaged' else 40)
  assert [path.suffixes for path in cache.iterdir()] == [['.npz']]


def _killed():
  raise Killed


@pytest.mark.parametrize('first', [True, False])
def test_a_head_is_kept_for_runs_of_the_same_classes_alone(pool, small_net, first):
  """Whichever of two runs trained before the other."""
  faces = pretraining.macro_source(settings_of(), pool, 'faces', 'abc')
  others = pool._replace(classes=('d', 'e', 'f'))
  folds = leave_one_subject_out(pool)
  for own in ((pool, others) if first else (others, pool)):
    made = pretraining.choose(settings_of(source='synthetic', steps=1), own, folds,
                              'made-up', make_net=lambda classes: small_net,
                              faces=faces)
    assert set(made.start(folds[0])) == (
        {'encoder', 'head'} if own is pool else {'encoder'})


def test_a_projection_is_trained_and_kept_with_the_encoder(pool, small_net, cache):
  faces = pretraining.macro_source(settings_of(), pool, 'faces', 'abc')
  fold = leave_one_subject_out(pool)[0]

  def start(net):
    return pretraining.choose(
        settings_of(source='synthetic', steps=1), pool, (fold,), 'made-up',
        make_net=lambda classes: net, faces=faces).start(fold)
  projects = make_network(Flat(), classes=3, projection=4)
  assert set(start(small_net)) == {'encoder', 'head'}
  made = start(projects)
  assert made['projection']['kernel'].shape == (6, 4)
  assert made['head']['kernel'].shape == (4, 3)


def test_weights_in_the_cache_are_of_the_encoders_code(pool, small_net, monkeypatch):
  fold = leave_one_subject_out(pool)[2]
  digests = {'lightman_jax.models.encoders': 'abc'}
  monkeypatch.setattr(pretraining, 'code_sha256', lambda *modules: ''.join(
      digests.get(name, '') for name in modules))
  chosen(pool, small_net, steps=1).start(fold)
  monkeypatch.setattr(pretraining._Trainer, '_train', lambda *_: 1 / 0)
  chosen(pool, small_net, steps=1).start(fold)
  digests['lightman_jax.models.encoders'] = 'edited'
  with pytest.raises(ZeroDivisionError):
    chosen(pool, small_net, steps=1).start(fold)


def test_action_units_alone_are_enough(pool, small_net):
  """Clips of no class, as SAMM's long videos: the encoder learns what units tell."""
  units = tuple(('12', '4+L7', '1+2')[k] for k in pool.label)
  unnamed = pool._replace(label=np.where(pool.macro, -1, pool.label))
  with pytest.raises(InputError, match='no clip with a class of a, b, c or'):
    chosen(unnamed, small_net)
  fold = leave_one_subject_out(pool)[0]
  made = chosen(unnamed._replace(action_units=units), small_net)
  assert made.about['action_units'] == pool.macro.sum() and not made.about['classes']
  z = np.asarray(small_net.embed(made.start(fold), jnp.asarray(pool.x)))
  start = np.asarray(small_net.embed(
      chosen(unnamed._replace(action_units=units), small_net, rate=1e-9).start(fold),
      jnp.asarray(pool.x)))
  spread = lambda z: np.mean([z[pool.label == k].std(0).mean() for k in range(3)]
                             ) / z.std(0).mean()
  assert spread(z) < .9 * spread(start)


def test_cells_of_action_units():
  read = pretraining.read_units(['R12+4', '?', '', '1+2+5B'])
  assert np.flatnonzero(read[0] == 1).tolist() == [3, 11]
  assert np.isnan(read[1:3]).all()
  assert np.flatnonzero(read[3] == 1).tolist() == [0, 1, 4]


def test_a_fold_begins_with_them_and_draws_the_rest():
  drawn = {'encoder': jnp.zeros((2, 3)), 'head': jnp.ones((2, 4)),
           'log_weight': jnp.full(2, 7.)}
  folds = [FoldData('s0', jax.random.key(0), None, np.ones((1, 2), bool),
                    {'encoder': np.full(3, n, np.float32)}) for n in (5, 6)]
  state = loop._begun(TrainState(jnp.zeros(2, int), drawn, ()), folds)
  np.testing.assert_array_equal(state.params['encoder'], [[5.] * 3, [6.] * 3])
  assert equal({**state.params, 'encoder': 0}, {**drawn, 'encoder': 0})
  # All members of a fold begin with the same.
  members = {**drawn, 'encoder': jnp.zeros((2, 4, 3))}
  state = loop._begun(TrainState(jnp.zeros(2, int), members, ()), folds)
  np.testing.assert_array_equal(state.params['encoder'],
                                [[[5.] * 3] * 4, [[6.] * 3] * 4])


# Weights of a run.

@pytest.fixture
def run(tmp_path, monkeypatch, small_net):
  """A function of whom each fold has seen to a finished run of three folds."""
  def make(seen, changes=None, clips=None):
    config = settings_of(source='none')
    models = {name: small_net.init(jax.random.key(n), (1, 2, 2, 3))
              for n, name in enumerate(('s0', 's1', 's2'))}
    results = {'about': {'clips_per_class': {'a': 1, 'b': 1, 'c': 1},
                         'data_sha256': 'abc'}}
    (tmp_path / pretraining.SEEN).write_text(json.dumps(seen))
    if clips is not None:
      (tmp_path / pretraining.CLIPS).write_text(json.dumps(clips))
    (tmp_path / reproducibility.NAME).write_text(json.dumps({'files': {
        name: file_sha256(tmp_path / name)
        for name in (pretraining.SEEN, pretraining.CLIPS)
        if (tmp_path / name).exists()}}))
    monkeypatch.setattr(finished, 'open_run', lambda path: types.SimpleNamespace(
        path=tmp_path, settings=config | (changes or {}), models=models,
        results=results))
    return models
  return make


def of_run(pool, small_net, **changes):
  config = settings_of(source='somewhere')
  config['model'].update(changes)
  folds = leave_one_subject_out(pool)[:2]
  return pretraining.choose(config, pool, folds, 'made-up',
                            make_net=lambda classes: small_net), folds


def test_a_fold_takes_the_model_that_saw_none_of_its_people(pool, run, small_net):
  person = lambda *names: [['made-up', name] for name in names]
  models = run({'s0': person('s1', 's2'), 's1': person('s0', 's2'),
                's2': person('s0', 's1')})
  made, folds = of_run(pool, small_net)
  for fold, name in zip(folds, ('s0', 's1')):
    assert equal(made.start(fold), {part: models[name][part]
                                    for part in ('encoder', 'head')})
    assert ('made-up', fold.held_out) not in made.people(fold)
  # Folds of other names, as of another protocol.
  models = run({'s0': person('s0', 's2'), 's1': person('s1', 's2')})
  made, folds = of_run(pool, small_net)
  assert equal(made.start(folds[0])['encoder'], models['s1']['encoder'])


def test_behind_an_embedding_of_another_kind_all_is_drawn(pool, run, small_net):
  config = settings_of(source='somewhere')
  projecting = {'method': {**config['method'], 'projection': 4}}
  start = lambda config, net: pretraining.choose(
      config, pool, (fold,), 'made-up', make_net=lambda classes: net).start(fold)
  net = make_network(Flat(), classes=3, projection=4)
  fold = leave_one_subject_out(pool)[0]
  models = run({'s0': []}, projecting)
  models['s0']['projection'] = net.init(jax.random.key(5), (1, 2, 2, 3))['projection']
  assert set(start(config, small_net)) == {'encoder'}
  models['s0'].pop('head')
  assert set(start(config | projecting, net)) == {'encoder', 'projection'}
  run({'s0': []})
  assert set(start(config | projecting, net)) == {'encoder'}


def test_what_is_taken_over_and_that_it_was_a_trial_is_said(pool, run, small_net):
  run({'s0': []})
  made, _ = of_run(pool, small_net)
  assert made.about['parts'] == 'encoder and head' and not made.trial
  run({'s0': []}, {'training': {**settings_of()['training'], 'steps': 2}})
  made, _ = of_run(pool, small_net)
  assert 'scores mean nothing: each fold is trained for 2 steps' in made.trial
  material = Material(*[None] * 6)._replace(pretrained=made)
  about = experiment._describe_knowledge(settings_of(), material)
  assert about['trial'] == f'folds begin with weights of {made.trial}'


def test_a_run_whose_settings_were_edited_is_refused(pool, run, small_net, tmp_path):
  run({'s0': []})
  write = lambda config: (tmp_path / 'config.json').write_text(json.dumps(config))
  write(settings_of())
  statement = tmp_path / reproducibility.NAME
  statement.write_text(json.dumps({**json.loads(statement.read_text()),
                                   'config_sha256': config_sha256(settings_of())}))
  of_run(pool, small_net)
  write({**settings_of(), 'seed': 7})
  with pytest.raises(InputError, match='config.json is not the file that the'):
    of_run(pool, small_net)


def test_a_fold_whose_person_was_seen_by_all_is_refused(pool, run, small_net):
  run({'s0': [['made-up', 's00']], 's1': [['made-up', 'S0'], ['made-up', 's2']]})
  with pytest.raises(InputError, match='fold s0 holds out made-up/s0, and every model'):
    of_run(pool, small_net)


@pytest.mark.parametrize('theirs, refused', [(5, True), (0, False)])
def test_synthetic_people_are_those_of_their_seed(theirs, refused, pool, small_net):
  """Held out, trained on, and as macro clips of a fold."""
  config, here = settings_of(), pool._replace(dataset=('synthetic',) * len(pool.clips))
  config['data']['synthetic']['seed'] = 5
  config['macro']['source'] = 'synthetic'
  config['macro']['data']['synthetic']['seed'] = theirs
  fold = leave_one_subject_out(here)[0]
  held_out = published_start.people_of(config, here, fold, '')
  assert held_out == (('synthetic', 'seed5:s0'),)
  names = lambda seed: {('synthetic', f'seed{seed}:s{n}') for n in (1, 2, 3)}
  seen = pretraining.people_seen(config, here, fold, '')
  assert set(seen) == names(5) | names(theirs)
  source = pretraining.macro_source(config, here, '', 'abc')
  assert set(source.person) == names(theirs) | {('synthetic', f'seed{theirs}:s0')}
  face = 'synthetic', people.synthetic_name(theirs, 's0')
  assert people.may_be_one(held_out[0], face) == refused
  # Earlier versions left no seed with a name.
  assert people.may_be_one(held_out[0], ('synthetic', 's0'))
  assert not people.may_be_one(held_out[0], ('synthetic', 's1'))


def test_weights_of_faces_that_a_run_holds_out_are_refused(pool, run, small_net):
  """Of a run that began with them, whose own people were of another seed."""
  here = pool._replace(dataset=('synthetic',) * len(pool.clips))
  first = [['synthetic', f'seed5:s{n}'] for n in (1, 2)]
  run({'s0': first + [['synthetic', f'seed0:s{n}'] for n in range(4)]})
  with pytest.raises(InputError, match='fold s0 holds out synthetic/seed0:s0, and'):
    of_run(here, small_net)
  run({'s0': first})
  made, _ = of_run(here, small_net)
  assert made.about['people'] == 2


def hashed(pool):
  return pool._replace(frames_sha256=tuple(f'{n:032x}' for n in range(len(pool.clips))))


def stated(*rows, complete=True):
  return {'complete': complete, 'clips': [*rows]}


def test_clips_that_a_run_saw_under_other_names_are_refused(pool, run, small_net):
  """The same frames, of other people of another data set: a leak through weights."""
  pool = hashed(pool)
  seen = {'s0': [['elsewhere', 'other1']]}
  row = lambda dataset, name, n: ['theirs', dataset, name, f'{n:032x}']
  run(seen, clips=stated(row('elsewhere', 'other1', 2)))
  with pytest.raises(InputError, match="the clips 'clip002' of 'made-up/s0' and 'theirs"
                     "' of 'elsewhere/other1' have the frames in common"):
    of_run(pool, small_net)
  config = settings_of(source='somewhere')
  config['data']['repeated_clips'] = 'clip002,theirs'
  made = pretraining.choose(config, pool, leave_one_subject_out(pool), 'made-up',
                            make_net=lambda classes: small_net)
  line, = made.known['as_set']
  assert 'data.repeated_clips says that it is meant' in line
  # The same person's, or others, or of frames of one colour: nothing is wrong.
  run({'s0': [['made-up', 's1']], 's1': [['made-up', 's0']]}, clips=stated(
      row('made-up', 's0', 2), row('elsewhere', 'other1', 99),
      ['theirs', 'elsewhere', 'other2', '']))
  made, _ = of_run(pool._replace(frames_sha256=(*pool.frames_sha256[:-1], '')),
                   small_net)
  assert 'as_set' not in made.known and len(made.clips) == 3


def test_whom_a_run_may_have_seen_under_other_names_is_told(pool, run, small_net):
  run({'s0': [['elsewhere', 'other1'], ['made-up', 's2']]}, clips=stated())
  made, _ = of_run(hashed(pool), small_net)
  line, = made.known['not_known']
  assert line == ('whether anyone of elsewhere is in made-up, too, is not known: '
                  'weights of people of other names are in every fold')
  run({'s0': [['made-up', 's2']]}, clips=stated())
  assert not of_run(hashed(pool), small_net)[0].known['not_known']


@pytest.mark.parametrize('clips, changes, words', [
    (None, {}, 'are not kept'), (stated(complete=False), {}, 'are not kept'),
    (stated(), {'size': 7}, 'another data.size')])
def test_where_clips_are_not_compared_that_is_told(pool, run, small_net, clips, changes,
                                                   words):
  """Of a run of an earlier version, of one that began so, or of other frames."""
  run({'s0': [['made-up', 's2']]}, {'data': {**settings_of()['data'], **changes}},
      clips)
  made, _ = of_run(hashed(pool), small_net)
  line, = made.known['not_known']
  assert 'was not compared' in line and words in line
  assert (made.clips is None) == (words == 'are not kept')


@pytest.mark.parametrize('clips, words', [
    ([], 'which clips'), ({'complete': True}, 'which clips'),
    (stated(['a', 'b', 'c']), 'clip, data set, person and hash')])
def test_clips_of_a_run_are_what_it_wrote(pool, run, small_net, tmp_path, clips, words):
  run({'s0': []}, clips=clips)
  with pytest.raises(InputError, match=words):
    of_run(pool, small_net)
  run({'s0': []}, clips=stated())
  (tmp_path / pretraining.CLIPS).write_text('{"complete": true, "clips": [] }')
  with pytest.raises(InputError, match='not what the run wrote'):
    of_run(pool, small_net)
  (tmp_path / pretraining.CLIPS).unlink()
  with pytest.raises(InputError, match='which clips'):
    of_run(pool, small_net)


def test_a_run_names_all_clips_that_it_may_have_seen(pool, tmp_path):
  """Those of any fold's training and those of the weights before, with hashes."""
  pool = hashed(pool)
  before = pretraining.SeenClip('theirs', 'elsewhere', 'other1', 'ab')
  folds = [fold._replace(train=fold.train & (pool.subject < 3))
           for fold in leave_one_subject_out(pool)]
  for clips in ((before,), None):
    material = types.SimpleNamespace(
        pool=pool, folds=folds,
        clips=types.SimpleNamespace(info={'dataset': 'made-up'}),
        pretrained=pretraining.Pretraining({}, '', dict, lambda fold: (), clips=clips))
    pretraining.write_people(settings_of(), material,
                             run_folder.RunFolder(tmp_path, None))
    written = json.loads((tmp_path / pretraining.CLIPS).read_text())
    assert written['complete'] == bool(clips)
    assert written['clips'] == [
        [pool.clips[n], 'made-up', pool.subjects[s], pool.frames_sha256[n]]
        for n, s in enumerate(pool.subject) if s < 3] + [[*before]] * bool(clips)


def test_a_run_of_another_network_is_refused(pool, run, small_net):
  run({'s0': []})
  with pytest.raises(InputError, match='model.width is 16 in .* and 8 here'):
    of_run(pool, small_net, width=8)


def test_a_run_before_a_setting_was_there_has_its_default(pool, run, small_net):
  config = settings_of(source='somewhere')
  choose = lambda: pretraining.choose(
      config, pool, leave_one_subject_out(pool)[:1], 'made-up',
      make_net=lambda classes: small_net)
  old = {name: value for name, value in config['inputs'].items() if name != 'unit'}
  run({'s0': []}, {'inputs': old})
  config['inputs']['unit'] = 'none'
  choose()
  config['inputs']['unit'] = 'clip'
  with pytest.raises(InputError, match="inputs.unit is 'none' in .* and 'clip' here"):
    choose()


@pytest.mark.parametrize('seen, words', [
    ({'s0': [['a']]}, 'pairs of data set'), ({'s0': 'ab'}, 'pairs of data set'),
    ({'s0': [['a', 1]]}, 'pairs of data set'), ({'s0': 1}, 'whom its folds'),
    ([], 'whom its folds'), ({'zz': []}, 'no model of fold zz')])
def test_a_run_says_for_each_model_whom_it_saw(pool, run, small_net, seen, words):
  run(seen)
  with pytest.raises(InputError, match=words):
    of_run(pool, small_net)


def test_people_who_were_edited_afterwards_are_refused(pool, run, small_net, tmp_path):
  run({'s0': [['made-up', 's0']]})
  (tmp_path / pretraining.SEEN).write_text('{"s0": []}')
  with pytest.raises(InputError, match='not what the run wrote'):
    of_run(pool, small_net)
  (tmp_path / reproducibility.NAME).unlink()
  with pytest.raises(InputError, match='whom its folds were trained on'):
    of_run(pool, small_net)


@pytest.mark.parametrize('place, here, theirs, inputs', [
    ('data.frames', 9, 5, {}), ('data.size', 64, 32, {'size': 0}),
    ('macro.only', False, True, {})])
def test_a_run_of_other_clips_is_refused(pool, run, small_net, place, here, theirs,
                                         inputs):
  config = settings_of(source='somewhere')
  config['inputs'].update(inputs)
  section, name = place.split('.')
  config[section][name] = here
  run({'s0': []}, {'inputs': config['inputs'],
                   section: {**config[section], name: theirs}})
  with pytest.raises(InputError, match=f'{place} is {theirs} in .* and {here} here'):
    pretraining.choose(config, pool, leave_one_subject_out(pool)[:1], 'made-up',
                       make_net=lambda classes: small_net)


def test_a_run_of_arrays_of_other_shapes_is_refused(pool, run, small_net):
  run({'s0': []})
  wider = np.zeros((len(pool.x), 1, 2, 3, 3), np.float32)
  with pytest.raises(InputError, match=r'is of shape \(12, 6\) in .* \(18, 6\) here'):
    of_run(pool._replace(x=wider), small_net)


def test_models_of_a_choice_inside_each_fold_were_not_deleted(tmp_path):
  for name in ('config.json', 'results.json', 'selection/final0/checkpoints/1/about'):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text('{}')
  one = tmp_path / 'selection/final0/checkpoints/1/about'
  one.rename(one.parent / checkpoints.ABOUT)
  with pytest.raises(InputError, match='select.by=inner.* lie in selection/'):
    _ = finished.open_run(tmp_path).models


def test_whom_weights_have_seen_trains_nothing(pool, small_net, monkeypatch):
  monkeypatch.setattr(pretraining._Trainer, '_train', lambda *_: 1 / 0)
  made = chosen(pool, small_net)
  fold = leave_one_subject_out(pool)[1]
  assert made.people(fold) == (('made-up', 's0'), ('made-up', 's2'), ('made-up', 's3'))
  with pytest.raises(ZeroDivisionError):
    made.start(fold)


@pytest.mark.parametrize('changes, word', [
    *(({'pretrain.source': source, 'select.by': 'inner',
        'select.candidates': 'training.steps=1,2 model.width=4,8'},
       'model.width changes the network') for source in ('macro', 'synthetic')),
    ({'pretrain.steps': 3}, 'pretrain.source=none does not look at it; use'),
    ({'pretrain.source': 'runs/x', 'pretrain.rate': .1}, 'source=runs/x does not look'),
    ({'pretrain.source': 'macro', 'pretrain.synthetic.seed': 2}, 'use pretrain.source='
     'synthetic, or leave pretrain.synthetic.seed at 1'),
    *(({'pretrain.source': 'synthetic', f'pretrain.synthetic.{name}': value},
       f'pretrain.synthetic.{name} is -?[01.]+; it must be at least')
      for name, value in (('subjects', 0), ('fps', -1.), ('seed', -1), ('micro', -1))),
    ({'pretrain.source': 'synthetic', 'pretrain.synthetic.micro': 0,
      'pretrain.synthetic.macro': 0}, 'no clip to train on'),
    *(({'method.name': method, 'macro.label_weight': .3, 'macro.label_where': where},
       f'{where}: method.name={method} has one loss')
      for method, where in (('supervised', 'outer'), ('reptile', 'both'))),
    ({'macro.only': True, 'method.align_weight': 2.}, 'align_weight=2.0 is of macro'),
    ({'pretrain.source': 'macro', 'macro.source': 'magnified'}, 'none but micro clips'),
    ({'pretrain.source': 'synthetic', 'pretrain.synthetic.seed': 0}, 'same people'),
    ({'pretrain.source': 'runs/x', 'select.by': 'inner',
      'select.candidates': 'training.steps=1,2'}, 'who judges was seen')])
def test_what_is_refused(changes, word):
  config = synthetic.get_config().to_dict()
  with pytest.raises(InputError, match=word):
    settings.check(settings.changed(config, changes))


def tiny(**changes):
  return settings_by_name('synthetic:debug', **{
      'data.size': 16, 'data.frames': 3, **changes})


@pytest.mark.slow
def test_runs_with_all_that_macro_expressions_are_for(tmp_path):
  """Macro clips before and in the loss; and a run that begins with its models."""
  changes = {'training.steps': 2, 'macro.label_weight': .3,
             'macro.label_where': 'both', 'pretrain.source': 'macro',
             'pretrain.steps': 3}
  first = finished.run(tiny(**changes),
                       tmp_path / 'first')
  assert {'macro_only', 'svm with macro clips'} <= set(first.results['rows'])
  about = first.results['about']
  assert about['pretrained']['steps'] == 3 and about['macro_clips_seen']
  assert 'labelled (weight 0.3, both losses, shared head)' in about['macro']
  seen = json.loads((first.path / pretraining.SEEN).read_text())
  assert set(seen) == set(first.models) and len(seen) == 4
  for name, persons in seen.items():
    # A drawn person is one of a seed: the same name of another seed is somebody else.
    assert sorted(person for _, person in persons) == sorted(
        f'seed0:{other}' for other in set(seen) - {name})
  second = finished.run(tiny(**{
      **changes, 'pretrain.source': str(first.path), 'pretrain.steps': 300,
      'training.outer_rate': 0., 'method.inner_rate': 0.}), tmp_path / 'second')
  # Nothing moved: each fold predicts as the model of the same name that it began with.
  models, began = first.models, second.models
  for name in models:
    assert equal(models[name]['encoder'], began[name]['encoder'])
  alone = finished.run(tiny(**{
      'training.steps': 2, 'macro.only': True, 'method': 'maml',
      'episodes.training_people': 2}), tmp_path / 'alone')
  about = alone.results['about']
  assert not about['clips_seen'] and about['macro_clips_seen']
  assert ', 2 training people a fold' in about['protocol']
