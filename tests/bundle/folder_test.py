"""A bundle from elsewhere: what is wrong with it is one sentence."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from safetensors import numpy as safetensors

import lightman_jax as lm
from lightman_jax.bundle import folder as bundle_folder, predictor
from lightman_jax.bundle.folder import ABOUT, WEIGHTS
from lightman_jax.bundle.model import OPEN


@pytest.fixture
def copy(untrained, tmp_path):
  return shutil.copytree(untrained, tmp_path / 'model')


def change_about(folder, **changes):
  path = folder / ABOUT
  about = {**json.loads(path.read_text()), **changes}
  about['about_sha256'] = bundle_folder.about_sha256(about)
  path.write_text(json.dumps(about))


def change_arrays(folder, change):
  arrays = safetensors.load_file(folder / WEIGHTS)
  change(arrays)
  content = safetensors.save(arrays)
  (folder / WEIGHTS).write_bytes(content)
  change_about(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def refusal(folder):
  with pytest.raises(lm.InputError) as caught:
    lm.load_model(folder)
  sentence = str(caught.value)
  assert '\n' not in sentence and len(sentence) < 500 and str(folder) in sentence
  return sentence


def test_a_whole_one_predicts(untrained):
  model = lm.load_model(untrained)
  said = model.predict(np.zeros((2, 28, 28, 3), np.uint8))
  assert said.logits.shape == (2, 2) and said.sets is None
  # The same twice, byte for byte.
  bundle = bundle_folder.read(untrained)
  assert bundle_folder.content_of(bundle.arrays) == (untrained / WEIGHTS).read_bytes()


def test_what_was_changed_by_hand_is_not_believed(copy):
  """A class by another name, valid in every other way; and an older bundle, without."""
  path = copy / ABOUT
  about = json.loads(path.read_text())
  path.write_text(json.dumps({**about, 'classes': ['a', 'joy']}))
  assert 'a field was changed by hand, or damaged; copy it again' in refusal(copy)
  # Order and layout say nothing.
  path.write_text(json.dumps(dict(reversed(about.items())), indent=7))
  assert lm.load_model(copy).classes == ('a', 'b')
  del about['about_sha256']
  path.write_text(json.dumps(about))
  assert lm.load_model(copy).classes == ('a', 'b')


def test_nor_is_a_changed_copy_of_the_open_model(tmp_path):
  copied = shutil.copytree(OPEN, tmp_path / 'open')
  about = json.loads((copied / ABOUT).read_text())
  (copied / ABOUT).write_text(json.dumps({**about, 'remarks': []}))
  assert 'a field was changed by hand' in refusal(copied)


def test_nothing_there(tmp_path):
  assert 'is no bundle: it has no model.json' in refusal(tmp_path / 'no')
  assert 'is no bundle: it has no model.json' in refusal(tmp_path)


@pytest.mark.parametrize('changes, words', [
    (dict(format='other'), 'is of another program'),
    (dict(version=2), 'version 2 and this program reads version 1: install a newer'),
    (dict(version=0), 'has no version'),
    (dict(version='1'), 'has no version'),
    (dict(classes=['a', 'a']), 'classes are two names or more'),
    (dict(classes=['a']), 'classes are two names or more'),
    (dict(clip=[1, 16, 16, 10**9]), 'clip is no shape'),
    (dict(clip=[1, 20, 20, 3]), 'network that its settings describe has'),
    (dict(seeds=[]), 'seeds are no numbers'),
    (dict(seeds=[0, 1]), "lacks 5 of the 10 arrays"),
    (dict(draws=-1), 'draws is no number'),
    (dict(calibration={}), "holds no 'temperature'"),
    (dict(calibration={'temperature': 0, 'threshold': .5}), 'no positive number'),
    (dict(calibration={'temperature': 1., 'threshold': 3}), 'no number from 0 to 1'),
    (dict(rate={}), "holds no 'least'"),
    (dict(rate={'least': 30., 'most': 25.}), 'no pair of frames a second'),
    (dict(rate={'least': 25., 'most': float('nan')}), 'no pair of frames a second'),
    (dict(seen=['ann']), 'no pairs of data set and person'),
    (dict(settings=None), 'is damaged'),
    (dict(settings={}), 'is damaged'),
    (dict(weights_sha256='0' * 64), 'not the file that model.json was written with')])
def test_fields_that_cannot_be(changes, words, copy):
  change_about(copy, **changes)
  assert words in refusal(copy)


@pytest.mark.parametrize('name', ['classes', 'clip', 'settings', 'weights_sha256',
                                  'calibration', 'seen', 'scaling', 'rate'])
def test_fields_that_are_missing(name, copy):
  about = json.loads((copy / ABOUT).read_text())
  del about[name], about['about_sha256']
  (copy / ABOUT).write_text(json.dumps(about))
  assert f"holds no '{name}'" in refusal(copy)


@pytest.mark.parametrize('setting, value, words', [
    ('method.name', 'nosuch', "no method 'nosuch' (all: lightman, maml, "),
    ('method.name', 'matchingnet', 'cannot be carried'),
    ('model.width', 10**9, 'describes no model of this version'),
    ('model.encoder', 'evil.py:Net', 'code from outside'),
    ('model.width', 8, 'network that its settings describe has')])
def test_settings_that_cannot_be(setting, value, words, copy):
  settings = json.loads((copy / ABOUT).read_text())['settings']
  section, key = setting.split('.')
  settings[section][key] = value
  change_about(copy, settings=settings)
  assert words in refusal(copy)


def test_weights_that_are_cut_short_or_not_there(copy):
  content = (copy / WEIGHTS).read_bytes()
  (copy / WEIGHTS).write_bytes(content[:-8])
  assert 'not the file that model.json was written with' in refusal(copy)
  for wrong in (content[:-8], b'', b'\xff' * 64, b'\0' * 8):
    (copy / WEIGHTS).write_bytes(wrong)
    change_about(copy, weights_sha256=hashlib.sha256(wrong).hexdigest())
    assert 'cannot be read (' in refusal(copy)
  (copy / WEIGHTS).unlink()
  assert 'is no whole bundle: it has no weights.safetensors' in refusal(copy)


@pytest.mark.parametrize('change, words', [
    (lambda x: x.pop('seed0/scale'), "lacks 1 of the 5 arrays"),
    (lambda x: x.update({'seed0/clip': np.zeros(3, np.float32)}),
     "holds 'seed0/clip', which is no array"),
    (lambda x: x.update({'seed0/scale': np.zeros(4, np.float32)}), 'float32 (4,)'),
    (lambda x: x.update({'seed0/scale': np.zeros(3)}), 'is float64 (3,)'),
    (lambda x: x['seed0/scale'].__setitem__(0, np.nan), 'values that are no numbers'),
    (lambda x: x['seed0/scale'].__setitem__(0, np.inf), 'values that are no numbers')])
def test_arrays_that_are_others(change, words, copy):
  change_arrays(copy, change)
  assert words in refusal(copy)


def test_huge_files_are_not_read(copy):
  with open(copy / WEIGHTS, 'ab') as file:
    file.truncate(bundle_folder.MOST_WEIGHTS + 1)       # takes no room on the disk
  assert f'holds {bundle_folder.MOST_WEIGHTS + 1} bytes' in refusal(copy)
  with open(copy / ABOUT, 'ab') as file:
    file.truncate(bundle_folder.MOST_ABOUT + 1)
  assert 'are not read' in refusal(copy)
  (copy / ABOUT).write_text('[' * 10**5)
  assert 'deeper than' in refusal(copy)
  (copy / ABOUT).write_bytes(b'\xff')
  assert 'cannot be read' in refusal(copy)


def test_weights_of_all_draws_have_a_first_axis():
  """Of a method that steps, all that it moves, and of no method a support."""
  settings = lm.settings('synthetic:debug', encoder='mlp', method='anil')
  made = predictor.shapes({'settings': settings, 'clip': [4, 16, 16, 3], 'draws': 5,
                           'classes': ['a', 'b', 'c'], 'scaling': None})
  assert set(made['draws']) == {'head'}
  assert made['draws']['head']['bias'].shape == (5, 3)
  assert set(made['params']) == {'encoder', 'head'}


def test_settings_that_are_newer_than_a_bundle_have_their_defaults(copy):
  settings = json.loads((copy / ABOUT).read_text())['settings']
  for section, name in (('training', 'average'), ('model', 'precision')):
    del settings[section][name]
  change_about(copy, settings=settings)
  kept = lm.load_model(copy).about['settings']
  assert kept['training']['average'] == 0 and kept['model']['precision'] == 'float32'
