"""Rows out of the names of folders: SMIC's short clips."""

import pytest

from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.sheets import read_folders
from lightman_jax.data.trees import Tree

FACTS = TABLES['smic']


def put(root, *clips, frames=(559740, 559741, 1000000)):
  for clip in clips:
    (root / clip).mkdir(parents=True)
    for number in frames:
      (root / clip / f'reg_image{number}.bmp').touch()
  return root


def read(root):
  return read_folders(Tree(root), FACTS.editions[0], FACTS)


def test_class_subject_and_frames_come_from_names(tmp_path):
  put(tmp_path, 's1/micro/negative/s1_ne_01', 's12/micro/Surprise/s12_sur_02',
      's1/non_micro/s1_non_01')
  listing = read(tmp_path)
  assert not listing.left_out
  one, two = sorted(listing.rows, key=lambda row: row.clip)
  assert (one.clip, one.subject, one.emotion) == ('s01/s1_ne_01', 's01', 'negative')
  assert (one.onset, one.apex, one.offset) == (559740, None, 1000000)
  assert (two.clip, two.subject, two.emotion) == ('s12/s12_sur_02', 's12', 'surprise')
  assert listing.sheet == 'names of folders' and len(listing.sheet_sha256) == 64


@pytest.mark.parametrize('place, words', [
    ('s2/micro/negative/s1_ne_01', 'among the clips of s2'),
    ('s1/micro/positive/s1_ne_01', 'its name says negative'),
    ('s1/micro/negative/holiday', 'not a clip'),
    ('s1/micro/negative/s1_xx_01', 'not a clip')])
def test_a_clip_whose_name_and_place_disagree_is_left_out(tmp_path, place, words):
  (entry,) = read(put(tmp_path, place)).left_out
  assert words in entry.in_words[1]


def test_a_clip_that_lies_there_twice_is_nobodys(tmp_path):
  put(tmp_path, 's1/micro/negative/s1_ne_01', 's01/micro/negative/s1_ne_01')
  listing = read(tmp_path)
  assert not listing.rows
  reasons = [entry.in_words[1] for entry in listing.left_out]
  assert reasons == ['stands in the tree 2 times'] * 2


def test_empty_folders_and_links_out_of_the_tree_are_left_out(tmp_path):
  put(tmp_path / 'out', 'clip')
  put(tmp_path / 'in', 's1/micro/negative/s1_ne_01', frames=())
  (tmp_path / 'in/s1/micro/negative/s1_ne_02').symlink_to(tmp_path / 'out/clip')
  reasons = dict(entry.in_words for entry in read(tmp_path / 'in').left_out)
  assert 'holds no numbered picture' in reasons['s01/s1_ne_01']
  assert 'is a link to' in reasons['s01/s1_ne_02']


def test_folders_that_unzipping_nested_are_entered(tmp_path):
  put(tmp_path, 's1/s1/micro/negative/s1_ne_01')
  assert [row.clip for row in read(tmp_path).rows] == ['s01/s1_ne_01']
