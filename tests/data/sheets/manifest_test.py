"""A manifest's mistakes are each named in one sentence."""

import pytest

from lightman_jax.data.manifest import examine_manifest, read_manifest
from lightman_jax.errors import InputError

HEADER = 'clip,subject,label,path'
FULL = HEADER + ',onset,apex,offset,fps,dataset,kind'


def manifest(folder, *lines):
  path = folder / 'm.csv'
  path.write_text('\n'.join(lines), encoding='utf-8')
  return path


def test_rows_are_read_with_their_defaults(tmp_path):
  first, second = read_manifest(manifest(
      tmp_path, FULL, 'a,s1,joy,x/y,3,5,9,200,mine,Macro', 'b,s2,joy,z', ''))
  assert first.path == tmp_path / 'x/y'
  assert first[5:] == (3, 5, 9, 200., 'mine', 'macro', (), None, '')
  assert second[5:] == (None, None, None, 0., 'manifest', 'micro', (), None, '')


@pytest.mark.parametrize('lines, words', [
    ([], ['empty', 'clip, subject, label, path']),
    ([HEADER], ['names no clip']),
    (['clip,subject,lable,path', 'a,s,j,p'], ["'lable'", "nearest is 'label'"]),
    ([HEADER + ',onst', 'a,s,j,p,1'], ["'onst'", "nearest is 'onset'"]),
    (['clip,subject,label', 'a,s,j'], ["'path' is missing"]),
    ([HEADER + ',Clip', 'a,s,j,p,a'], ["'clip'", 'twice']),
    ([HEADER, 'a,s,j,p', 'b,s,j,p', 'a,t,j,p'], ["'a'", 'rows 2 and 4']),
    ([HEADER, 'a,,j,p'], ['row 2', "'subject' is empty"]),
    ([HEADER, 'a,s,,p'], ['row 2', "'label' is empty"]),
    ([HEADER, 'a,s,j,p,q'], ['row 2', 'more cells']),
    ([FULL, 'a,s,j,p,1.5,2,3'], ['row 2', "onset is '1.5'"]),
    ([FULL, 'a,s,j,p,5,2,9'], ['row 2', "'a'", 'apex 2 is not between']),
    ([FULL, 'a,s,j,p,5,,2'], ['row 2', 'onset 5 comes after offset 2']),
    ([FULL, 'a,s,j,p,1,2,3,fast'], ['row 2', "fps is 'fast'"]),
    ([FULL, 'a,s,j,p,1,2,3,-1'], ['row 2', "fps is '-1'"]),
    ([FULL, 'a,s,j,p,1,2,3,9,d,mikro'], ['row 2', "'mikro'"]),
])
def test_a_mistake_is_named(tmp_path, lines, words):
  with pytest.raises(InputError) as caught:
    read_manifest(manifest(tmp_path, *lines))
  message = str(caught.value)
  assert 'm.csv' in message and '\n' not in message
  assert all(word in message for word in words), message


@pytest.mark.parametrize('word', ['nan', 'NaN', '#N/A', 'NA', 'None', 'n/a', 'null',
                                  '<NA>', '\u200b'])
def test_what_programs_write_for_a_missing_cell_is_one(tmp_path, word):
  for line, column in (f'a,{word},j,p', 'subject'), (f'a,s,{word},p', 'label'):
    with pytest.raises(InputError, match=f"row 2 .*'{column}' is .*for a missing one"):
      read_manifest(manifest(tmp_path, HEADER, line))
  (entry,) = read_manifest(manifest(tmp_path, FULL, f'a,s,{word},p,,,,,{word},macro'))
  assert entry.label == '' and entry.dataset == 'manifest'
  # Names that only begin like one are names.
  assert read_manifest(manifest(tmp_path, HEADER, 'a,Nancy,none at all,p'))


@pytest.mark.parametrize('mark', ['\n', '\r\n', '\u2028', '\x85'])
@pytest.mark.parametrize('column', ['clip', 'subject', 'label', 'dataset'])
def test_a_line_break_in_a_name_is_refused_where_it_is_read(tmp_path, column, mark):
  row = dict(clip='a', subject='s', label='j', path='p', dataset='d')
  row[column] = f'"x{mark}y"'
  path = tmp_path / 'm.csv'
  path.write_bytes((','.join(row) + '\n' + ','.join(row.values())).encode())
  words = f"row 2 .*'{column}' holds a line break"
  with pytest.raises(InputError, match=words) as caught:
    read_manifest(path)
  assert len(str(caught.value).splitlines()) == 1


def test_columns_of_a_person_are_not_used_and_a_remark_says_so(tmp_path):
  path = manifest(tmp_path, ',clip,Notes,subject,label,path,Apex Frame,Unnamed: 0',
                  '0,a,cried,s,j,p,7,0')
  contents = examine_manifest(path)
  assert (contents.entries[0].clip, contents.entries[0].apex) == ('a', 7)
  (remark,) = contents.remarks
  assert all(word in remark for word in ("'Notes'", 'without a name', "'Unnamed: 0'"))


@pytest.mark.parametrize('header', [
    HEADER + ',onest', HEADER + ',data-sett', 'clip,subject,labels,path,notes'])
def test_a_misspelt_column_is_not_taken_for_one_of_a_persons_own(tmp_path, header):
  with pytest.raises(InputError, match='nearest is'):
    read_manifest(manifest(tmp_path, header, 'a,s,j,p,1'))


def test_a_label_of_another_name_is_asked_for_with_the_columns_there(tmp_path):
  with pytest.raises(InputError, match="'label' is missing.*there are also: 'emotion'"):
    read_manifest(manifest(tmp_path, 'clip,subject,emotion,path', 'a,s,j,p'))


@pytest.mark.parametrize('header, renaming', [
    ('Filename,subject,label,path', {'Filename': 'clip'}),
    ('clip,subject,label,Filename', {'Filename': 'path'}),
    ('Filename,Sub.,Estimated Emotion,File Path,OnsetF,Peak,end,Database',
     {'Filename': 'clip', 'Sub.': 'subject', 'Estimated Emotion': 'label',
      'File Path': 'path', 'OnsetF': 'onset', 'Peak': 'apex', 'end': 'offset',
      'Database': 'dataset'}),
    ('video_id,subjct,Emotion,path', {'video_id': 'clip', 'subjct': 'subject',
                                      'Emotion': 'label'})])
def test_what_columns_of_other_names_are_to_be_called(tmp_path, header, renaming):
  with pytest.raises(InputError) as caught:
    read_manifest(manifest(tmp_path, header, 'a,s,j,p'))
  for shown, name in renaming.items():
    assert f'rename {shown!r} to {name!r}' in str(caught.value)
  assert str(caught.value).count('rename ') == len(renaming)


def test_a_column_that_may_be_one_of_those_that_can_be_left_out(tmp_path):
  path = manifest(tmp_path, HEADER + ',corpus,frame rate', 'a,s,j,p,smic,200')
  (remark,) = examine_manifest(path).remarks
  assert "if 'corpus' is its dataset, rename it to 'dataset'" in remark
  assert "if 'frame rate' is its fps, rename it to 'fps'" in remark


def test_all_rows_that_cannot_be_used_are_known(tmp_path):
  path = manifest(tmp_path, FULL, 'a,s,j,p,x', 'b,s,j,p', 'c,,j,p', 'b,s,j,q',
                  'd,s,j,p')
  contents = examine_manifest(path)
  assert [entry.clip for entry in contents.entries] == ['b', 'b', 'd']
  assert [line.split(':')[0] for line in contents.wrong] == [
      "row 2 (clip 'a')", "row 4 (clip 'c')", 'rows 3 and 5']
  with pytest.raises(InputError, match='row 2 .*2 more of its rows .*doctor'):
    read_manifest(path)


def test_backslashes_of_windows_lead_to_the_file(tmp_path):
  (tmp_path / 'x').mkdir()
  (tmp_path / 'x' / 'p.png').touch()
  (tmp_path / 'odd\\name.png').touch()
  lines = [HEADER, r'a,s,j,x\p.png', r'b,s,j,.\x\p.png', r'c,s,j,odd\name.png']
  entries = read_manifest(manifest(tmp_path, *lines))
  assert all(entry.path.is_file() for entry in entries)


@pytest.mark.parametrize('path', [r'C:\clips\p.png', 'c:/clips/p.png', r'\\host\p.png'])
def test_a_path_of_another_machine_is_named(tmp_path, path):
  with pytest.raises(InputError, match='row 2 .*Windows machine.*relative'):
    read_manifest(manifest(tmp_path, HEADER, f'a,s,j,{path}'))


def test_a_manifest_as_excel_and_pandas_write_it(tmp_path):
  path = tmp_path / 'm.csv'
  path.write_bytes('sep=;\r\n;clip;subject;label;path\r\n0;a;s;"x, y, z";p,q,r\r\n'
                   '1;b;;j;p\r\n'.encode('utf-16-le'))
  contents = examine_manifest(path)
  entry = contents.entries[0]
  assert entry.label == 'x, y, z' and entry.path.name == 'p,q,r'
  # Rows are numbered as a spreadsheet program does.
  assert contents.entries[0].row == 3 and contents.wrong[0].startswith('row 4 ')
