"""A sheet is what its columns and rows say, whatever its file is called."""

import csv

import openpyxl
import pytest

from lightman_jax.data import planning
from lightman_jax.data.choice import choose, configuration_names
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.sheets import read_listing
from lightman_jax.data.sources import Missing, check_present, locate, sheet_of
from lightman_jax.doctor.command import recognise
from lightman_jax.errors import InputError
from lightman_jax.synthetic.replicas import casme, dfme, mmew, samm

OLD, NEW = 'CASME2-coding-20140508', 'CASME2-coding-20190701'
CASME2 = casme.second_clips()
TREES = {'casme2': 'Cropped/sub01/EP02_01f', 'samm': 'SAMM_CROP/006/006_1_2',
         'casme': 'Cropped/sub01/EP01_12', 'dfme': 'DFME/sub0003/sub0003_01',
         'mmew': 'Micro_Expression/anger/S01-07-001'}


def write(path, lines):
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, 'w', encoding='utf-8', newline='') as file:
    csv.writer(file).writerows(lines)


def place(folder, name='casme2', /, **settings):
  (folder / TREES[name]).mkdir(parents=True, exist_ok=True)
  return locate(choose({'name': name, 'manual_dir': str(folder), **settings}))


@pytest.mark.parametrize('name, lines, file', [
    ('casme2', casme.second_table(CASME2, '2014'), 'CASME2.csv'),
    ('casme2', casme.second_table(CASME2, '2014'), f'{OLD} (1).csv'),
    ('samm', samm.table(samm.clips()), 'SAMM.csv'),
    ('mmew', mmew.table(mmew.clips()), 'labels.csv')])
def test_a_sheet_is_recognised_by_its_columns_and_the_run_says_which(
    tmp_path, name, lines, file):
  write(tmp_path / file, lines)
  located = place(tmp_path, name)
  assert [path.name for path in located.sheets] == [file]
  sentence = f'{file} is taken for the sheet of {located.sheet.edition}'
  assert sentence in located.remarks[0]
  # It is the sheet of this data set alone, though others have the same columns.
  assert [sight.name for sight in recognise(tmp_path) if sight.complete] == [name]


def test_a_published_name_needs_no_remark(tmp_path):
  write(tmp_path / f'{OLD}.csv', casme.second_table(CASME2, '2014'))
  assert place(tmp_path).remarks == ()


@pytest.mark.parametrize('file', [f'{OLD}.csv', 'CASME2.csv'])
def test_labels_of_2019_are_so_whatever_the_name(tmp_path, file):
  write(tmp_path / file, casme.second_table(CASME2, '2019'))
  located = place(tmp_path)
  assert located.sheet.edition == '2019' and '28 of surprise' in located.remarks[0]
  assert 'its name is that of 2014' in located.remarks[0] or file == 'CASME2.csv'
  assert '-2019-' in configuration_names(choose({'name': 'casme2'})._replace(
      sheet=located.sheet.edition))[0]
  with pytest.raises(Missing, match='sheet of 2014') as caught:
    place(tmp_path, sheet='2014')
  assert f'{file} is taken for the sheet of 2019' in str(caught.value)


@pytest.mark.parametrize('sheet, few, edition, why', [
    ('2014', False, '2014', '25 of surprise'), ('2014', True, '2014', 'no column'),
    ('2019', False, '2019', '4 of sadness'), ('2019', True, '2019', 'a column Obj')])
def test_counts_tell_the_edition_and_where_rows_lack_the_columns_do(
    tmp_path, sheet, few, edition, why):
  lines = casme.second_table(CASME2, sheet)
  if few:
    lines = [lines[0], *[line for line in lines[1:] if line[8] != 'surprise'
                         and line[8] != 'sadness'][:40]]
  write(tmp_path / 'x.csv', lines)
  located = place(tmp_path)
  assert located.sheet.edition == edition and why in located.remarks[0]


def test_labels_of_2014_with_a_column_of_objective_classes_are_of_2014(tmp_path):
  lines = casme.second_table(CASME2, '2014')
  write(tmp_path / f'{NEW}.csv', [
      [*lines[0], 'Objective Classes'], *([*line, 'III'] for line in lines[1:])])
  assert place(tmp_path).sheet.edition == '2014'


def test_where_several_fit_they_and_the_setting_are_named(tmp_path):
  lines = casme.second_table(CASME2, '2014')
  write(tmp_path / 'CASME2.csv', lines)
  write(tmp_path / 'casme2/mine.csv', lines[:-3])
  with pytest.raises(InputError) as caught:
    place(tmp_path)
  for word in ('CASME2.csv', 'casme2/mine.csv', 'data.sheet=FILE'):
    assert word in str(caught.value)
  assert place(tmp_path, sheet='mine.csv').sheets == (tmp_path / 'casme2/mine.csv',)
  write(tmp_path / f'{OLD}.csv', lines)
  located = place(tmp_path)
  assert located.sheets[0].stem == OLD and 'mine.csv' in located.remarks[0]
  assert 'data.sheet=FILE' in located.remarks[0]
  assert 'CASME2.csv' not in located.remarks[0]       # holds the same rows


def test_a_sheet_that_is_named_and_not_there_is_refused(tmp_path):
  write(tmp_path / 'CASME2.csv', casme.second_table(CASME2, '2014'))
  with pytest.raises(InputError, match="data.sheet names 'mine.csv'"):
    place(tmp_path, sheet='mine.csv')


def test_each_part_of_a_composite_takes_the_named_sheets_that_fit_it(tmp_path):
  write(tmp_path / 'a.csv', casme.second_table(CASME2, '2014'))
  write(tmp_path / 'b.csv', casme.second_table(CASME2, '2014')[:-3])
  write(tmp_path / 'SAMM.csv', samm.table(samm.clips()))
  choice = choose({'name': 'megc2019', 'manual_dir': str(tmp_path), 'sheet': 'b.csv'})
  assert sheet_of(choice, 'casme2') == str(tmp_path / 'b.csv')
  assert sheet_of(choice, 'samm') == 'auto'
  (tmp_path / 'c.csv').write_text('no,columns\n')
  with pytest.raises(InputError, match='c.csv, which has the columns of none'):
    planning.plan_composite(choice._replace(sheet='c.csv'))


def test_the_files_of_dfme_and_which_is_missing(tmp_path):
  clips = dfme.clips()
  for part in ('train', 'test_a'):
    write(tmp_path / f'{dfme.SHEETS[part]}.csv', dfme.table(clips, part))
  located = place(tmp_path, 'dfme', sheet='train')
  assert located.sheets[0].stem == 'training_full_with_AU'
  with pytest.raises(Missing, match='testB_full_with_AU is not there, and the sheet of '
                                    'all needs it'):
    place(tmp_path, 'dfme', sheet='all')
  write(tmp_path / 'DFME test B.csv', dfme.table(clips, 'test_b'))
  assert len(place(tmp_path, 'dfme').sheets) == 3


def test_a_part_of_dfme_is_told_by_its_rows(tmp_path):
  line = ['sub0003', 'sub0003_01', 1, 2, 3, 'fear', 1, 200, '4']
  write(tmp_path / 'a.csv', [dfme.HEADER, *[line] * 474])
  write(tmp_path / 'b.csv', [dfme.HEADER, *[line] * 2629])
  assert place(tmp_path, 'dfme').sheets == (tmp_path / 'b.csv',)
  assert place(tmp_path, 'dfme', sheet='test_a').sheets == (tmp_path / 'a.csv',)


def sections():
  clips = casme.clips()
  return {part: casme.table(clips, part) for part in 'AB'}


def test_the_sections_of_casme_in_one_file_are_read(tmp_path):
  a, b = sections().values()
  write(tmp_path / 'CASME.csv', [*a, *b[1:]])
  located = place(tmp_path, 'casme')
  listing = read_listing(located.sheets, TABLES['casme'])
  assert len(listing.rows) + len(listing.left_out) == 197
  assert 'it has 197 rows' in located.remarks[0]


def test_the_sections_of_casme_in_two_sheets_of_one_workbook_are_read(tmp_path):
  book = openpyxl.Workbook()
  book.active.append(['read me'])
  for title, lines in sections().items():
    tab = book.create_sheet(title)
    for line in lines:
      tab.append(line)
  book.save(tmp_path / 'CASME.xlsx')
  listing = read_listing(place(tmp_path, 'casme').sheets, TABLES['casme'])
  assert len(listing.rows) + len(listing.left_out) == 197


def test_a_missing_section_of_casme_is_named(tmp_path):
  a, b = sections().values()
  write(tmp_path / 'Section A.csv', a)
  with pytest.raises(Missing, match='Section B is not there'):
    place(tmp_path, 'casme')
  write(tmp_path / 'casme_b.csv', b)
  assert len(place(tmp_path, 'casme').sheets) == 2
  (tmp_path / 'Section A.csv').rename(tmp_path / 'labels.csv')
  (tmp_path / 'casme_b.csv').unlink()
  assert 'Section A or Section B may be missing' in place(tmp_path, 'casme').remarks[0]


def test_a_folder_too_deep_names_the_parent(tmp_path):
  write(tmp_path / 'CASME2.csv', casme.second_table(CASME2, '2014'))
  place(tmp_path)
  for below in ('Cropped', 'Cropped/sub01'):
    with pytest.raises(Missing, match=f'manual_dir={tmp_path}[.]'):
      check_present({'name': 'casme2', 'manual_dir': str(tmp_path / below),
                     'data_dir': str(tmp_path / 'home')})


def test_what_a_sheet_says_of_people_is_read_and_no_digest_covers_it_twice(tmp_path):
  plain = casme.second_table(CASME2, '2014')
  write(tmp_path / f'{OLD}.csv', plain)
  more = [[*plain[0], 'Age', 'Gender'],
          *([*line, 20 + number % 2, ''] for number, line in enumerate(plain[1:]))]
  write(tmp_path / 'more.csv', more)
  facts = TABLES['casme2']
  listing = read_listing(tmp_path / 'more.csv', facts)
  first = {row.clip: row.row for row in listing.rows}
  assert {row.groups for row in listing.rows} == {(('age', '20'),), (('age', '21'),)}
  assert all(row.groups == (('age', str(20 + (first[row.clip] - 2) % 2)),)
             for row in listing.rows)
  without = read_listing(tmp_path / f'{OLD}.csv', facts).rows
  assert [row[:-1] for row in without] == [
      row._replace(sheet=f'{OLD}.csv')[:-1] for row in listing.rows]
  assert {row.groups for row in without} == {()} and without[0]._fields[-1] == 'groups'
