"""A manifest's mistakes are each named in one sentence."""

import pytest

from lightman_jax.annotations.manifest import read_manifest
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
  assert first[5:] == (3, 5, 9, 200., 'mine', 'macro')
  assert second[5:] == (None, None, None, 0., 'manifest', 'micro')


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
