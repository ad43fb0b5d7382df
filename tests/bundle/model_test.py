"""A model that is carried predicts what its run did, with nothing of the run there."""

import json
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest
from safetensors import numpy as safetensors

import lightman_jax as lm
from lightman_jax.bundle import folder as bundle_folder, predictor
from lightman_jax.bundle.command import final
from lightman_jax.bundle.model import OPEN
from lightman_jax.inputs import inputs

from .conftest import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ('lightman', 'protonet', 'supervised', 'maml', 'fomaml', 'anil', 'reptile',
           'metasgd', 'finetune')


def softmax(logits):
  odds = np.exp(logits - logits.max(-1, keepdims=True))
  return odds / odds.sum(-1, keepdims=True)


def stated(run, classes, fold):
  """Names and probabilities of a fold's clips, in predictions.csv."""
  table = run.predictions
  mine = table['fold'] == fold
  return table['clip'][mine], np.stack(
      [table[f'probability_{name}'] for name in classes], 1)[mine]


def compare(run, model, folder, fold, clips):
  """The bundle is read where the run is not any more."""
  names, want = stated(run, model.classes, fold)
  places = [clips.clip.index(name) for name in names]
  away = run.path.rename(run.path.with_name('away'))
  try:
    model = lm.load_model(folder)
    said = model.predict(clips.frames[places])
    np.testing.assert_allclose(softmax(said.logits), want, atol=1e-5)
    assert said.classes == tuple(model.classes[k] for k in want.argmax(1))
    frames, last = clips.frames[places[0]], clips.frames.shape[1] - 1
    for clip in (frames, list(frames), frames.__getitem__):
      one = model.predict_frames(clip, onset=0, apex=last // 2, offset=last,
                                 aligned=True)
      np.testing.assert_allclose(softmax(one.logits)[0], want[0], atol=1e-5)
  finally:
    away.rename(run.path)


@pytest.mark.parametrize('method', METHODS)
def test_the_answer_is_that_of_the_run(method, carried):
  run, model, folder = carried(method)
  clips = lm.load(run.settings).clips
  compare(run, model, folder, 'fold2of2', clips)


@pytest.mark.slow
@pytest.mark.parametrize('method', ['lightman', 'protonet'])
def test_all_members_are_carried(method, carried):
  run, model, folder = carried(method, members=2)
  compare(run, model, folder, 'fold2of2', lm.load(run.settings).clips)


def test_whoever_was_held_out_is_not_on_the_list(carried):
  run, model, _ = carried('supervised')
  held_out = set(run.predictions['subject'][run.predictions['fold'] == 'fold2of2'])
  seen = {name.partition(':')[2] for _, name in model.about['seen']}
  assert held_out and seen and not held_out & seen
  assert model.about['fold'] == 'fold2of2'
  # Nor has the fold whose models these are a part in what is expected of sets.
  assert model.about['calibration']['clips'] == (
      run.predictions['fold'] != 'fold2of2').sum()


@pytest.mark.parametrize('method', [
    pytest.param('lightman', marks=pytest.mark.slow), 'protonet', 'supervised'])
def test_no_clip_is_in_it(method, carried):
  """Its arrays are the parameters, what moves of them a draw, and nothing else."""
  run, model, folder = carried(method)
  data = lm.load(run.settings)
  arrays = safetensors.load_file(folder / bundle_folder.WEIGHTS)
  params = bundle_folder.by_name(run.models['fold2of2'], 'seed0/params')
  more = {name for name in arrays if name not in params}
  moved = {name.replace('/params/', '/draws/') for name in params} if (
      method == 'lightman') else {'seed0/draws/prototypes', 'seed0/draws/spread'}
  assert more <= {'seed0/scale', *(moved if method != 'supervised' else ())}
  flat = data.pool.x.reshape(len(data.pool.x), -1)
  rows = [row for x in arrays.values() for y in (x, np.moveaxis(x, -1, 0))
          for row in y.reshape(-1, y.shape[-1]) if row.size == flat.shape[1]]
  content = (folder / bundle_folder.WEIGHTS).read_bytes()
  for clip in flat:
    assert clip.tobytes() not in content
    assert all(abs(np.corrcoef(row, clip)[0, 1]) < .99 for row in rows)
  assert not any(name in (folder / bundle_folder.ABOUT).read_text()
                 for name in data.clips.clip)


@pytest.mark.parametrize('words, sentence', [
    (['--fold=nobody'], "has no fold 'nobody' (all: "),
    (['--seeds=0'], 'seeds is 0; give 1 to 64'),
    (['--fold=fold2of2', '--seeds=2'], 'seeds is 2; give 1 to 64, and of a fold')])
def test_what_final_refuses_of_a_run(words, sentence, carried, tmp_path, capsys):
  run, _, _ = carried('supervised')
  assert final([str(run.path), f'--out={tmp_path}/m', *words]) == 2
  assert sentence in capsys.readouterr().err
  assert not (tmp_path / 'm').exists()


def test_what_final_says_of_a_run(carried, tmp_path, capsys):
  run, _, _ = carried('supervised')
  assert final([str(run.path), f'--out={tmp_path}/m', '--fold=fold2of2']) == 0
  said = capsys.readouterr().out
  assert 'bytes of weights' in said and 'to expect: UF1' in said
  assert 'no sets: 2 people are too few' in said and 'synthetic people' in said


def test_class_means_say_what_those_of_each_draw_do():
  """mean_d -(z - p_d)^2, but for what all classes share: by hand, in one dimension."""
  fast = {'prototypes': np.array([[[0.], [3.]], [[2.], [5.]]])}    # 2 draws, 2 classes
  kept = predictor.keep(None, {}, fast, np.ones(1))['draws']
  np.testing.assert_allclose(kept['prototypes'][0, :, 0], [1, 4])
  np.testing.assert_allclose(kept['spread'][0], [1, 1])
  z = 1.5
  mean = -np.square(z - fast['prototypes'][..., 0]).mean(0)        # (-1.25, -7.25)
  np.testing.assert_allclose(
      -np.square(z - kept['prototypes'][0, :, 0]) - kept['spread'][0], mean)


def test_what_cannot_be_carried_is_refused(tmp_path):
  with pytest.raises(lm.InputError, match='matchingnet cannot be carried.*protonet'):
    lm.train_final(tiny('matchingnet'), tmp_path / 'model')
  outside = lm.settings('synthetic:debug', method=str(
      ROOT / 'examples/proximal_maml.py:proximal_maml'))
  with pytest.raises(lm.InputError, match='is code from outside of the package'):
    lm.train_final(outside, tmp_path / 'model')
  with pytest.raises(lm.InputError, match='mean of a class would be that of 1 clip,'):
    lm.train_final(tiny('protonet', **{'episodes.shots': 1, 'evaluation.draws': 1}),
                   tmp_path / 'model')
  assert not (tmp_path / 'model').exists()


def test_everyone_is_trained_on_and_seeds_are_averaged(carried, tmp_path):
  run, _, _ = carried('supervised')
  model = lm.train_final(run, tmp_path / 'both', seeds=2)
  assert model.about['fold'] == 'all' and model.about['seeds'] == [0, 1]
  data = lm.load(run.settings)
  assert {name.partition(':')[2] for _, name in model.about['seen']} == set(
      data.clips.subject)
  x = data.clips.frames[:3]
  alone = []
  for seed in (0, 1):
    about = {**model.about, 'seeds': [seed]}
    alone.append(type(model)(bundle_folder.Bundle(about, [model.arrays[seed]])
                             ).predict(x).logits)
  logarithms = [np.log(softmax(logits)) for logits in alone]
  np.testing.assert_allclose(model.predict(x).logits, np.mean(logarithms, 0), atol=1e-5)
  assert np.abs(alone[0] - alone[1]).max() > 1e-3
  expect = model.about['expect']
  assert expect['scores']['uf1'] == run.results['rows']['supervised']['uf1']
  assert set(expect['by_class']) == set(model.classes)
  low, high = expect['by_class'][model.classes[0]]['recall_interval']
  assert low is None or low <= expect['by_class'][model.classes[0]]['recall'] <= high
  assert model.about['rate'] == {'least': 200., 'most': 200.}
  with pytest.raises(lm.InputError, match='holds files already'):
    lm.train_final(run, tmp_path / 'both')


def test_settings_alone_give_no_sets_and_it_is_said(tmp_path):
  model = lm.train_final(tiny('supervised'), tmp_path / 'model')
  assert model.about['calibration'] is None and model.about['expect'] is None
  assert any('nobody was held out' in line for line in model.about['remarks'])
  said = model.predict(np.zeros((2, 3, 16, 16, 3), np.uint8))
  assert said.sets is None
  np.testing.assert_allclose(said.probabilities, softmax(said.logits), atol=1e-6)


def test_one_clip_or_many_are_the_same(carried):
  run, model, _ = carried('protonet')
  frames = lm.load(run.settings).clips.frames[:5]
  every = model.predict(frames)
  for n, clip in enumerate(frames):
    np.testing.assert_allclose(model.predict(clip).logits[0], every.logits[n],
                               atol=1e-5)
  assert model.predict(frames[:0]).logits.shape == (0, 3)
  x = np.stack([inputs.encode_clip(clip, None, inputs.Settings(
      **run.settings['inputs'])) for clip in frames])
  np.testing.assert_array_equal(model.predict(x, encoded=True).logits, every.logits)


@pytest.mark.parametrize('x, words', [
    (np.zeros((1, 3, 16, 16, 3)), 'x is float64, and this model takes pictures'),
    (np.zeros((1, 3, 20, 16, 3), np.uint8), r'clips of \(3, 20, 16, 3\), and this'),
    (np.zeros((1, 16, 16, 3, 1, 1), np.uint8), 'x has clips of')])
def test_pictures_that_are_refused(x, words, carried):
  _, model, _ = carried('supervised')
  with pytest.raises(lm.InputError, match=words):
    model.predict(x)


@pytest.mark.parametrize('change, words', [
    (dict(onset=3, apex=2), 'are not in order'),
    (dict(offset=9), 'there is no frame 9: there are 5'),
    (dict(onset=-1), 'give numbers of frames'),
    (dict(frames=np.zeros((5, 20, 20, 3))), 'frame 0 is float64'),
    (dict(landmarks=np.zeros((5, 60, 2))), r'landmarks are \(5, 60, 2\)'),
    (dict(landmarks=np.full((5, 68, 2), np.nan)), 'landmarks are not finite'),
    (dict(landmarks=np.zeros((5, 68, 2)), aligned=False), 'are of no face')])
def test_frames_that_are_refused(change, words, carried):
  _, model, _ = carried('supervised')
  arguments = {'frames': np.zeros((5, 20, 20, 3), np.uint8), 'onset': 0, 'apex': 2,
               'offset': 4, 'aligned': True, **change}
  with pytest.raises(lm.InputError, match=words):
    model.predict_frames(arguments.pop('frames'), **arguments)


def test_raw_frames_are_aligned_by_landmarks(carried):
  """Wherever a face lies in a picture, it comes to the same place."""
  _, model, _ = carried('supervised')
  wave = lambda row, column, n: (
      128 + 50 * np.sin(row / 9 + n / 4) + 50 * np.cos(column / 8))
  frames = np.stack([wave(*np.mgrid[:48, :48], n) for n in range(3)]).astype(np.uint8)
  points = np.repeat(model.alignment.template[None] * 1.7 + (8, 6), 3, 0
                     ).astype(np.float32)
  warped = np.stack([model.alignment.warp(*one) for one in zip(frames, points)])
  rows, columns = np.mgrid[:16, :16]
  for n, picture in enumerate(warped[..., 0].astype(float)):
    # Bytes are cut off, and averages over a pixel take a little from a wave.
    assert np.abs(picture - wave(1.7 * rows + 6, 1.7 * columns + 8, n)).max() < 3
  one = model.predict_frames(frames, onset=0, apex=1, offset=2, landmarks=points)
  two = model.predict_frames(warped, onset=0, apex=1, offset=2, aligned=True)
  np.testing.assert_allclose(one.logits, two.logits, atol=1e-5)


BLOCKED = '''
import sys

class Blocked:
  def find_spec(self, name, path=None, target=None):
    if name.split('.')[0] in ('tensorflow_datasets', 'array_record', 'fcntl',
                              'resource'):
      raise ImportError(f'{name} is blocked')

sys.meta_path.insert(0, Blocked())
import os, jax, warnings
warnings.simplefilter('ignore')
# What Windows' Python lacks.
for name in ('O_NONBLOCK', 'O_CLOEXEC', 'O_DIRECTORY', 'O_NOFOLLOW', 'preadv', 'getuid',
             'sched_getaffinity'):
  delattr(os, name)
import numpy as np
import lightman_jax as lm
model = lm.load_model(sys.argv[1])
print(*model.predict(np.zeros((1, 3, 16, 16, 3), np.uint8)).logits[0])
X = np.arange(24.).reshape(12, 2) % 7
y, groups = np.arange(12) % 2, np.arange(12) // 4
print(lm.Classifier('supervised', **{'training.steps': 1, 'model.width': 4,
      'training.tasks': 1, 'episodes.shots': 1, 'episodes.queries': 1}).fit(
          X, y, groups=groups).predict(X).shape)
from lightman_jax.files import write_atomically
with write_atomically(sys.argv[2]) as file:
  file.write('whole')
'''


def test_predicts_without_what_only_builds(carried, tmp_path):
  """Windows has neither array_record nor file locks."""
  _, model, folder = carried('supervised')
  done = subprocess.run(
      [sys.executable, '-c', BLOCKED, str(folder), str(tmp_path / 'file')], cwd=ROOT,
      check=True, capture_output=True, text=True)
  first, second = done.stdout.splitlines()
  np.testing.assert_allclose(
      np.array(first.split(), float),
      model.predict(np.zeros((1, 3, 16, 16, 3), np.uint8)).logits[0], atol=1e-5)
  assert second == '(12,)' and (tmp_path / 'file').read_text() == 'whole'


def test_what_a_user_has_to_think_of():
  from lightman_jax.bundle import final
  lines = final.licences([('CASME II', 'sub01'), ('synthetic', 'seed0:s1'),
                          ('mine', 'ann')])
  assert len(lines) == 2
  assert any(line.startswith('CASME II: ') and 'release agreement' in line
             for line in lines)
  assert any(line.startswith('mine: its terms are not known') for line in lines)


def test_settings_have_no_places_in_them(tmp_path):
  from lightman_jax.bundle import final
  settings = lm.settings('manifest', **{'data.path': str(tmp_path / 'mine.csv'),
                                        'data.data_dir': str(tmp_path)})
  kept = final.portable(settings)
  assert str(tmp_path) not in json.dumps(kept)
  assert kept['data']['path'] == 'mine.csv'


def test_flow_pictures_of_frames_and_ready_ones_are_one_kind(tmp_path):
  """What the encoding makes of frames is what a ready picture is."""
  from .conftest import write_untrained
  settings = {'data.frames': 3, 'data.size': 64, 'method': 'supervised',
              'encoder': 'mlp', 'model.depth': 1}
  model = lm.load_model(write_untrained(tmp_path / 'model', **settings))
  frames = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64, 3), dtype=np.uint8)
  ready = np.concatenate([inputs.as_picture(inputs.clip_flow(
      clip, span='apex', algorithm='dis', size=16)) for clip in frames])
  assert model.shape == (None, None, 3)
  np.testing.assert_allclose(model.predict(ready).logits, model.predict(frames).logits,
                             atol=1e-5)


@pytest.mark.slow
def test_ready_pictures_are_predicted_as_their_run_did(tmp_path):
  rng = np.random.default_rng(0)
  lines = ['clip,subject,label,path']
  for n in range(24):
    picture = rng.integers(0, 200, (28, 28, 3), dtype=np.uint8)
    picture[:14] += 50 * (n % 2)
    Image.fromarray(picture).save(tmp_path / f'{n}.png')
    lines.append(f'c{n},s{n // 6},{"ab"[n % 2]},{n}.png')
  (tmp_path / 'clips.csv').write_text('\n'.join(lines) + '\n')
  settings = lm.settings('manifest:debug', method='supervised', encoder='mlp', **{
      'data.path': str(tmp_path / 'clips.csv'), 'macro.source': 'none',
      'model.depth': 1, 'episodes.protocol': 'kfold', 'training.steps': 2,
      'training.checkpoint_every': 2})
  run = lm.run(settings, tmp_path / 'run')
  lm.train_final(run, tmp_path / 'model', fold='fold1of2')
  names, want = stated(run, 'ab', 'fold1of2')
  pictures = np.stack([np.asarray(Image.open(tmp_path / f'{name[1:]}.png'))
                       for name in names])
  said = lm.load_model(tmp_path / 'model').predict(pictures)
  np.testing.assert_allclose(softmax(said.logits), want, atol=1e-5)
  assert str(tmp_path) not in (tmp_path / 'model' / bundle_folder.ABOUT).read_text()


def test_the_open_model_is_there_and_small():
  model = lm.load_model()
  size = sum(path.stat().st_size for path in OPEN.iterdir())
  assert size <= 2 * 1024**2
  assert {own for own, _ in model.about['seen']} == {'synthetic'}
  assert model.about['licences'] == []
  assert any('synthetic people' in line for line in model.about['remarks'])
  said = model.predict(np.zeros((2, 28, 28, 3), np.uint8))
  assert said.probabilities.shape == (2, 3) and len(said.sets) == 2
  assert 'UF1' in (OPEN / 'CARD.md').read_text()


@pytest.mark.parametrize('side', [0, 200_000])
def test_pictures_of_no_or_an_absurd_size_are_refused(side):
  # No memory is taken: one number stands for all of them.
  pictures = np.broadcast_to(np.uint8(0), (1, side, side, 3))
  with pytest.raises(lm.InputError, match='takes'):
    lm.load_model().predict(pictures)
