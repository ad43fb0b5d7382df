"""Names out of a sheet become folders of the tree, and never anything else."""

import pytest

from lightman_jax.data import trees
from lightman_jax.errors import Unreadable


def make(root, *paths):
  for path in paths:
    (root / path).mkdir(parents=True)
  return root


def find(root, *names, taken=()):
  return trees.Tree(root, frozenset(taken)).folder(names).relative_to(root).as_posix()


@pytest.mark.parametrize('on_disk, names', [
    ('sub01/EP02_01f', 'sub01/EP02_01f'), ('Sub1/ep02_01F', 'sub01/EP02_01f'),
    ('sub001/EP2_1f', 'sub01/EP02_01f'), ('s1/s1_ne_01', 's01/s1_ne_01'),
    ('sub01/sub01/EP02_01f', 'sub01/EP02_01f')])
def test_case_padding_and_nesting_are_learned_from_the_disk(tmp_path, on_disk, names):
  assert find(make(tmp_path, on_disk), *names.split('/')) == on_disk


def test_the_exact_name_wins_over_one_that_is_alike(tmp_path):
  make(tmp_path, 'a/EP01_2', 'a/EP01_02')
  assert find(tmp_path, 'a', 'EP01_2') == 'a/EP01_2'
  assert find(tmp_path, 'a', 'EP01_02') == 'a/EP01_02'


def test_a_folder_that_is_another_clips_is_not_taken(tmp_path):
  make(tmp_path, 'a/EP01_02')
  assert find(tmp_path, 'a', 'EP01_2') == 'a/EP01_02'
  with pytest.raises(Unreadable, match='no folder a/EP01_2'):
    find(tmp_path, 'a', 'EP01_2', taken=['a/EP01_02'])


def test_two_that_are_alike_are_refused(tmp_path):
  with pytest.raises(Unreadable, match='both EP01_002 and EP01_02'):
    find(make(tmp_path, 'a/EP01_002', 'a/EP01_02'), 'a', 'EP01_2')


def test_a_video_is_found_by_the_beginning_of_its_name(tmp_path):
  make(tmp_path, 's15/15_0101disgusting', 's15/15_01011other', 's15/15_0102x')
  assert find(tmp_path, 's15', '15_0101*') == 's15/15_0101disgusting'
  with pytest.raises(Unreadable, match='both'):
    find(make(tmp_path, 's15/15_0101b'), 's15', '15_0101*')


def test_a_misfiled_video_is_found_by_its_own_name(tmp_path):
  make(tmp_path, 's19/19_0502a', 's19/23_0502b', 's23/23_0101c')
  assert find(tmp_path, 's23', '23_0502*') == 's19/23_0502b'
  assert find(tmp_path, 's19', '19_0502*') == 's19/19_0502a'
  with pytest.raises(Unreadable, match='no folder'):
    find(tmp_path, 's23', '23_0503*')


@pytest.mark.parametrize('name', [
    '..', '../..', '/etc', 'a/../../b', '', ' ', '.', 'a\\..\\b', 'a\0b', 'a\nb', '*'])
def test_names_that_lead_out_of_the_tree_are_refused(name):
  with pytest.raises(Unreadable, match='cannot be a folder'):
    trees.folder_names('{subject}/{filename}', {'subject': 's1', 'filename': name})


@pytest.mark.parametrize('name', ['EP01.zip', 'EP01.RAR', 'a.tar.gz', 'b.7z'])
def test_names_of_archives_are_refused(name):
  with pytest.raises(Unreadable, match='archive'):
    trees.folder_names('{subject}/{filename}', {'subject': 's1', 'filename': name})


def test_links_may_not_leave_the_tree_but_the_root_may_be_one(tmp_path):
  make(tmp_path, 'elsewhere/clip', 'disk/tree/s1/clip')
  (tmp_path / 'disk/tree/s1/out').symlink_to(tmp_path / 'elsewhere/clip')
  (tmp_path / 'disk/tree/s2').symlink_to(tmp_path / 'disk/tree/s1')
  (tmp_path / 'root').symlink_to(tmp_path / 'disk/tree')
  tree = trees.Tree(tmp_path / 'root')
  assert tree.folder(('s1', 'clip')).is_dir() and tree.folder(('s2', 'clip')).is_dir()
  with pytest.raises(Unreadable, match='link to .*elsewhere'):
    tree.folder(('s1', 'out'))


def test_walking_ends_in_a_loop_and_leaves_others_alone(tmp_path):
  make(tmp_path, 'a/b', 'samm/c')
  (tmp_path / 'a/b/loop').symlink_to(tmp_path)
  seen = [place.relative_to(tmp_path).as_posix() for place, _, _
          in trees.walk_folders([tmp_path], frozenset({'samm'}))]
  assert seen[0] == '.' and 'samm' not in seen and len(seen) < 20


def test_a_link_to_itself_hides_none_of_its_neighbours(tmp_path):
  make(tmp_path, 's1/b', 's1/z')
  (tmp_path / 's1/a').symlink_to(tmp_path / 's1/a')
  assert find(tmp_path, 's1', 'z') == 's1/z'
  assert [place.name for place, _, _ in trees.walk_folders([tmp_path / 's1'])] == [
      's1', 'b', 'z']


@pytest.mark.parametrize('text, name, fits', [
    ('{folder}', 's15', True), ('{folder}', 'x15', False), ('{folder}', 's', False),
    ('spNO.{subject}', 'SPno.s7', True), ('spNO.{subject}', 'spNOx7', False)])
def test_patterns_of_folders(text, name, fits):
  known = {name: trees.numbers_in('s{:02d}') for name in ('folder', 'subject')}
  assert bool(trees.pattern_of(text, known).fullmatch(name)) == fits
  assert trees.pattern_of('{emotion}', known) is None
