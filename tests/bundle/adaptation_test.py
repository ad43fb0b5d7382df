"""A carried model adapts to somebody's clips as test episodes do, and says to whose."""

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

import lightman_jax as lm
from lightman_jax.bundle import adaptation, own_clips, predictor
from lightman_jax.bundle.command import adapt
from lightman_jax.data.load import load
from lightman_jax.errors import InputError

from .conftest import write_untrained

SMALL = {'model.depth': 1, 'episodes.shots': 2}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  return write_untrained(tmp_path_factory.mktemp('adapting') / 'model', method='maml',
                         encoder='mlp', **SMALL)


@pytest.fixture(scope='module')
def model(folder):
  return lm.load_model(folder)


def clips(count, seed=0):
  return np.random.default_rng(seed).standard_normal(
      (count, 1, 16, 16, 3)).astype(np.float32)


LABELS, PEOPLE = ['b', 'a', 'b'], ['eve', 'eve', ('lab', 'dan')]


@pytest.fixture(scope='module')
def adapted(model):
  return model.adapt(clips(3), LABELS, PEOPLE, encoded=True)


def test_the_weights_are_those_of_the_inner_loop_by_hand(model, adapted):
  """Gradient descent on the mean cross entropy of a, a, b, b, from params."""
  config, arrays = model.about['settings'], model.arrays[0]
  net, _ = predictor.make(config, list(model.classes))
  x = jnp.asarray(clips(3)[[1, 1, 0, 2]]) / arrays['scale']
  label = jnp.array([0, 0, 1, 1])

  def loss(moved):
    logits = net.logits({**arrays['params'], **moved}, x)
    smooth = config['training']['label_smoothing']
    goal = (1 - smooth) * jax.nn.one_hot(label, 2) + smooth / 2
    return -(goal * jax.nn.log_softmax(logits)).sum(-1).mean()
  moved = {name: arrays['params'][name] for name in ('encoder', 'head')}
  for _ in range(config['method']['inner_steps']):
    moved = jax.tree.map(lambda p, g: p - config['method']['inner_rate'] * g, moved,
                         jax.grad(loss)(moved))
  jax.tree.map(lambda mine, want: np.testing.assert_allclose(
      mine[0], want, rtol=2e-4, atol=2e-5), adapted.arrays[0]['draws'], moved)
  assert float(loss(moved)) < float(loss(
      {name: arrays['params'][name] for name in moved}))


def test_the_initialisation_stays_and_a_second_adaptation_begins_at_it(model, adapted):
  again = adapted.adapt(clips(3), LABELS, PEOPLE, encoded=True)
  x = clips(4, seed=1)
  np.testing.assert_array_equal(again.predict(x, encoded=True).logits,
                                adapted.predict(x, encoded=True).logits)
  plain = [one.before_adaptation().predict(x, encoded=True).logits
           for one in (model, adapted)]
  np.testing.assert_array_equal(*plain)
  assert np.abs(plain[0] - adapted.predict(x, encoded=True).logits).max() > 1e-4


def test_it_names_whom_it_has_seen_and_claims_no_scores(adapted, tmp_path):
  adapted.write(tmp_path / 'mine')
  read = lm.load_model(tmp_path / 'mine')
  assert read.about['seen'] == [['lab', 'dan'], ['mine', 'ann'], ['own', 'eve']]
  assert read.about['adapted'] == {'people': [['lab', 'dan'], ['own', 'eve']],
                                   'clips': {'a': 1, 'b': 2}}
  assert read.about['expect'] is read.about['calibration'] is None
  assert any('no test of it' in line for line in read.about['remarks'])
  x = clips(2, seed=2)
  np.testing.assert_array_equal(read.predict(x, encoded=True).logits,
                                adapted.predict(x, encoded=True).logits)


def test_classes_count_alike_and_magnified_clips_are_taken_in_turn():
  label = np.array([1, 0, 1, 1])
  np.testing.assert_array_equal(adaptation.support_numbers(label, 2),
                                [1, 1, 1, 0, 2, 3])
  config = {'method': {'name': 'lightman'}, 'macro': {
      'source': 'magnified', 'only': False, 'label_weight': 0., 'clips': 5,
      'factor': 3.}}
  x = np.arange(4, dtype=np.float32)[:, None]       # a, a, b, b
  made = adaptation.examples_of(x, np.array([0, 0, 1, 1]), config)
  np.testing.assert_array_equal(made.macro[:, 0], [0, 6, 3, 9, 0])
  np.testing.assert_array_equal(made.macro_label, [0, 1, 0, 1, 0])
  config['macro']['source'] = 'own'
  assert len(adaptation.examples_of(x, np.array([0, 0, 1, 1]), config).macro) == 0


@pytest.mark.parametrize('labels, people, sentence', [
    (['a', 'a'], ['x', 'x'], "hold none of the class 'b'"),
    (['a', 'c'], ['x', 'x'], "'c' is no class of this model"),
    (['a'], ['x'], 'there are 2 clips, 1 label '),
    (['a', 'b'], ['x'], 'and 1 person ')])
def test_what_cannot_be_adapted_to_is_refused(labels, people, sentence, model):
  with pytest.raises(lm.InputError, match=sentence) as caught:
    model.adapt(clips(2), labels, people, encoded=True)
  assert caught.value.code == 'E404'


def test_what_does_not_adapt_says_so(tmp_path):
  plain = lm.load_model(write_untrained(tmp_path / 'm', method='supervised',
                                        encoder='mlp', **SMALL))
  with pytest.raises(lm.InputError, match='supervised does not adapt'):
    plain.adapt(clips(2), ['a', 'b'], ['x', 'x'], encoded=True)
  with pytest.raises(lm.InputError, match='no weights that adaptation moves'):
    plain.before_adaptation()


def test_a_class_mean_of_one_clip_predicts_and_is_not_written(untrained, tmp_path):
  model = lm.load_model(untrained)
  mine = model.adapt(clips(2), ['b', 'a'], ['x'] * 2, encoded=True)
  assert mine.predict(clips(2), encoded=True).classes == ('b', 'a')
  with pytest.raises(lm.InputError, match='that of 1 clip,'):
    mine.write(tmp_path / 'mine')
  assert not (tmp_path / 'mine').exists()
  model.adapt(clips(6), ['a', 'b'] * 3, ['x'] * 6, encoded=True).write(
      tmp_path / 'mine')


def test_what_was_adapted_to_is_in_no_count(model):
  own = own_clips.OwnClips(clips(5), ['a', 'b', 'a', 'b', 'a'],
                           [('own', name) for name in 'xxyyy'], [*'12345'])
  support = own_clips.first_of_class(own.labels, 1)
  np.testing.assert_array_equal(support, [0, 1])
  np.testing.assert_array_equal(own_clips.first_of_class(own.labels, 0), np.arange(5))
  count, = own_clips.test_counts([model], own, own_clips.test_numbers(own, support))
  assert count.shape == (1, 2, 2) and count.sum() == 3     # y alone is left
  assert not len(own_clips.test_numbers(own, np.arange(5)))
  assert list(own_clips.test_lines(model, model, own, np.arange(5))) == [
      'no clip is left to test it on: give more, with --shots=N']


def test_copies_and_people_whom_the_model_knows_are_no_silent_test(model):
  """A clip that stands twice is adapted to and tested under two names."""
  own = own_clips.OwnClips(
      clips(5), ['a', 'b', 'a', 'b', 'a'], [('lab', 'dan')] * 5, [*'vwxyz'],
      ['1', '2', '1', '', ''])
  support = own_clips.first_of_class(own.labels, 1)
  np.testing.assert_array_equal(own_clips.test_numbers(own, support), [3, 4])
  # Clips of one colour, of which nothing is known, are no copies of each other.
  np.testing.assert_array_equal(own_clips.test_numbers(own, np.array([3])),
                                [0, 1, 2, 4])
  lines = list(own_clips.test_lines(model, model, own, support))
  assert lines[0] == ('1 clip is not tested: the frames are those of clips that it '
                      'was adapted to')
  assert lines[1].startswith('on the 2 clips') and not any('trained on' in line
                                                           for line in lines)
  again = model.adapt(clips(2), ['a', 'b'], [('lab', 'dan')] * 2, encoded=True)
  assert any('1 of the people tested, lab/dan the first' in line
             for line in own_clips.test_lines(again, again, own, support))


def test_the_command_adapts_to_a_manifest(folder, tmp_path, capsys):
  rng = np.random.default_rng(3)
  lines = ['clip,subject,label,path']
  for n in range(6):
    name = f'{n}.png'
    Image.fromarray(rng.integers(0, 255, (28, 28, 3), np.uint8)).save(tmp_path / name)
    lines.append(f'c{n},p{n // 3},{"ab"[n % 2]},{name}')
  table = tmp_path / 'clips.csv'
  table.write_text('\n'.join(lines) + '\n')
  out = tmp_path / 'mine'
  assert adapt([str(folder), str(table), f'--out={out}', '--shots=1']) == 0
  said = capsys.readouterr().out
  assert 'adapted to 2 clips' in said and 'on the 4 clips' in said
  assert [name for _, name in lm.load_model(out).about['adapted']['people']] == ['p0']
  assert adapt([str(folder), str(table), f'--out={out}']) == 2
  assert 'holds files already' in capsys.readouterr().err
  table.write_text('\n'.join([*lines, 'c9,p9,fear,0.png']) + '\n')
  assert adapt([str(folder), str(table), f'--out={out}2']) == 2
  said = capsys.readouterr().err
  assert "'fear' is no class of this model" in said and said.count('\n') == 1


def test_the_new_person_may_be_alone_in_the_table(folder, tmp_path, capsys):
  """Whom a model adapts to is left out of nothing; a run still needs two people."""
  rng = np.random.default_rng(3)
  lines = ['clip,subject,label,path']
  for n in range(4):
    Image.fromarray(rng.integers(0, 255, (28, 28, 3), np.uint8)).save(
        tmp_path / f'{n}.png')
    lines.append(f'c{n},anna,{"ab"[n % 2]},{n}.png')
  table = tmp_path / 'clips.csv'
  table.write_text('\n'.join(lines) + '\n')
  out = tmp_path / 'mine'
  assert adapt([str(folder), str(table), f'--out={out}', '--shots=1']) == 0
  assert 'on the 2 clips of the table' in capsys.readouterr().out
  with pytest.raises(InputError, match='one subject only'):
    load({'name': 'manifest', 'class_set': 'manifest', 'path': str(table), 'frames': 1,
          'size': 28})


def test_a_name_by_itself_is_of_all_clips(model):
  assert model.adapt(clips(3), LABELS, 'anna', encoded=True).about['adapted'][
      'people'] == [['own', 'anna']]
