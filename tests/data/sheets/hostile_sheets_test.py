"""Sheets that somebody prepared: bombs, and what never ends, cost one sentence."""

import os
import zipfile
import zlib

import openpyxl
import pytest

from lightman_jax.data import workbooks
from lightman_jax.data.manifest import read_manifest
from lightman_jax.errors import InputError

HEAD = b'clip,subject,label,path\n'


def bomb(path, member, unpacked):
  """Puts a text of `unpacked` bytes in place of the end of a workbook's member."""
  book = openpyxl.Workbook()
  book.active['A1'] = 'begin'
  book.save(path)
  with zipfile.ZipFile(path) as archive:
    members = {name: archive.read(name) for name in archive.namelist()}
  before, after = members[member].split(b'begin')
  # A stretch of a stream that is flushed may be repeated: nobody needs to pack it all.
  packer = zlib.compressobj(9, wbits=-15)
  start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
  part = packer.compress(bytes([120]) * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
  packed = start + part * (unpacked // 2**20) + packer.compress(after) + packer.flush()
  with zipfile.ZipFile(path, 'w') as archive:
    for name, content in {**members, member: packed}.items():
      archive.writestr(name, content)
    local = archive.getinfo(member).header_offset
  content = bytearray(path.read_bytes())
  central = content.rindex(member.encode()) - 46
  content[local + 8] = content[central + 10] = zipfile.ZIP_DEFLATED
  path.write_bytes(content)
  return path


def test_a_bomb_in_a_workbook_takes_no_memory_of_ours(tmp_path, monkeypatch):
  path = bomb(tmp_path / 's.xlsx', 'xl/worksheets/sheet1.xml', 2**30)
  assert path.stat().st_size < 2**21
  monkeypatch.setattr(workbooks, 'MEMORY', 400 * 2**20)
  with pytest.raises(InputError, match='s.xlsx is not a readable workbook'):
    workbooks.read_cells(path)


def test_a_workbook_of_too_many_cells_is_refused(tmp_path, monkeypatch):
  book = openpyxl.Workbook()
  book.active['A1'] = book.active['CV1000'] = 'x'      # 100 000 cells
  book.save(tmp_path / 's.xlsx')
  assert len(workbooks.read_cells(tmp_path / 's.xlsx')) == 1000
  monkeypatch.setattr(workbooks, 'MOST_WORKBOOK_CELLS', 99_999)
  workbooks._answer.cache_clear()
  with pytest.raises(InputError, match='1000 rows of 100 cells'):
    workbooks.read_cells(tmp_path / 's.xlsx')


def test_a_workbook_of_entities_is_refused_or_text(tmp_path):
  path = tmp_path / 's.xlsx'
  book = openpyxl.Workbook()
  book.active['A1'] = 'begin'
  book.save(path)
  with zipfile.ZipFile(path) as archive:
    members = {name: archive.read(name) for name in archive.namelist()}
  laughs = b''.join(b'<!ENTITY l%d "%s">' % (n, b'&l%d;' % (n - 1) * 10)
                    for n in range(1, 12))
  sheet = members['xl/worksheets/sheet1.xml'].replace(b'begin', b'&l11;&f;')
  members['xl/worksheets/sheet1.xml'] = (
      b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol"><!ENTITY f SYSTEM '
      b'"file:///etc/passwd">' + laughs + b']>' + sheet)
  with zipfile.ZipFile(path, 'w') as archive:
    for name, content in members.items():
      archive.writestr(name, content)
  try:
    assert 'root:' not in str(workbooks.read_cells(path))
  except InputError as error:
    assert 's.xlsx' in str(error)


def test_a_csv_file_of_one_enormous_field_is_refused(tmp_path):
  (tmp_path / 's.csv').write_bytes(HEAD + b'x' * 200_000 + b',a,b,c\n')
  with pytest.raises(InputError, match='s.csv is not a csv file .*field'):
    read_manifest(tmp_path / 's.csv')


def test_a_csv_file_of_too_many_cells_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(workbooks, 'MOST_CELLS', 1000)
  (tmp_path / 's.csv').write_bytes(HEAD + b',' * 2000)
  with pytest.raises(InputError, match='s.csv has 2003 cells'):
    read_manifest(tmp_path / 's.csv')


def test_an_enormous_file_and_one_without_an_end_are_not_read(tmp_path):
  with open(tmp_path / 's.csv', 'wb') as file:
    file.truncate(2**40)
  os.mkfifo(tmp_path / 'pipe.csv')
  for path in (tmp_path / 's.csv', tmp_path / 'pipe.csv', '/dev/zero'):
    with pytest.raises(InputError, match=f'{path} is not read as a table'):
      read_manifest(path)


@pytest.mark.parametrize('content', [
    b'\x00' * 100, HEAD + b'\x00,\x00,\x00,\x00\n', HEAD + b'"' * 1001, b'\xff\xfe',
    HEAD + b'=cmd|x,a,b,../../../../etc/passwd\n', HEAD + b'{0},{1!r},{a.b},%s\n'])
def test_odd_text_is_text_or_one_sentence(content, tmp_path):
  (tmp_path / 's.csv').write_bytes(content)
  try:
    for entry in read_manifest(tmp_path / 's.csv'):
      assert entry.path.parent.parts[0]
  except InputError as error:
    assert 's.csv' in str(error)
