"""CASME II from files to arrays, on a replica of its tree."""

from collections import Counter
import json
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.features.top_level_feature import TopLevelFeature

from lightman_jax.data import builder, planning
from lightman_jax.data.load import load
from lightman_jax.errors import InputError
from lightman_jax.synthetic.replicas import casme
from lightman_jax.synthetic.replicas.write import write_replica

CONFIG = 'casme2_5-2014-cropped-t3-s16'


def settings(manual, home, **others):
  return {'name': 'casme2', 'frames': 3, 'size': 16, 'manual_dir': str(manual),
          'data_dir': str(home), **others}


@pytest.fixture(scope='module')
def home(tmp_path_factory):
  return tmp_path_factory.mktemp('home')


@pytest.fixture(scope='module')
def clips(replica, home):
  return load(settings(replica, home), say=lambda line: None)


def test_the_clips_are_sorted_and_whole(clips):
  assert list(clips.clip) == sorted(clips.clip)
  assert clips.frames.shape == (len(clips.clip), 3, 16, 16, 3)
  assert clips.frames.dtype == np.uint8 and clips.frames[:].std() > 10
  assert np.isnan(clips.landmarks).all() and clips.landmarks.dtype == np.float32
  assert clips.classes == ('happiness', 'surprise', 'disgust', 'repression', 'others')
  assert all(clips.classes[label] == emotion
             for label, emotion in zip(clips.label, clips.emotion))
  assert not clips.macro.any()


def test_odd_clips_are_there(clips):
  named = {f'sub{subject:02d}/{name}' for subject, name, _, apex, _, emotion
           in casme.ODD if apex != '/' and emotion != 'sadness'}
  assert named <= set(clips.clip)


def test_an_apex_at_an_end_repeats_that_frame(clips):
  start = clips.frames[clips.clip.index('sub05/EP09_05f')]
  end = clips.frames[clips.clip.index('sub20/EP16_01')]
  assert (start[0] == start[1]).all() and (start[1] != start[2]).any()
  assert (end[1] == end[2]).all() and (end[0] != end[1]).any()


def test_every_row_is_a_clip_or_left_out_with_its_reason(clips, replica, home):
  report = json.loads(
      (home / 'casme2' / CONFIG / '1.0.0' / 'build_report.json').read_text())
  left_out = dict(report['left_out'])
  assert 'sub04/EP12_01f' in clips.clip and report['apex']['spotted'] == 1
  assert "'sadness'" in left_out['sub24/EP07_01']
  folders = {f'{p.parent.name}/{p.name}' for p in replica.glob('Cropped/*/*')}
  assert set(clips.clip) | set(left_out) == folders
  assert report['sheet'] == 'CASME2-coding-20140508.xlsx'
  assert report['clips'] == len(clips.clip) == sum(report['per_class'].values())
  assert clips.info['sha256'] == report['sha256'] and len(report['sheet_sha256']) == 64


def test_plain_tfds_reads_what_was_built(clips, home):
  source = tfds.builder_from_directory(
      home / 'casme2' / CONFIG / '1.0.0').as_data_source('full')
  examples = {example['id'].decode(): example for example in source}
  example = examples['sub20/EP16_01']
  assert set(examples) == set(clips.clip)
  assert (example['onset'], example['apex'], example['offset']) == (121, 188, 188)
  assert example['frame_numbers'].tolist() == [121, 188, 188]
  assert (example['fps'], example['kind']) == (200., b'micro')
  assert example['dataset'] == b'casme2' and example['landmarks'].shape == (3, 68, 2)
  np.testing.assert_array_equal(
      example['frames'], clips.frames[clips.clip.index('sub20/EP16_01')])
  units = next(units for units in (e['action_units'] for e in examples.values())
               if b'+' in units['raw'])
  assert len(units['parsed']['number']) == units['raw'].count(b'+') + 1


def test_a_built_data_set_outlives_its_tree(clips, home, tmp_path):
  (tmp_path / 'gone').mkdir()
  again = load(settings(tmp_path / 'gone', home))
  assert again.info == clips.info
  np.testing.assert_array_equal(again.frames, clips.frames)


def test_a_start_decodes_every_clip_once_and_a_build_hands_its_clips_on(
    clips, replica, home, tmp_path, monkeypatch):
  decoded = Counter()
  real = TopLevelFeature.deserialize_example_np

  def counted(self, *args, **options):
    example = real(self, *args, **options)
    decoded[example['id'].decode()] += 1
    return example
  monkeypatch.setattr(TopLevelFeature, 'deserialize_example_np', counted)
  again = load(settings(replica, home))
  assert decoded == dict.fromkeys(clips.clip, 1) and again.info == clips.info
  (home / 'casme2' / CONFIG / '1.0.0' / 'order.json').unlink()
  decoded.clear()       # as of a build of before: which record is which must be read
  assert load(settings(replica, home)).content == clips.content
  assert decoded == dict.fromkeys(clips.clip, 2)
  decoded.clear()
  built = load(settings(replica, tmp_path), say=lambda line: None)
  assert decoded == dict.fromkeys(clips.clip, 2) and built.info == clips.info


def test_a_start_plans_the_tree_once(replica, tmp_path, monkeypatch):
  plans, listings = [], []
  real, read = planning.Survey.plan, planning.read_listing
  monkeypatch.setattr(planning.Survey, 'plan', lambda self, choice: plans.append(
      choice) or real(self, choice))
  monkeypatch.setattr(planning, 'read_listing', lambda *args, **o: listings.append(
      args) or read(*args, **o))
  said = []
  load(settings(replica, tmp_path), say=said.append)
  assert (len(plans), len(listings)) == (1, 1)
  assert said[0].startswith('CASME II: ') and 'rows can be used' in said[0]


def test_tfds_alone_builds_the_listed_configurations(replica, tmp_path):
  built = tfds.builder('casme2/casme2_3-2019-cropped-t9-s64', data_dir=tmp_path,
                       file_format='array_record')
  assert isinstance(built, builder.BUILDERS['casme2'])
  assert 'yan2014' in built.info.citation
  with pytest.raises(AssertionError, match='Yan et al. 2014'):
    built.download_and_prepare(file_format='array_record')


def test_raw_frames_csv_sheet_and_double_nesting(tmp_path):
  manual = tmp_path / 'manual'
  write_replica('casme2', manual / 'casme2', per_class=1, frames=3, edition='raw',
                nested=True, sheets=('2019',), form='csv', size=(40, 30))
  lines = []
  clips = load(settings(manual, tmp_path, class_set='casme2_3'), say=lines.append)
  assert clips.info['config'] == 'casme2_3-2019-raw-t3-s16'
  assert clips.info['sheet'] == 'CASME2-coding-20190701.csv'
  assert clips.classes == ('negative', 'positive', 'surprise')
  assert any('no face is aligned' in line for line in lines)
  assert 'sub05/EP09_05f' in dict(clips.info['left_out'])


@pytest.fixture
def damaged(replica, tmp_path):
  shutil.copytree(replica, tmp_path / 'manual')
  return tmp_path / 'manual'


def test_missing_and_broken_frames_leave_their_clips_out(clips, damaged, tmp_path):
  place = damaged / 'Cropped'
  (place / 'sub20/EP16_01/reg_img121.jpg').unlink()
  broken = place / 'sub05/EP09_05f/reg_img69.jpg'
  broken.write_bytes(broken.read_bytes()[:300])
  shutil.rmtree(place / 'sub03/EP01_2')
  lines = []
  fewer = load(settings(damaged, tmp_path), say=lines.append)
  lost = {'sub20/EP16_01', 'sub05/EP09_05f', 'sub03/EP01_2'}
  assert set(clips.clip) - set(fewer.clip) == lost
  reasons = dict(fewer.info['left_out'])
  assert 'frame 121 is not in' in reasons['sub20/EP16_01']
  assert 'holds frames 188 to 188' in reasons['sub20/EP16_01']
  assert 'reg_img69.jpg' in reasons['sub05/EP09_05f']
  assert 'EP01_2' in reasons['sub03/EP01_2']
  assert any('left out' in line for line in lines)


def test_a_changed_tree_is_built_again_and_says_so(damaged, tmp_path):
  before = load(settings(damaged, tmp_path), say=lambda line: None)
  lines = []
  load(settings(damaged, tmp_path), say=lines.append)
  assert not lines
  place = damaged / 'Cropped/sub05/EP09_05f'
  shutil.copy(place / 'reg_img69.jpg', place / 'reg_img123.jpg')
  after = load(settings(damaged, tmp_path), say=lines.append)
  assert any('changed' in line and 'built again' in line for line in lines)
  assert before.clip == after.clip
  assert before.info['sha256'] != after.info['sha256']


def test_a_class_without_clips_is_refused_before_anything_is_built(damaged, tmp_path):
  for folder in damaged.glob('Cropped/*/*'):
    if folder.name not in ('EP01_2', 'EP16_01'):
      shutil.rmtree(folder)
  with pytest.raises(InputError, match="no clip of the class 'happiness'"):
    load(settings(damaged, tmp_path))
  assert not (tmp_path / 'casme2').exists()
