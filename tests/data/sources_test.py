"""Files are found wherever a release may have been unpacked, or asked for at once."""

import shutil
import subprocess
import sys
import time

import pytest

from lightman_jax.data.choice import choose, configuration_names
from lightman_jax.data.sources import Missing, check_present, locate
from lightman_jax.errors import InputError

OLD, NEW = 'CASME2-coding-20140508', 'CASME2-coding-20190701'


def put(folder, *paths):
  for path in paths:
    path = folder / path
    if path.suffix:
      path.parent.mkdir(parents=True, exist_ok=True)
      path.touch()
    else:
      path.mkdir(parents=True)


def find(folder, **settings):
  return locate(choose({'name': 'casme2', 'manual_dir': str(folder), **settings}))


@pytest.mark.parametrize('tree, edition', [
    ('Cropped', 'cropped'), ('Cropped_original', 'cropped'),
    ('Cropped-updated/Cropped', 'cropped'), ('Cropped/Cropped', 'cropped'),
    ('CASME2_RAW_selected', 'raw'),
    ('CASME2_RAW_selected/CASME2_RAW_selected', 'raw'),
    ('CASME2_RAW_selected/CASME2_RAW_selected/CASME2_RAW_selected', 'raw'),
    ('from the mail/frames/cropped', 'cropped')])
@pytest.mark.parametrize('inside', ['', 'casme2/'])
def test_every_layout_is_found(tmp_path, tree, edition, inside):
  put(tmp_path, f'{inside}{OLD}.xlsx', f'{inside}{tree}/sub01/EP02_01f')
  located = find(tmp_path)
  assert located.root == tmp_path / inside / tree
  assert located.frames.edition == edition


@pytest.mark.parametrize('files, wanted, name', [
    ([f'{OLD}.xlsx', f'{NEW}.xlsx'], 'auto', f'{OLD}.xlsx'),
    ([f'{OLD}.xlsx', f'{NEW}.xlsx'], '2019', f'{NEW}.xlsx'),
    ([f'{NEW}.csv'], 'auto', f'{NEW}.csv'),
    ([f'{OLD}.csv', f'{OLD}.xlsx'], '2014', f'{OLD}.xlsx'),
    ([f'~${OLD}.xlsx', f'._{OLD}.xlsx', f'{NEW}.xls'], 'auto', f'{NEW}.xls'),
    ([f'{OLD}.docx', 'casme2-coding-20190701.XLSX'], 'auto',
     'casme2-coding-20190701.XLSX')])
def test_the_sheet_of_2014_comes_first(tmp_path, files, wanted, name):
  put(tmp_path, 'Cropped/sub01/EP02_01f', *files)
  assert find(tmp_path, sheet=wanted).sheets[0].name == name


def test_the_cropped_edition_comes_first(tmp_path):
  put(tmp_path, f'{OLD}.xlsx', 'CASME2_RAW_selected/sub01/a', 'Cropped/sub01/a')
  assert find(tmp_path).frames.edition == 'cropped'
  assert find(tmp_path, edition='raw').frames.edition == 'raw'


@pytest.mark.parametrize('paths, settings, words', [
    ([], {}, ['no annotation sheet and no frames']),
    ([f'{OLD}.xlsx'], {}, ['CASME II: no frames', 'Found: ', f'{OLD}.xlsx']),
    (['Cropped/sub01/a'], {}, ['CASME II: no annotation sheet']),
    ([f'{OLD}.xlsx', 'Cropped/sub01/a'], {'sheet': '2019'}, ['sheet of 2019']),
    ([f'{OLD}.xlsx', 'Cropped/sub01/a'], {'edition': 'raw'}, ['of the raw edition']),
    ([f'{OLD}.xlsx', 'Cropped/s1/a'], {}, ['no frames'])])
def test_what_is_missing_is_said_with_layout_and_whom_to_ask(
    tmp_path, paths, settings, words):
  put(tmp_path, *paths)
  with pytest.raises(Missing) as caught:
    find(tmp_path, **settings)
  message = str(caught.value)
  for word in (*words, str(tmp_path), f'{OLD}.xlsx', f'{NEW}.xlsx', 'casme2/',
               'Cropped/sub01/EP02_01f/reg_img46.jpg', 'release agreement',
               'Yan et al. 2014', 'manual_dir'):
    assert word in message, message


@pytest.mark.parametrize('wanted', ['samm', 'smic', 'ck_plus'])
def test_a_folder_of_another_data_set_is_recognised(wanted, replica):
  with pytest.raises(Missing, match='What lies there is of casme2: use'):
    locate(choose({'name': wanted, 'manual_dir': str(replica)}))


def test_the_door_opens_in_a_second_without_anything_heavy(tmp_path):
  code = f'''
import sys
from lightman_jax.data.sources import check_present
try:
  check_present({{'name': 'casme2', 'manual_dir': {str(tmp_path)!r}}})
except ValueError as error:
  print(error)
print(sorted({{'jax', 'tensorflow_datasets', 'cv2', 'numpy'}} & set(sys.modules)))
'''
  start = time.monotonic()
  done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
  assert time.monotonic() - start < 5.   # a busy machine; alone it takes .1 s
  assert 'CASME II: no annotation sheet' in done.stdout, done.stderr
  assert done.stdout.endswith('[]\n')


@pytest.mark.parametrize('settings, words', [
    ({'name': 'casme3'}, ["'casme3'", "'casme'"]),
    ({'name': 'samm', 'corrections': 'samm_028'}, ["'samm_028'", 'samm_028_4_1']),
    ({'name': 'smic', 'apex': 'spoted'}, ["'spoted'", "'spotted'"]),
    ({'name': 'smic', 'class_set': 'own'}, ['own_classes']),
    ({'name': 'megc2019', 'sheet': '2014'}, ["'2014', which there is not (all: auto)"]),
    ({'name': 'casme2', 'class_set': 'casme2_4'}, ['casme2_']),
    ({'name': 'casme2', 'sheet': '2018'}, ["'2018'", "'2019'"]),
    ({'name': 'casme2', 'edition': 'crop'}, ["'crop'", "'cropped'"]),
    ({'name': 'casme2', 'frames': 4}, ['frames is 4', 'odd']),
    ({'name': 'casme2', 'size': 0}, ['size is 0']),
    ({'name': 'manifest'}, ['data.path']),
    ({'name': 'manifest', 'path': '/no/where.csv'}, ['/no/where.csv is not there']),
    ({'name': 'manifest', 'path': '/'}, ['/ is no file', 'csv'])])
def test_a_wrong_setting_is_named_with_the_nearest_right_one(
    tmp_path, settings, words):
  with pytest.raises(InputError) as caught:
    check_present({'data_dir': str(tmp_path), **settings})
  assert all(word in str(caught.value) for word in words), caught.value


def test_a_manifests_missing_file_is_named_at_once(tmp_path):
  (tmp_path / 'm.csv').write_text('clip,subject,label,path\na,s,j,gone.png\n')
  with pytest.raises(InputError, match=r"row 2 \(clip 'a'\).*gone.png is not there"):
    check_present({'name': 'manifest', 'path': str(tmp_path / 'm.csv'),
                   'data_dir': str(tmp_path)})


def test_all_missing_files_of_a_manifest_are_counted(tmp_path):
  (tmp_path / 'm.csv').write_text(
      'clip,subject,label,path\na,s,j,gone.png\nb,s,j,m.csv\nc,s,j,x\nd,s,j,y\n')
  with pytest.raises(InputError, match='row 2 .*gone.png is not .*2 more rows.*doctor'):
    check_present({'name': 'manifest', 'path': str(tmp_path / 'm.csv')})


READY = {'kind': 'picture', 'holds': 'flow'}


def own(folder, *paths):
  """Clips at these paths, as `data` of a manifest of pictures."""
  put(folder, *paths)
  lines = [f'{i},s{i},j,{path}' for i, path in enumerate(paths)]
  (folder / 'm.csv').write_text('\n'.join(['clip,subject,label,path', *lines]))
  return {'name': 'manifest', 'path': str(folder / 'm.csv'), 'frames': 1}


@pytest.mark.parametrize('path, form', [('frames', 'folder'), ('b.MP4', 'video')])
def test_frames_are_not_taken_for_flow_pictures(tmp_path, path, form):
  data = own(tmp_path, 'a.png', path)
  with pytest.raises(InputError, match=f"'1'.*{path} is a {form}.*manifest.py:clips"):
    check_present(data, READY)
  check_present({**data, 'frames': 3}, READY)     # their flow is computed
  check_present(data, {**READY, 'holds': 'intensity'})
  check_present({**data, 'frames': 3}, {**READY, 'kind': 'flow'})


def test_ready_flow_pictures_are_what_a_manifest_holds_by_default(tmp_path):
  check_present(own(tmp_path, 'a.png', 'b.jpg'), READY)


def test_the_apex_frames_of_a_data_set_are_no_flow_pictures(tmp_path):
  with pytest.raises(InputError, match='synthetic holds frames.*data.frames=9'):
    check_present({'name': 'synthetic', 'frames': 1}, READY)


@pytest.mark.parametrize('setting', [
    {'sheet': '2019'}, {'edition': 'cropped'}, {'corrections': 'samm_028_4_1_end'},
    {'apex': 'none'}, {'apex': 'mine.csv'}, {'landmarks': 'model'},
    {'landmarks': 'mine.csv'}, {'own_classes': {'joy': 'good'}}])
@pytest.mark.parametrize('name', ['manifest', 'synthetic'])
def test_a_setting_that_would_change_nothing_is_refused(tmp_path, setting, name):
  (word,) = setting
  classes = {'manifest': 'manifest', 'synthetic': 'synthetic_3'}[name]
  data = {**own(tmp_path, 'a.png'), 'name': name, 'class_set': classes, **setting}
  with pytest.raises(InputError, match=f'data.{word} .*changes nothing.*{name}'):
    check_present(data)


def test_the_path_of_a_manifest_is_refused_for_another_data_set(tmp_path):
  with pytest.raises(InputError, match="data.path is 'm.csv'.*data.name=manifest"):
    check_present({'name': 'casme2', 'path': 'm.csv'})


def test_a_misspelt_manual_folder_is_refused_though_the_data_set_is_built(tmp_path):
  put(tmp_path, f'data/{OLD}.xlsx', 'data/Cropped/sub01/EP02_01f')
  choice = choose({'name': 'casme2', 'data_dir': str(tmp_path / 'home'),
                   'manual_dir': str(tmp_path / 'dat'), 'landmarks': 'none'})
  with pytest.raises(InputError) as caught:
    check_present(choice)
  assert f'the nearest there is {tmp_path}/data' in str(caught.value)
  built = tmp_path / 'home/casme2' / configuration_names(choice)[0] / '1.0.0'
  put(built, 'build_report.json')
  with pytest.raises(InputError) as caught:
    check_present(choice)
  assert str(built) in str(caught.value) and 'leave it out' in str(caught.value)
  # Without a name of one, what was built is used where the files are gone.
  check_present(choice._replace(manual_dir=''))


def test_synthetic_faces_need_no_files(tmp_path):
  check_present({'name': 'synthetic', 'data_dir': str(tmp_path)})
  shutil.rmtree(tmp_path)
