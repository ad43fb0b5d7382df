"""Flow pictures as the field hands them on: written, read by its rules, taken back."""

import csv
import json
import os

import cv2
import numpy as np
from PIL import Image
import pytest

from lightman_jax import settings as settings_module
from lightman_jax.__main__ import main
from lightman_jax.configurations.named import settings_by_name
from lightman_jax.data.load import load
from lightman_jax.experiment.finished import run
from lightman_jax.inputs import inputs

TINY = {'data.size': 16, 'data.frames': 3, 'data.synthetic.subjects': 3,
        'data.synthetic.micro': 6, 'data.synthetic.macro': 2, 'inputs.size': 12,
        'inputs.kind': 'picture', 'inputs.stabilise': 'median', 'model.skip': 0}


@pytest.fixture(scope='module')
def tiny():
  return settings_by_name('synthetic:debug', **TINY)


def export(folder, *words):
  return main(['inputs', 'export', 'synthetic:debug', str(folder), *words,
               *(f'--config.{name}={value}' for name, value in TINY.items())])


def test_exported_and_imported_it_is_the_same_run(tiny, tmp_path, capsys):
  folder = tmp_path / 'npz'
  assert export(folder, '--layout=npz', '--channels=strain,v,u') == 0
  facts = json.loads((folder / 'flow.json').read_text())
  assert facts['algorithm'] == 'dis' and facts['channels'] == ['strain', 'v', 'u']
  assert (facts['stabilise'], facts['mask'], facts['size']) == ('median', 'none',
                                                                [12, 12])
  assert facts['made_with']['opencv'] == cv2.__version__ and 'drawn' in facts['crop']
  with np.load(folder / 'flow.npz') as arrays:
    flow, pictures = arrays['flow'], arrays['pictures']
    assert arrays['clip'].tolist() == [clip['clip'] for clip in facts['clips']]
  np.testing.assert_array_equal(inputs.as_picture(flow[:1]), pictures[:1])
  assert main(['inputs', 'import', str(folder)]) == 0
  assert '--config.data.size=12' in capsys.readouterr().out
  taken = settings_module.changed(tiny, {
      'data.name': 'manifest', 'data.class_set': 'manifest', 'data.frames': 1,
      'data.size': 12, 'data.path': str(folder / 'manifest.csv'),
      'inputs.stabilise': 'none'})
  run(tiny, tmp_path / 'frames')
  run(taken, tmp_path / 'taken')
  rows = (tmp_path / 'frames' / 'predictions.csv').read_bytes()
  assert rows.count(b'\n') == 19
  assert rows == (tmp_path / 'taken' / 'predictions.csv').read_bytes()


def ststnet_reader(root, person, part):
  """As its code reads: a folder a person, in it a folder a label, read by OpenCV.

  `for n_expression in os.listdir(root/person/u_train): y.append(int(n_expression))`.
  """
  x, y, names = [], [], []
  folder = os.path.join(root, person, part)
  for expression in os.listdir(folder):
    for case in os.listdir(os.path.join(folder, expression)):
      x.append(cv2.imread(os.path.join(folder, expression, case)))
      y.append(int(expression))
      names.append(case)
  return np.array(x), y, names


def test_the_layout_of_ststnet_is_read_by_its_rules(tiny, tmp_path, capsys):
  folder = tmp_path / 'norm_u_v_os'
  assert export(folder) == 0
  assert '6 macro-expressions have no place' in capsys.readouterr().out
  clips = load(tiny['data'])
  how = inputs.Settings(**tiny['inputs'])._replace(unit='none')     # as pictures are
  x = inputs.make_inputs(clips, how)[:, 0]
  by_name = {f'{clip.replace("/", "_")}.png': n for n, clip in enumerate(clips.clip)}
  people = sorted(part for part in os.listdir(folder) if part != 'flow.json')
  assert people == ['sub01', 'sub02', 'sub03']
  for person in people:
    tested, labels, names = ststnet_reader(folder, person, 'u_test')
    for picture, label, name in zip(tested, labels, names):
      n = by_name[name]
      assert clips.subject[n] == person and clips.label[n] == label
      # OpenCV has blue first: strain, v, u.
      np.testing.assert_allclose(picture[..., ::-1] / 127.5 - 1, x[n], atol=1e-6)
    _, _, others = ststnet_reader(folder, person, 'u_train')
    assert len(names) == 6 and len(others) == 12
    assert {clips.subject[by_name[name]] for name in others} == {*people} - {person}
  assert main(['inputs', 'import', str(folder)]) == 0
  rows = list(csv.DictReader((folder / 'manifest.csv').read_text().splitlines()))
  assert [row['clip'] for row in rows] == [
      clip for clip, macro in zip(clips.clip, clips.macro) if not macro]
  assert {(row['label'], row['path'].split('/')[2]) for row in rows} == {
      ('negative', '0'), ('positive', '1'), ('surprise', '2')}


@pytest.fixture
def foreign(tmp_path):
  """Pictures of two people without a flow.json, one of them in a wrong place."""
  pictures = dict(zip('abc', np.random.default_rng(0).integers(
      0, 256, (3, 28, 28, 3), np.uint8)))
  for name in ('006/u_test/0/a', '006/u_train/1/b', '007/u_test/1/b', '007/u_train/0/a',
               '007/u_train/1/b', '007/u_train/2/c'):
    path = tmp_path / 'their' / f'{name}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pictures[name[-1]]).save(path)
  return tmp_path / 'their'


def test_pictures_of_others(foreign, capsys):
  assert main(['inputs', 'import', str(foreign)]) == 2
  assert 'the order of its channels is not known' in capsys.readouterr().err
  assert main(['inputs', 'import', str(foreign), '--channels=strain,v,u',
               '--classes=negative,positive,surprise', '--dataset=samm']) == 0
  out = capsys.readouterr().out
  assert '1 picture is in a u_train and in no u_test, 2/c.png' in out
  assert 'in the u_train of the same person, 007/1/b.png' in out
  rows = list(csv.DictReader((foreign / 'manifest.csv').read_text().splitlines()))
  assert [(row['subject'], row['label'], row['dataset']) for row in rows] == [
      ('006', 'negative', 'samm'), ('007', 'positive', 'samm')]
  there = np.asarray(Image.open(foreign / '006/u_test/0/a.png'))
  np.testing.assert_array_equal(np.asarray(Image.open(foreign / rows[0]['path'])),
                                there[..., ::-1])


@pytest.mark.parametrize('words, message', [
    (['--channels=u,v'], 'name each of u, v, strain once'),
    (['--channels=u,v,strain', '--classes=a'], 'has the label 1')])
def test_what_cannot_be_is_refused(foreign, capsys, words, message):
  assert main(['inputs', 'import', str(foreign), *words]) == 2
  assert message in capsys.readouterr().err


def test_nothing_outside_of_the_folder_is_taken(tmp_path, capsys):
  clip = dict(clip='a', subject='s', dataset='', label='x', kind='micro',
              file='../secret.png')
  (tmp_path / 'in').mkdir()
  (tmp_path / 'in' / 'flow.json').write_text(json.dumps(
      {'layout': 'ststnet', 'channels': ['u', 'v', 'strain'], 'clips': [clip]}))
  assert main(['inputs', 'import', str(tmp_path / 'in')]) == 2
  assert 'outside of the folder' in capsys.readouterr().err
  assert export(tmp_path / 'in') == 2
  assert 'is not empty' in capsys.readouterr().err
