"""Replicas on disk: names, places and pictures as in the published trees."""

import ast
import importlib
import pathlib

import cv2
import numpy as np
import pytest
import python_calamine

from lightman_jax.__main__ import main
from lightman_jax.errors import InputError
from lightman_jax.synthetic import replicas, scenes
from lightman_jax.synthetic.replicas import casme, casme_squared, draw, samm, smic
from lightman_jax.synthetic.replicas.draw import Clip
from lightman_jax.synthetic.replicas.write import REPLICAS, write_replica


@pytest.fixture
def plain(monkeypatch):
  """Grey pictures in the place of faces, which take longer to draw than to write."""
  def render(scene, *, frames, size):
    grey = np.full((len(frames), size, size, 3), 90, np.uint8)
    return scenes.Rendered(grey, None, None)
  monkeypatch.setattr(scenes, 'render_scene', render)


@pytest.fixture
def made(tmp_path):
  def write(name, **options):
    options = {'per_class': 1, 'frames': 3, 'size': (16, 20), **options}
    write_replica(name, tmp_path / name, **options)
    return tmp_path / name
  return write


@pytest.mark.parametrize('name, edition, paths', [
    ('casme', 'raw', ['CASME_raw_selected/sub01/EP01_12/EP01_12-*.jpg',
                      'Section A.xls', 'Section B.xls']),
    ('casme', 'cropped', ['Cropped/sub01/EP01_12/reg_EP01_12-*.jpg']),
    ('casme2', 'raw', ['CASME2_RAW_selected/sub01/EP02_01f/img46.jpg',
                       'CASME2-coding-20140508.xlsx', 'CASME2-coding-20190701.xlsx',
                       'CASME2-ObjectiveClasses.xlsx']),
    ('casme2', 'cropped', ['Cropped/sub01/EP02_01f/reg_img46.jpg']),
    ('samm', 'raw', ['SAMM/006/006_1_2/006_05562.jpg', 'SAMM/006/006_2_4/006_0180.jpg',
                     'SAMM_Micro_FACS_Codes_v2.xlsx']),
    ('samm_long', '', ['SAMM_longvideos/037_4/037_4_*.jpg',
                       'SAMM_LongVideos_V2_Release.xlsx']),
    ('smic', 'raw', ['SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image559740.bmp',
                     'SMIC_all_raw/HS/s18/micro/surprise/s18_sur_03/image*.bmp',
                     'SMIC_all_raw/HS/s1/non_micro/*/image*.bmp',
                     'SMIC_all_raw/VIS/s11/micro/positive/*/image*.bmp',
                     'SMIC_all_raw/NIR/s11/micro/positive/*/image*.bmp']),
    ('smic', 'cropped', ['SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/'
                         'reg_image559740.bmp']),
    ('smic_long', '', ['HS_long/SMIC_HS_E/s01/s1_ne_03/image*.jpg',
                       'SMIC-HS-E_annotation.xlsx']),
    ('casme_squared', 'raw', ['rawpic/s15/15_0508*/img???.jpg', 'rawvideo',
                              'rawpic/s19/23_0502funnyerrors/img*.jpg',
                              'rawpic/s19/19_0502funnyerrors/img*.jpg',
                              'CAS(ME)^2code_final(Updated).xlsx', 'selectedpic']),
    ('casme_squared', 'cropped', ['cropped/s23/23_0502*/img*.jpg']),
    ('casme_cubed', '', ['part_A/spNO.1/a/color/*.jpg',
                         'cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx']),
    ('mmew', '', ['Micro_Expression/disgust/S*/*.jpg', 'MMEW_Micro_Exp.xlsx']),
    ('dfme', '', ['DFME/sub0003/sub0003_01/*.jpg']),
    ('ck_plus', '', ['cohn-kanade-images/S*/0*/S*_0*_00000001.png',
                     'Emotion/S*/*/S*_emotion.txt', 'FACS/S*/0*/S*_facs.txt',
                     'Landmarks/S*/0*/S*_00000001_landmarks.txt']),
    ('oulu_casia', '', ['VL/Strong/P*/Anger/000.jpeg']),
    ('mug', '', ['subjects3/001/anger/take000/img_0000.jpg']),
    ('mmew_macro', '', ['Macro_Expression/S*/anger/*.jpg']),
    ('jaffe', '', ['jaffe/K*.HA*.tiff', 'jaffe/KA.NE1.*.tiff']),
    ('kdef', '', ['KDEF/AF01/AF01NES.JPG', 'KDEF/BM35/BM35NES.JPG']),
    ('yale', '', ['yalefaces/subject01.normal', 'yalefaces/subject*.happy']),
    ('rafd', '', ['RaFD/Rafd090_01_Caucasian_female_neutral_frontal.jpg']),
])
def test_paths_are_those_published(plain, made, name, edition, paths):
  folder = made(name, edition=edition)
  assert [path for path in paths if not any(folder.glob(path))] == []


def test_what_is_missing_or_misfiled_on_disk(plain, made):
  cropped = made('casme_squared', edition='cropped')
  assert not [path for path in ('s15/*0508*', 's24/*0507*', 's23/*0503*', 's23/*0507*')
              if any(cropped.glob(f'cropped/{path}'))]
  long = made('smic_long')
  assert not [name for name in ('s3_ne_03', 's3_ne_20', 's4_ne_05', 's4_ne_06',
                                's9_sur_02') if any(long.rglob(name))]
  clip = next(clip for clip in casme_squared.cubed_clips()
              if 'gone' in clip.overrides and clip.odd)
  folder = made('casme_cubed') / f'part_A/{clip.subject}/{clip.name}/color'
  assert not (folder / f'{clip.overrides["gone"]}.jpg').exists()
  assert (folder / f'{clip.onset}.jpg').exists() or clip.onset == clip.overrides['gone']


def test_all_frames_between_onset_and_offset_are_there(plain, made):
  folder = made('casme2', frames=0)
  clip = next(clip for clip in casme.second_clips() if clip.name == 'EP09_05f')
  assert {path.name for path in folder.glob('Cropped/sub05/EP09_05f/*')} == {
      f'reg_img{number}.jpg' for number in range(69, 124)} and clip.offset == 123


def test_clips_without_an_apex_have_all_their_frames(plain, made):
  assert len(list(made('casme2').glob('Cropped/sub04/EP12_01f/*'))) == 61
  assert len(list(made('smic').rglob('s1_ne_01/*'))) == 3
  repaired = made('samm').glob('SAMM_CROP/028/028_4_1/*')
  assert len(list(repaired)) == 1143 - 1071 + 1


def test_padding_changes_from_clip_to_clip():
  films = samm._films(samm.clips(), 'raw')
  assert len({film.pattern.partition('_')[2] for film in films}) == 2
  films = casme._films(casme.clips(), 'raw')
  assert {film.pattern.partition('{')[2] for film in films} == {'}.jpg', ':03d}.jpg'}


def test_pictures_differ_by_frame_and_person(made):
  folder = made('samm', size=(64, 64))
  path = folder / 'SAMM_CROP/006/006_1_2/006_05562.jpg'
  picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
  assert picture.shape == (64, 64)            # grey in the file, too
  assert path.read_bytes() != path.with_name('006_05588.jpg').read_bytes()
  other = folder / 'SAMM_CROP/037/037_4_1'
  assert path.read_bytes() not in [file.read_bytes() for file in other.iterdir()]


def test_the_same_seed_writes_the_same_files(made, tmp_path):
  folder = made('mmew', draw_each=True)
  write_replica('mmew', tmp_path / 'b', per_class=1, frames=3, size=(16, 20),
                draw_each=True)
  files = [path for path in folder.rglob('*.jpg')]
  assert files
  for path in files:
    twin = tmp_path / 'b' / path.relative_to(folder)
    assert path.read_bytes() == twin.read_bytes()


@pytest.mark.parametrize('frame, instant', [
    (9, 0), (10, 0), (15, 2), (20, 4), (30, 6), (40, 8), (41, 8)])
def test_a_frame_shows_the_nearest_instant(frame, instant):
  clip = Clip('1', 'a', 10, 20, 40, 'happy')
  assert draw.reel_instant(clip, frame, 9) == instant


def test_a_still_shows_the_apex():
  assert draw.reel_instant(Clip('1', 'a', 3, 3, 3, 'happy'), 3, 9) == 4


@pytest.mark.parametrize('form', ['xlsx', 'xls', 'csv'])
def test_sheets_in_every_form_hold_the_same_cells(plain, made, form):
  path = made('casme', form=form, frames=1) / f'Section A.{form}'
  if form == 'csv':
    text = path.read_bytes().decode('utf-8-sig')
    assert '"L4, 9"' in text or '"4\uff0c7"' in text or '\\' in text
    lines = [line.split(',')[:5] for line in text.split('\r\n')]
  else:
    book = python_calamine.CalamineWorkbook.from_path(path)
    lines = [[str(cell).removesuffix('.0') for cell in line[:5]]
             for line in book.get_sheet_by_index(0).to_python()]
  assert lines[0] == ['Subject', 'Filename', '', 'OnsetF', 'ApexF1']
  assert any(line[:2] == ['1', 'EP01_12'] for line in lines)


def test_other_roots_and_nesting(plain, made):
  folder = made('casme2', root='Cropped-updated/Cropped', nested=2)
  assert (folder / 'Cropped-updated/Cropped/Cropped/Cropped/sub01').is_dir()


@pytest.mark.parametrize('name, options, words', [
    ('sam', {}, "nearest is 'samm'"), ('samm', {'edition': 'row'}, "nearest is 'raw'"),
    ('casme2', {'sheets': ('2018',)}, "nearest is '2019'"),
    ('samm', {'frames': 4}, 'must be odd'), ('samm', {'size': (0, 0)}, 'between 8'),
    ('samm', {'root': 'SAMM'}, 'SAMM_CROP, SAMM_Cropped'),
    ('samm', {'form': 'pdf'}, 'no form of a sheet'),
    ('smic', {'sheets': ('v2',)}, 'all: none')])
def test_what_is_wrong_is_said_and_nothing_written(tmp_path, name, options, words):
  with pytest.raises(InputError, match=words):
    write_replica(name, tmp_path / 'r', **options)
  assert not (tmp_path / 'r').exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
  (tmp_path / 'mine.txt').touch()
  with pytest.raises(InputError, match='not an empty folder'):
    write_replica('smic', tmp_path)


def test_without_xlwt_one_is_told_what_to_do(tmp_path, monkeypatch):
  def absent(name):
    raise ImportError(name)
  monkeypatch.setattr(importlib, 'import_module', absent)
  with pytest.raises(InputError, match='pip install .*test.*another form'):
    write_replica('casme', tmp_path / 'r')
  assert not (tmp_path / 'r').exists()


def test_the_command(plain, tmp_path, capsys):
  arguments = ['replica', 'smic', str(tmp_path / 'r'), '--clips-per-class', '1',
               '--frames', '1', '--size', '16', '16', '--nested']
  assert main(arguments) == 0
  assert 'people who do not exist' in capsys.readouterr().out
  assert (tmp_path / 'r/SMIC_all_cropped/SMIC_all_cropped/HS').is_dir()
  assert main(['replica', 'smic', str(tmp_path / 'r')]) == 2


def imports_of(path: pathlib.Path) -> set[str]:
  names = set()
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.ImportFrom):
      names |= {f'{node.module}.{alias.name}' for alias in node.names}
    elif isinstance(node, ast.Import):
      names |= {alias.name for alias in node.names}
  return names


def test_readers_and_replicas_know_nothing_of_each_other():
  mine = pathlib.Path(replicas.__file__).parent
  for path in mine.parents[1].rglob('*.py'):
    for name in imports_of(path):
      if mine in path.parents:
        assert not name.startswith('lightman_jax.data'), path
      else:
        assert not name.startswith('lightman_jax.synthetic.replicas'), path


def test_every_replica_can_be_drawn_small():
  for name, replica in REPLICAS.items():
    clips = replica.clips(3)
    for edition in replica.editions:
      films = replica.films(clips, edition)
      assert sum(not film.beside for film in films) <= len(clips), name
      assert all(film.pattern.format(7) for film in films)
  assert len(smic.clips()) == 164 + 71 + 71
