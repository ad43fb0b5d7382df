"""CASME II's sheets, quirk by quirk, and the class sets that are made of them."""

from collections import Counter

from hypothesis import given, strategies as st
import openpyxl
import pytest

from lightman_jax.data.datasets.casme2 import FACTS
from lightman_jax.data.rows import ActionUnit
from lightman_jax.data.sheets import read_listing, select_rows
from lightman_jax.data.spellings import find_disorder
from lightman_jax.errors import InputError
from lightman_jax.synthetic.replicas import casme as replica

HEADER = list(replica.SECOND_HEADER)


def sheet(path, lines):
  book = openpyxl.Workbook()
  for line in lines:
    book.active.append(line)
  book.create_sheet()
  book.create_sheet()
  book.save(path)
  return path


def line(subject='01', name='EP02_01f', onset=46, apex=59, offset=86, units='4+L10',
         emotion='happiness'):
  return [subject, name, None, onset, apex, offset, None, units, emotion]


@pytest.fixture
def one(tmp_path):
  def read(*lines):
    return read_listing(sheet(tmp_path / 's.xlsx', [HEADER, *lines]), FACTS)
  return read


@pytest.fixture(scope='module')
def listings(tmp_path_factory):
  folder = tmp_path_factory.mktemp('sheets')
  rows = replica.second_clips()
  return {edition: read_listing(
      sheet(folder / f'{edition}.xlsx', replica.second_table(rows, edition)), FACTS)
          for edition in ('2014', '2019')}


@pytest.mark.parametrize('edition, class_set, clips, subjects', [
    ('2014', 'casme2_5', 246, 26), ('2019', 'casme2_5', 249, 26),
    ('2014', 'casme2_3', 145, 24), ('2019', 'casme2_3', 145, 24)])
def test_class_sets_have_the_published_sizes(
    listings, edition, class_set, clips, subjects):
  kept, left_out = select_rows(listings[edition].rows, FACTS.class_sets[class_set])
  assert (len(kept), len(left_out)) == (clips, 255 - clips)
  assert len({row.subject for row, _ in kept}) == subjects


def test_the_part_of_megc_has_the_published_classes(listings):
  three = FACTS.class_sets['casme2_3']
  for listing in listings.values():
    kept, _ = select_rows(listing.rows, three)
    assert Counter(three.classes[label] for _, label in kept) == {
        'negative': 88, 'positive': 32, 'surprise': 25}


def test_every_row_is_read_and_the_sheet_is_named(listings):
  listing = listings['2014']
  assert (len(listing.rows), listing.left_out) == (255, ())
  assert listing.sheet == '2014.xlsx' and len(listing.sheet_sha256) == 64
  assert sum(row.action_units_raw == '?' for row in listing.rows) == 5


def test_a_missing_apex_is_none(one):
  (row,) = one(line('04', 'EP12_01f', 261, '/', 321)).rows
  assert (row.onset, row.apex, row.offset) == (261, None, 321)


@pytest.mark.parametrize('apex', [69, 123])
def test_an_apex_at_either_end_is_in_order(one, apex):
  (row,) = one(line('05', 'EP09_05f', 69, apex, 123)).rows
  assert row.apex == apex


@pytest.mark.parametrize('name', ['EP01_2', 'EP08_1', 'EP06_02_01', 'EP09f'])
@pytest.mark.parametrize('subject', ['3', '03', 3, 3., 'sub03'])
def test_names_are_text_and_subjects_numbers(one, subject, name):
  (row,) = one(line(subject, name)).rows
  assert (row.subject, row.clip) == ('sub03', f'sub03/{name}')


@pytest.mark.parametrize('cell, raw, units', [
    (12, '12', (ActionUnit(12),)),
    ('4+L10', '4+L10', (ActionUnit(4), ActionUnit(10, 'L'))),
    ('?', '?', ()), (None, '', ())])
def test_action_units_keep_their_text(one, cell, raw, units):
  (row,) = one(line(units=cell)).rows
  assert (row.action_units_raw, row.action_units) == (raw, units)


@pytest.mark.parametrize('word', ['Others', 'other', 'OTHERS', 'others '])
def test_emotions_have_one_spelling(one, word):
  assert one(line(emotion=word)).rows[0].emotion == 'others'


@pytest.mark.parametrize('cells, reason', [
    ({'apex': 90}, 'apex 90 is not between onset 46 and offset 86'),
    ({'apex': '/', 'onset': 87}, 'onset 87 comes after offset 86'),
    ({'onset': 'x'}, "row 2: onset 'x'"),
    ({'offset': '/'}, "row 2: offset '/'"),
    ({'apex': 'remake'}, "row 2: apex 'remake'"),
    ({'subject': 'notes'}, "subject 'notes'"),
])
def test_a_row_that_cannot_be_used_is_listed_not_repaired(one, cells, reason):
  listing = one(line(**cells), line('02'))
  assert [row.clip for row in listing.rows] == ['sub02/EP02_01f']
  assert reason in listing.left_out[0].in_words[1]


def test_a_clip_that_is_named_twice_is_left_out_both_times(one):
  listing = one(line(), line(onset=50), line('02'))
  assert len(listing.rows) == 1
  assert [entry.clip for entry in listing.left_out] == ['sub01/EP02_01f'] * 2


def test_columns_may_change_places_and_blank_rows_stand_anywhere(tmp_path):
  order = [8, 3, 4, 5, 7, 1, 0]
  lines = [[], [HEADER[i] for i in order], [], [line()[i] for i in order], []]
  (row,) = read_listing(sheet(tmp_path / 's.xlsx', lines), FACTS).rows
  assert (row.clip, row.onset, row.emotion) == ('sub01/EP02_01f', 46, 'happiness')


def test_a_csv_reads_like_its_workbook(tmp_path, listings):
  lines = replica.second_table(replica.second_clips(), '2014')
  text = '\n'.join(';'.join(map(str, cells)) for cells in lines)
  (tmp_path / 's.csv').write_bytes(text.encode('utf-8-sig'))
  rows = read_listing(tmp_path / 's.csv', FACTS).rows
  assert rows == tuple(row._replace(sheet='s.csv') for row in listings['2014'].rows)


def test_another_sheet_is_refused_by_its_columns(tmp_path):
  path = sheet(tmp_path / 's.xlsx', [['Subject', 'Filename', 'Objective Class']])
  with pytest.raises(InputError, match='OnsetFrame'):
    read_listing(path, FACTS)


@given(st.tuples(*[st.integers(0, 9)] * 3))
def test_order_is_kept_exactly_where_nothing_is_said(frames):
  assert (find_disorder(*frames) is None) == (sorted(frames) == list(frames))


def test_the_sheet_of_objective_classes_adds_to_that_of_2014(tmp_path):
  main = sheet(tmp_path / 'CASME2-coding-20140508.xlsx', [HEADER, line(), line('02')])
  more = sheet(tmp_path / 'CASME2-ObjectiveClasses.xlsx', [
      ['Subject', 'Filename', 'Objective Class'], [2, 'EP02_01f', 'III'],
      [1, 'EP02_01f', 4]])
  for paths in ([main, more], [more, main]):
    assert [row.objective for row in read_listing(paths, FACTS).rows] == ['IV', 'III']
  with pytest.raises(InputError, match='OnsetFrame'):
    read_listing(more, FACTS)


@pytest.mark.parametrize('name', ['../../etc', 'a/b', 'a\\b', '..', '.hidden', 'a\nb',
                                  'x' * 200, 'C:evil', 'a*', '{0}'])
def test_a_name_that_is_a_path_is_no_clip(tmp_path, name):
  (tmp_path / 's.csv').write_text(
      'Subject,Filename,OnsetFrame,ApexFrame,OffsetFrame,Estimated Emotion\n'
      f'1,"{name}",1,2,3,others\n', encoding='utf-8')
  listing = read_listing(tmp_path / 's.csv', FACTS)
  assert listing.rows == () and 'not a clip' in listing.left_out[0].in_words[1]


@pytest.mark.parametrize('number', ['12345678901', '1e9', '-4', '1.5', '٣'])
def test_what_cannot_be_a_frame_number_is_none(one, number):
  assert f'onset {number!r}' in one(line(onset=number)).left_out[0].in_words[1]
