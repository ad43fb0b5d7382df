"""Synthetic faces as a data set."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from lightman_jax.data.load import load
from lightman_jax.errors import InputError
from lightman_jax.synthetic import scenes

SMALL = {'seed': 3, 'subjects': 2, 'micro': 3, 'macro': 1}


def settings(home, synthetic=SMALL):
  return {'name': 'synthetic', 'frames': 3, 'size': 16, 'data_dir': str(home),
          'synthetic': synthetic}


@pytest.fixture(scope='module')
def home(tmp_path_factory):
  return tmp_path_factory.mktemp('home')


@pytest.fixture(scope='module')
def clips(home):
  return load(settings(home))


def test_clips_are_those_of_the_scenes(clips):
  planned = {scene.clip: scene for scene in scenes.plan_scenes(**SMALL, fps=200.)}
  assert set(clips.clip) == set(planned)
  assert clips.classes == ('negative', 'positive', 'surprise')
  assert clips.macro.tolist() == [planned[clip].kind == 'macro' for clip in clips.clip]
  assert clips.emotion == tuple(planned[clip].emotion for clip in clips.clip)
  scene = planned['sub02/micro03']
  numbers = (scene.onset, scene.apex, scene.offset)
  drawn = scenes.render_scene(scene, frames=numbers, size=16)
  index = clips.clip.index(scene.clip)
  np.testing.assert_array_equal(clips.frames[index], drawn.frames)
  np.testing.assert_array_equal(clips.landmarks[index], drawn.landmarks)


def test_action_units_are_stored_raw_and_parsed(clips, home):
  name = 'synthetic_3-seed3-p2-micro3-macro1-fps200-t3-s16'
  folder = home / 'synthetic' / name / '1.0.0'
  for example in tfds.builder_from_directory(folder).as_data_source('full'):
    units = example['action_units']
    assert len(units['parsed']['number']) == units['raw'].count(b'+') + 1
    assert example['apex'] == example['frame_numbers'][1]


def test_difficulty_names_another_data_set(home):
  easy = load(settings(home, {**SMALL, 'difficulty': {'noise': .5}}))
  assert 'fps200-t3' not in easy.info['config']


def test_an_unknown_setting_is_named(home):
  for wrong, near in (({'subject': 3}, 'subjects'),
                      ({'difficulty': {'nois': 1.}}, 'noise')):
    with pytest.raises(InputError, match=repr(near)):
      load(settings(home, wrong))


def test_one_person_is_not_enough(tmp_path):
  with pytest.raises(InputError, match='one subject only'):
    load(settings(tmp_path, {**SMALL, 'subjects': 1}))
