"""Contents count: what was built from other pixels is never taken for these."""

import os
import shutil

import numpy as np
from PIL import Image
import pytest

from lightman_jax.data import build, manifest_plan, plan, planning
from lightman_jax.data.load import load

NAMES = ('a', 'b')


def shade(path, value):
  """A picture of one shade; of BMP all have one size."""
  Image.new('RGB', (8, 8), (value,) * 3).save(path)


@pytest.fixture
def place(tmp_path):
  """A manifest of two pictures."""
  (tmp_path / 'in').mkdir()
  for value, name in enumerate(NAMES, start=1):
    shade(tmp_path / 'in' / f'{name}.bmp', 10 * value)
  (tmp_path / 'in' / 'm.csv').write_text(
      'clip,subject,label,path\na,s1,joy,a.bmp\nb,s2,sad,b.bmp\n')
  return tmp_path


@pytest.fixture
def loaded(place):
  """A function: the shades of the clips, and whether they were built anew."""
  def load_again():
    said = []
    clips = load({'name': 'manifest', 'path': str(place / 'in/m.csv'), 'frames': 1,
                  'size': 8, 'data_dir': str(place / 'home')}, say=said.append)
    return clips.frames[:][:, 0, 0, 0, 0].tolist(), any('again' in one for one in said)
  return load_again


@pytest.fixture
def hashed(monkeypatch):
  """The files that are read for their hash alone, all of which were left in peace."""
  monkeypatch.setattr(plan, 'TICK', -1)
  build._sha256.cache_clear()
  read, real = [], build.file_sha256
  monkeypatch.setattr(build, 'file_sha256',
                      lambda path: read.append(os.path.basename(path)) or real(path))
  return read


def in_place(path, value):
  """Other pixels in the same file, and its times put back."""
  before = path.stat()
  with open(path, 'r+b') as file:
    file.seek(54)
    file.write(bytes([value]) * (before.st_size - 54))
  os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
  after = path.stat()
  assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
      before.st_size, before.st_mtime_ns, before.st_ino)


def another_file(path, value):
  """Another file of that name and size, with the times of the first."""
  before = path.stat()
  shade(path.with_suffix('.new.bmp'), value)
  os.utime(path.with_suffix('.new.bmp'), ns=(before.st_atime_ns, before.st_mtime_ns))
  path.with_suffix('.new.bmp').replace(path)
  assert path.stat().st_size == before.st_size


@pytest.mark.parametrize('replace', [in_place, another_file])
@pytest.mark.parametrize('recorded', [True, False])
def test_replaced_files_of_equal_size_and_times_are_seen(
    replace, recorded, place, loaded):
  assert loaded() == ([10, 20], False)
  if not recorded:
    next(place.rglob(build.RECORD)).unlink()
  replace(place / 'in/b.bmp', 77)
  assert loaded() == ([10, 77], True)
  assert loaded() == ([10, 77], False)


def test_what_is_untouched_is_not_read_again(place, loaded, hashed):
  assert [loaded() for _ in range(3)] == [([10, 20], False)] * 3
  assert not hashed, 'the build itself hashes what it decodes'


def test_a_touched_file_is_read_once_and_nothing_is_built(place, loaded, hashed):
  loaded()
  os.utime(place / 'in/b.bmp', (1, 1))
  assert loaded() == ([10, 20], False) and hashed == ['b.bmp']
  build._sha256.cache_clear()
  assert loaded() == ([10, 20], False) and hashed == ['b.bmp']


def test_what_has_just_changed_is_not_relied_on(place, loaded, hashed, monkeypatch):
  monkeypatch.setattr(plan, 'TICK', 10**18)
  loaded()
  loaded()
  assert set(hashed) == {'a.bmp', 'b.bmp'}


@pytest.mark.parametrize('damage', [b'', b'{}', b'{"plan": 1, "clips": {"a": [[1]]}}'])
def test_without_its_record_all_files_are_read(damage, place, loaded, hashed):
  loaded()
  next(place.rglob(build.RECORD)).write_bytes(damage)
  assert loaded() == ([10, 20], False) and sorted(hashed) == ['a.bmp', 'b.bmp']
  build._sha256.cache_clear()
  assert loaded() == ([10, 20], False) and len(hashed) == 2


def test_a_record_that_cannot_be_written_costs_time_alone(
    place, loaded, hashed, monkeypatch):
  loaded()
  os.utime(place / 'in/b.bmp', (1, 1))

  def refuse(*_):
    raise PermissionError
  monkeypatch.setattr(build, 'write_atomically', refuse)
  assert loaded() == ([10, 20], False) == loaded()


def test_other_code_makes_the_clips_again(loaded, monkeypatch):
  assert loaded() == loaded() == ([10, 20], False)
  monkeypatch.setattr(manifest_plan, 'code_sha256', lambda stage: f'another {stage}')
  assert loaded() == ([10, 20], True)


def test_the_key_of_a_clip_follows_its_files(place):
  choice = manifest_plan.Choice('manifest', path=str(place / 'in/m.csv'),
                                frames=1, size=8, class_set='manifest')
  before = [item.key for item in manifest_plan.plan_manifest(choice).items]
  in_place(place / 'in/b.bmp', 77)
  after = [item.key for item in manifest_plan.plan_manifest(choice).items]
  assert before[0] == after[0] and before[1] != after[1]


@pytest.fixture
def folders(replica, tmp_path):
  """CASME II twice: frames of the same names and sizes, one of other pixels in B."""
  for name, value in (('A', 30), ('B', 60)):
    shutil.copytree(replica, tmp_path / name)
    picture = sorted((tmp_path / name).glob('Cropped/*/*/*.jpg'))[0]
    Image.new('RGB', (32, 39), (value,) * 3).save(picture.with_suffix('.bmp'))
    picture.unlink()
  shutil.copytree(tmp_path / 'A', tmp_path / 'C')
  return tmp_path


def test_another_folder_is_another_data_set_where_its_pixels_differ(
    folders, monkeypatch):
  def of(name):
    said = []
    clips = load({'name': 'casme2', 'frames': 3, 'size': 16, 'data_dir':
                  str(folders / 'home'), 'manual_dir': str(folders / name)},
                 say=said.append)
    return clips.info['sha256'], any('built again' in line for line in said)
  first, _ = of('A')
  assert of('C') == (first, False), 'a copy is the same data set'
  second, again = of('B')
  assert again and second != first
  assert of('A') == (first, True)
  monkeypatch.setattr(planning, 'code_sha256', lambda stage: f'another {stage}')
  assert of('A') == (first, True)


def test_a_clip_that_could_not_be_read_comes_back_with_its_file(folders):
  broken = sorted((folders / 'A').glob('Cropped/*/*/*.jpg'))[-1]
  whole, times = broken.read_bytes(), broken.stat()
  broken.write_bytes(b'x' * len(whole))
  settings = {'name': 'casme2', 'frames': 3, 'size': 16,
              'data_dir': str(folders / 'home'), 'manual_dir': str(folders / 'A')}
  lacking = load(settings, say=lambda line: None)
  broken.write_bytes(whole)
  os.utime(broken, ns=(times.st_atime_ns, times.st_mtime_ns))
  assert len(load(settings, say=lambda line: None).clip) == len(lacking.clip) + 1


def test_pixels_come_with_the_hashes_of_what_was_decoded(place):
  made = manifest_plan.pixels.read_pixels(
      (str(place / 'in/a.bmp'), str(place / 'in/b.bmp'), str(place / 'in/a.bmp')),
      size=8, crop=False)
  assert made.sums == tuple(build.file_sha256(place / f'in/{name}.bmp')
                            for name in NAMES)
  assert np.unique(made.frames).tolist() == [10, 20]
