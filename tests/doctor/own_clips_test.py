"""python -m lightman_jax doctor CSV: all that is wrong with own clips, at once."""

import json
import shutil

import numpy as np
from PIL import Image
import pytest

from lightman_jax.__main__ import main
from lightman_jax.doctor.findings import UNUSABLE, USABLE
from lightman_jax.doctor.own_clips import describe_own_clips, examine

HEADER = 'clip,subject,label,path'


@pytest.fixture
def place(tmp_path):
  """Ready pictures a.png to i.png, and two folders of three frames, of one content."""
  rng = np.random.default_rng(0)
  for name in 'abcdefghi':
    Image.fromarray(rng.integers(0, 256, (28, 28, 3), np.uint8)).save(
        tmp_path / f'{name}.png')
  (tmp_path / 'film').mkdir()
  for number in range(3):
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(
        tmp_path / 'film' / f'{number}.png')
  shutil.copytree(tmp_path / 'film', tmp_path / 'copy')
  return tmp_path


def look(place, *rows, header=HEADER, **settings):
  (place / 'm.csv').write_text('\n'.join([header, *rows]) + '\n')
  return examine(place / 'm.csv', **settings)


GOOD = ('1,s,joy,a.png', '2,s,sad,b.png', '3,t,joy,c.png', '4,t,sad,d.png')
# Whoever is held out, a task is drawn of two others.
ENOUGH = (*GOOD, '11,u,joy,g.png', '12,u,sad,h.png')


def test_counts_of_a_manifest_that_can_be_used(place):
  result = look(place, *ENOUGH, '5,v,sad,e.png')
  assert (result.verdict, result.why) == (USABLE, '')
  assert (result.rows, result.subjects, result.single) == (7, 4, ('v',))
  assert result.labels == (('sad', 4, 4), ('joy', 3, 3))
  assert result.forms == (('picture', 7, 4),)
  assert (result.frames, result.size) == (1, 28)


def test_all_that_is_missing_or_wrong_is_listed_at_once(place):
  (place / 'f.png').write_bytes(b'no picture')
  result = look(place, *GOOD, '5,s,joy,gone.png', '6,t,sad,f.png', '7,,sad,e.png',
                '8,s,joy,x/y')
  assert result.verdict == UNUSABLE
  assert [line.split(' ')[1] for line in result.missing] == ['6', '9']
  assert [line.split(' ')[1] for line in result.unreadable] == ['7']
  assert [line.split(' ')[1] for line in result.wrong] == ['8']
  assert result.rows == 7 and 'row 8' in result.why


def test_a_folder_that_is_not_there_is_one_line_whatever_should_lie_in_it(place):
  rows = [f'{number},{"st"[number % 2]},joy,gone/{number % 3}/{number}.png'
          for number in range(5, 105)]
  (place / 'here').mkdir()
  result = look(place, *GOOD, *rows, '105,s,joy,here/a.png', '106,t,joy,here/b.png')
  folder, *files = result.missing
  assert folder == (f"row 6 (clip '5') to row 105 (clip '104'): {place / 'gone'} is "
                    'not there, and so 100 clips are missing')
  assert [line.split(' ')[1] for line in files] == ['106', '107']
  assert result.why == folder and result.verdict == UNUSABLE


@pytest.mark.parametrize('folders, header, hint', [
    ('one two one two', HEADER, True), ('one two one two', HEADER + ',dataset', False),
    ('joy sad sad joy', HEADER, False), ('s s t t', HEADER, False)])
def test_people_of_one_name_in_two_folders_may_be_several(place, folders, header, hint):
  """Folders of labels and of people do not tell of several data sets."""
  rows = []
  for name, folder, person, label in zip('abcd', folders.split(), 'sstt',
                                         ('joy', 'sad', 'sad', 'joy')):
    (place / folder).mkdir(exist_ok=True)
    shutil.copy(place / f'{name}.png', place / folder)
    rows.append(f'{name},{person},{label},{folder}/{name}.png'
                + ',of' * ('dataset' in header))
  remarks = [line for line in look(place, *rows, header=header).remarks
             if 'a column dataset' in line]
  assert len(remarks) == hint
  if hint:
    assert "clips of 's' lie in one and two, and so do those of 1 more" in remarks[0]


def test_names_that_are_near_each_other_and_the_settings_that_allow_them(place):
  rows = (*GOOD, '5,S,joy,e.png', '6,S,Joy,f.png')
  result = look(place, *rows)
  assert result.verdict == UNUSABLE and len(result.near) == 2
  assert "'S' and 's'" in result.near[0] and "'Joy' and 'joy'" in result.near[1]
  page = '\n'.join(describe_own_clips(result))
  assert page.count("'S' and 's' look like") == page.count("'joy' look like") == 1
  assert 'not usable, names that look like one\n' in page
  result = look(place, *rows, different_people='S,s', different_labels='all')
  assert not result.near and "class Joy has" in result.why
  result = look(place, *ENOUGH, '5,S,joy,e.png', different_people='S,s')
  assert not result.near and result.verdict == USABLE


def test_copies_under_other_names(place):
  shutil.copy(place / 'a.png', place / 'e.png')
  shutil.copy(place / 'c.png', place / 'f.png')
  result = look(place, *GOOD, '5,t,joy,e.png', '6,t,joy,f.png', '7,u,joy,b.png')
  assert result.verdict == UNUSABLE and len(result.repeated) == 2
  assert all(("'1' of 's'" in line and "'5' of 't'" in line)
             or ("'2' of 's'" in line and "'7' of 'u'" in line)
             for line in result.repeated)
  remark, decoded = result.remarks
  assert 'pictures of 3 of 7 clips were decoded; --read' in decoded
  assert "'3'" in remark and "'6'" in remark and "the same clip of 't'" in remark
  assert look(place, *ENOUGH, '5,t,joy,e.png', repeated_clips='1,5').verdict == USABLE


def test_folders_of_the_same_frames(place):
  rows = ('1,s,joy,film', '2,t,joy,copy')
  result = look(place, *rows, frames=3, size=8)
  assert len(result.repeated) == 1 and (result.frames, result.size) == (3, 8)
  timed = HEADER + ',onset,apex,offset'
  other = look(place, '1,s,joy,film,0,1,2', '2,s,joy,film,1,1,2', header=timed)
  assert not other.repeated and not any('same clip' in line for line in other.remarks)


def test_what_a_run_would_refuse_is_why_it_is_not_usable(place):
  assert 'one subject only' in look(place, *GOOD[:2]).why
  assert 'divide it into two' in look(place, *GOOD, '5,u,joy,film').why
  result = look(place, *GOOD, '5,t,fear,e.png')
  assert "'fear' is shown by one person alone" in result.remarks[0]
  assert 'meant' not in result.remarks[0]
  misspelt = look(place, *GOOD, '5,t,joi,e.png', '6,s,jooy,f.png')
  assert [line.endswith("is 'joy' meant?") for line in misspelt.remarks[:2]] == [
      False, True]
  assert 'fold s: class fear has 1 training clip of 1 s' in result.why
  assert "'label'" in look(place, 'x', header='clip,subject,path').why
  assert 'sheet' in look(place, *GOOD, sheet='2014').why


@pytest.mark.parametrize('rows, why', [
    (GOOD, 'fold s: class joy has 1 training clip of 1 subject, and a task'),
    ((*GOOD, '5,u,sad,e.png'), 'fold s: class joy has 1'),
    # Whoever is held out, two show each class; and of t, u and v no two sides have all.
    (('1,t,a,a.png', '2,u,a,b.png', '3,u,b,c.png', '4,v,b,d.png', '5,v,c,e.png',
      '6,t,c,f.png', '7,w,a,g.png', '8,w,b,h.png', '9,w,c,i.png'),
     'fold w: no division of its 3 training subjects'),
    (ENOUGH, '')])
def test_a_manifest_of_too_few_people_is_not_usable(place, rows, why):
  """As the run of the defaults refuses it."""
  result = look(place, *rows)
  assert why in result.why and bool(result.why) == bool(why)
  assert result.verdict == (UNUSABLE if why else USABLE)


def test_every_picture_is_decoded_where_that_is_wanted(place):
  whole = (place / 'b.png').read_bytes()
  (place / 'b.png').write_bytes(whole[:len(whole) // 2])
  (line,) = look(place, *GOOD, thorough=True).unreadable
  assert line.startswith("row 3 (clip '2')") and 'b.png cannot be decoded' in line


def test_the_command_draws_what_the_network_will_see(place, capsys):
  look(place, *ENOUGH)
  table, sheet = str(place / 'm.csv'), place / 'of' / 'sheet.png'
  assert main(['doctor', table, f'--contact_sheet={sheet}']) == 0
  assert 'usable' in capsys.readouterr().out
  with Image.open(sheet) as image:
    drawn = np.asarray(image)
  with Image.open(place / 'a.png') as image:
    enlarged = np.asarray(image.resize((96, 96), Image.Resampling.NEAREST))
  np.testing.assert_array_equal(drawn[24:120, 6:102], enlarged)
  assert main(['doctor', table, '--json']) == 0
  assert json.loads(capsys.readouterr().out)['rows'] == 6


@pytest.mark.parametrize('where, target', [('m.csv', 'sheet.csv'), ('.', 'a.png')])
def test_a_contact_sheet_that_cannot_be_is_refused(place, capsys, where, target):
  look(place, *GOOD)
  before = sorted(place.iterdir())
  assert main(['doctor', str(place / where),
               f'--contact_sheet={place / target}']) == 2
  assert '--contact_sheet' in capsys.readouterr().err
  assert sorted(place.iterdir()) == before


def test_pictures_in_which_nothing_is_to_be_seen(place):
  """Of one colour; of frames that are all alike, as of a frozen video."""
  Image.new('RGB', (28, 28), (127, 127, 127)).save(place / 'grey.png')
  result = look(place, *ENOUGH, '5,v,sad,grey.png', thorough=True)
  assert result.verdict == USABLE
  assert ('nothing is to be seen in 1 clip, for the picture is of one colour: 5'
          in result.remarks)
  assert not any('nothing is to be seen' in one
                 for one in look(place, *ENOUGH, thorough=True).remarks)
  for number in range(3):
    shutil.copy(place / 'a.png', place / 'copy' / f'{number}.png')
  frozen = look(place, '1,s,joy,film,0,1,2', '2,t,joy,copy,0,1,2',
                header=f'{HEADER},onset,apex,offset')
  assert any(one.startswith('nothing is to be seen in 1 clip, for all frames are alike')
             and one.endswith(': 2') for one in frozen.remarks), frozen


def test_a_label_of_several_people_that_is_nearly_spelt_as_another(place):
  rows = [f'{n},{who},{label},{letter}.png' for n, (who, label, letter) in enumerate(
      (('s', 'surprise', 'a'), ('t', 'surprise', 'b'), ('u', 'surprise', 'c'),
       ('s', 'suprise', 'd'), ('t', 'suprise', 'e'), ('u', 'sad', 'f')))]
  remarks = look(place, *rows).remarks
  assert ("'suprise' (2 clips of 2 people) is nearly spelt as 'surprise': is that "
          'meant? As it is, these are two classes') in remarks
  assert not any("'surprise' (3" in line or "'sad' (" in line for line in remarks)


def test_of_a_picture_that_is_not_there_no_apex_is_missed(place):
  assert not any('no apex' in line
                 for line in look(place, *ENOUGH, '5,v,sad,gone.png').remarks)

