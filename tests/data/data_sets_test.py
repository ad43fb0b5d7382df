"""Every data set at its full size: all rows of a replica are found on its disk.

Only names and sizes of files are looked at, so the pictures are empty here. The numbers
are those that were published; rows that cannot be used are counted apart.
"""

from collections import Counter
import pathlib
import re
import shutil

import pytest

from lightman_jax.data import planning
from lightman_jax.data.choice import choose
from lightman_jax.data.facts import COMPOSITES
from lightman_jax.data.people import match_people
from lightman_jax.data.rows import LeftOut
from lightman_jax.data.trees import fold_name
from lightman_jax.errors import InputError
from lightman_jax.synthetic.replicas import casme_squared, write


@pytest.fixture(scope='module')
def manual(tmp_path_factory):
  """A function of a data set and its edition to a folder that holds its replica."""
  home, data_sets = tmp_path_factory.mktemp('manual'), set()

  def made(name, edition='', **options):
    kind = ' '.join(f'{option}={options[option]}' for option in sorted(options))
    folder = home / (edition or 'usual') / (kind or 'whole') / name
    if folder not in data_sets:
      data_sets.add(folder)
      with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, '_projector', lambda *_: lambda film, numbers: [
            b'' for _ in numbers])
        write.write_replica(name, folder, edition=edition, frames=3, **options)
    return folder
  return made


def planned(folder, name, **options):
  return planning.plan_data_set(choose({
      'name': name, 'manual_dir': str(folder), 'frames': 3, **options}))


def counts(plan, kind='micro'):
  clips = Counter(plan.classes[item.label] for item in plan.items
                  if item.row.kind == kind and item.label >= 0)
  return tuple(clips[name] for name in plan.classes)


def lost(plan):
  return [entry for entry in plan.left_out if entry.clip not in plan.outside]


@pytest.mark.parametrize('name, edition, options, expected, subjects, without', [
    ('casme', '', {}, (71, 46, 40, 21), 19, 0),
    ('casme', 'raw', {'class_set': 'casme_8'}, (71, 46, 40, 21, 9, 6, 2, 2), 19, 0),
    ('casme2', '', {}, (32, 25, 63, 27, 99), 26, 0),
    ('casme2', 'raw', {'sheet': '2019'}, (32, 28, 63, 27, 99), 26, 0),
    ('casme2', '', {'class_set': 'megc_3'}, (88, 32, 25), 24, 0),
    ('casme2', '', {'class_set': 'megc_3', 'sheet': '2019'}, (88, 32, 25), 24, 0),
    ('smic', '', {}, (70, 51, 43), 16, 0),
    ('smic', 'raw', {}, (70, 51, 43), 16, 0),
    ('samm', '', {'corrections': 'samm_028_4_1_spotted,samm_032_3_1'},
     (57, 26, 26, 15, 12), 29, 0),
    ('samm', 'raw', {'class_set': 'megc_3', 'corrections': 'samm_028_4_1_end,'
                     'samm_032_3_1'}, (92, 26, 15), 28, 0),
    ('smic_long', '', {}, (62, 51, 39), 16, 5),
    ('casme_squared', 'raw', {}, (21, 8, 9, 19), 22, 3),
    ('casme_cubed_c', '', {}, (99, 16, 30, 20), 30, 0)])
def test_published_counts(manual, name, edition, options, expected, subjects, without):
  plan = planned(manual(name, edition), name, **options)
  assert counts(plan) == expected
  assert len({item.row.subject for item in plan.items}) == subjects
  gone = [entry for entry in lost(plan) if '/' in entry.clip]
  assert len(gone) == without, gone


def test_smic_cameras_lie_in_one_tree(manual):
  assert counts(planned(manual('smic'), 'smic_vis')) == (24, 28, 19)
  assert len(planned(manual('smic'), 'smic_nir').items) == 71


def test_samm_leaves_out_what_no_correction_names(manual):
  plan = planned(manual('samm'), 'samm')
  assert sorted(entry.clip for entry in lost(plan)) == ['028/028_4_1', '032/032_3_1']


def test_casme_squared_in_both_editions(manual):
  plan = planned(manual('casme_squared', 'raw'), 'casme_squared')
  assert sum(counts(plan, 'macro')) == 300 - 3
  assert len({i.row.subject for i in plan.items if i.row.kind == 'micro'}) == 14
  astray = [item for item in plan.items
            if any('not in s23' in str(note) for note in item.row.notes)]
  assert astray and all(item.row.subject == 's23' for item in astray)
  assert all('/s19/23_0502' in str(item.make.args) for item in astray)
  cropped = planned(manual('casme_squared'), 'casme_squared')
  gone = {entry.in_words[1].split()[4] for entry in lost(cropped)
          if 'folder' in entry.in_words[1]}
  assert gone == {'s15/15_0508*', 's24/24_0507*', 's23/23_0503*', 's23/23_0507*'}


@pytest.mark.parametrize('corrections, clips', [
    ('', 856), ('casme_cubed_spotted', 860)])
def test_all_rows_of_casme_cubed_are_read_but_four_that_a_correction_names(
    manual, corrections, clips):
  plan = planned(manual('casme_cubed'), 'casme_cubed', corrections=corrections)
  gone = sum('is not in' in str(reason) for _, reason in plan.left_out)
  assert gone == casme_squared.LACKING and len(plan.items) + gone == clips
  ended = [item.row for item in plan.items if item.row.apex == item.row.offset
           and any('ends with its apex' in str(note) for note in item.row.notes)]
  assert len(ended) == casme_squared.CUBED_NO_OFFSET


def test_part_c_lies_below_me_c_and_takes_the_apex_of_its_sheet(manual):
  plan = planned(manual('casme_cubed_c'), 'casme_cubed_c', sheet='final')
  assert len(plan.items) == 165 and {item.apex_source for item in plan.items} == {
      'sheet'}
  assert all('/ME_C/' in str(item.make.args[0]) for item in plan.items)
  without = planned(manual('casme_cubed_c'), 'casme_cubed_c', sheet='me')
  assert {item.apex_source for item in without.items} == {''}


def test_all_three_sheets_of_dfme_lie_under_their_own_names(manual):
  plan = planned(manual('dfme'), 'dfme', sheet='all')
  assert plan.sheet == ('training_full_with_AU.xlsx + testA_full_with_AU.xlsx + '
                        'testB_full_with_AU.xlsx') and len(plan.items) == 263


def test_macro_sources_hold_macro_clips(manual):
  plan = planned(manual('samm_long'), 'samm_long')
  kinds = Counter(item.row.kind for item in plan.items)
  assert kinds == {'macro': 343, 'micro': 159} and not lost(plan)
  assert len({item.row.clip for item in plan.items}) == 502


def test_objective_classes_need_the_sheet_that_has_them(manual):
  plan = planned(manual('casme2'), 'casme2', class_set='objective_5', sheet='2019')
  assert plan.classes == ('I', 'II', 'III', 'IV', 'V') and min(counts(plan)) > 0
  own = planned(manual('casme2'), 'casme2', class_set='own', own_classes={
      'Disgust': 'bad', 'sad': 'bad', 'happiness': 'good'})
  assert own.classes == ('bad', 'good') and counts(own) == (63 + 7, 32)
  assert own.config.startswith('own_')


@pytest.mark.parametrize('name, expected, subjects, without', [
    ('ck_plus', (45, 59, 25, 69, 28, 83, 18), 123, 593 - 327),
    ('oulu_casia', (80,) * 6, 80, 0), ('jaffe', (30, 29, 32, 31, 31, 30), 10, 0),
    ('kdef', (140,) * 6, 70, 0), ('rafd', (201,) * 7, 67, 0)])
def test_posed_expressions_are_macro_clips(manual, name, expected, subjects, without):
  plan = planned(manual(name), name)
  assert counts(plan, 'macro') == expected
  assert Counter(item.label for item in plan.items)[-1] == without
  assert len({item.row.subject for item in plan.items}) == subjects
  assert all(item.row.kind == 'macro' and item.numbers[-1] == item.row.apex
             for item in plan.items)
  three = planned(manual(name), name, class_set=f'{name}_3')
  assert counts(three, 'macro') == (
      sum(expected) - expected[3] - expected[5], expected[3], expected[5])


def test_a_still_goes_with_the_neutral_one_of_its_session_gaze_or_take(manual):
  pairs = {name: [(pathlib.Path(item.make.args[0][0]).name,
                   pathlib.Path(item.make.args[0][-1]).name)
                  for item in planned(manual(name), name).items]
           for name in ('jaffe', 'kdef', 'rafd')}
  for neutral, other in pairs['kdef']:
    assert neutral[:4] == other[:4] and neutral[4:7] == 'NES' and other[6] == 'S'
  for neutral, other in pairs['rafd']:
    assert neutral.split('_')[:4] == other.split('_')[:4] and '_neutral_' in neutral
    assert neutral.split('_')[5] == other.split('_')[5]
    assert other.startswith('Rafd090')
  for neutral, other in pairs['jaffe']:
    assert neutral[:5] == f'{other[:2]}.NE'
    assert neutral[5] == other[5] or other[5] == '4'
  lost = [str(entry.cause) for entry in planned(manual('kdef'), 'kdef').left_out]
  assert sorted(lost) == ['979 pictures, whose view is FR, make no pair: no clips'] + [
      f'980 pictures, whose view is {view}, make no pair: no clips'
      for view in ('FL', 'HL', 'HR')] + [
      'AF31/AF31SR.JPG is not named as a clip: not a clip']
  groups = {item.row.groups for item in planned(manual('kdef'), 'kdef').items}
  assert groups == {(('sex', 'female'),), (('sex', 'male'),)}


def test_yale_has_three_pairs_of_each_person(manual):
  plan = planned(manual('yale'), 'yale')
  assert counts(plan, 'macro') == (15, 15, 15)
  assert sorted(len(set(item.make.args[0])) for item in plan.items) == [2] * 45
  assert all(item.make.args[0][0].endswith('.normal') for item in plan.items)
  assert len(plan.left_out) == 7        # lighting, glasses, sleep and a wink


def test_sequences_of_mug_go_back_to_neutral_and_their_apex_is_spotted(manual):
  folder = manual('mug', per_class=6)
  (folder / 'subjects3/001/neutral/take000').mkdir(parents=True)
  shutil.copy(folder / 'subjects3/001/anger/take000/img_0000.jpg',
              folder / 'subjects3/001/neutral/take000')
  # Some copies lie in a folder of the same name once more.
  (folder / 'subjects3/002').rename(folder / 'subjects3/away')
  (folder / 'subjects3/002').mkdir()
  (folder / 'subjects3/away').rename(folder / 'subjects3/002/002')
  plan = planned(folder, 'mug')
  rows = [item.row for item in plan.items]
  assert {row.clip for row in rows} >= {'001/anger/take000', '002/fear/take000'}
  assert all(row.kind == 'macro' and row.apex is None and row.onset == 0
             for row in rows) and min(counts(plan, 'macro')) > 0
  assert all(not item.apex_source for item in plan.items)
  assert [str(entry.cause) for entry in plan.left_out] == [
      f'{folder}/subjects3/001/neutral/take000 shows no expression: not a clip']


def test_stills_of_mmew_go_with_the_onset_of_a_micro_expression(manual, tmp_path):
  folder = manual('mmew_macro', per_class=40)
  plan = planned(folder, 'mmew_macro')
  assert counts(plan, 'macro') == (40,) * 6 and not lost(plan)
  for item in plan.items:
    neutral, other = item.make.args[0][0], item.make.args[0][-1]
    assert f'/Macro_Expression/{item.row.subject}/{item.row.emotion}/' in other
    assert re.search(f'/Micro_Expression/[a-z]+/{item.row.subject}-', neutral)
  assert match_people([('mmew', 'S01')], [('mmew_macro', 'S01')]) != ['']
  # However the stills are named; without a micro-expression there is no pair.
  place = tmp_path / 'Macro_Expression/anger'
  place.mkdir(parents=True)
  shutil.copy(plan.items[0].make.args[0][-1], place / 'S01-04-001.jpg')
  (reason,) = planned(tmp_path, 'mmew_macro').left_out
  assert 'no neutral picture of S01' in str(reason.cause)
  start = tmp_path / 'Micro_Expression/fear/S01-07-001/3.jpg'
  start.parent.mkdir(parents=True)
  shutil.copy(plan.items[0].make.args[0][0], start)
  (item,) = planned(tmp_path, 'mmew_macro').items
  assert item.row.clip == 'S01/anger/S01-04-001' and item.make.args[0][0] == str(start)


def test_what_ck_plus_says_beside_its_frames(manual):
  folder = manual('ck_plus', per_class=2)
  plan = planned(folder, 'ck_plus')
  row = next(item.row for item in plan.items if item.row.emotion)
  path = next((folder / 'FACS' / row.clip).glob('*.txt'))
  assert path.name.endswith(f'{row.apex:08d}_facs.txt') and row.offset == row.apex
  assert len(row.action_units) == len(path.read_text().splitlines())
  assert all(unit.intensity == 'ABCDE'[n - 1:n or 0]
             for n, unit in enumerate(row.action_units))
  assert plan.config.endswith('-points-t3-s64')
  assert planned(folder, 'ck_plus', landmarks='none').config.endswith('raw-t3-s64')


@pytest.mark.parametrize('kind, text, why', [
    ('Emotion', '9.0', 'does not hold one number of an emotion'),
    ('Emotion', 'joy', 'does not hold numbers'),
    ('FACS', '1.5 2', 'does not hold numbers of action units and intensities')])
def test_a_file_beside_that_holds_something_else_costs_its_clip(
    manual, kind, text, why):
  folder = manual('ck_plus', per_class=2)
  clip = next(item.row.clip for item in planned(folder, 'ck_plus').items
              if item.row.emotion)
  path = next((folder / kind / clip).glob('*.txt'))
  before = path.read_text()
  path.write_text(text)
  try:
    (clip_lost, cause), = planned(folder, 'ck_plus').left_out
  finally:
    path.write_text(before)
  assert clip_lost == clip and why in str(cause)


def test_ck_48_is_told_from_ck_plus(tmp_path):
  (tmp_path / 'CK+48' / 'anger').mkdir(parents=True)
  (tmp_path / 'CK+48' / 'anger' / 'S010_004_00000017.png').write_bytes(b'')
  with pytest.raises(InputError, match='CK.48 is CK.48, .* no neutral frame'):
    planned(tmp_path, 'ck_plus')


@pytest.mark.parametrize('name', [
    'casme', 'casme2', 'samm', 'smic', 'smic_long', 'casme_squared', 'samm_long',
    'casme_cubed', 'casme_cubed_c', 'mmew', 'dfme', 'four_dme', 'ck_plus',
    'oulu_casia', 'mug', 'jaffe', 'kdef', 'rafd', 'yale', 'mmew_macro'])
def test_every_clip_lies_where_its_names_say(manual, name):
  few = {'per_class': 4} if name in ('casme_cubed', 'mmew', 'dfme') else {}
  plan = planned(manual(name, **few), name)
  ids = [item.row.clip for item in plan.items] + [clip for clip, _ in plan.left_out]
  assert len(ids) == len(set(ids)) and plan.items
  for row, path in ((item.row, fold_name(str(item.make.args[0])))
                    for item in plan.items):
    assert fold_name((row.video or row.filename).removeprefix('../')) in path
    assert fold_name(row.folder or row.subject) in path or name in ('mmew', 'samm_long')


@pytest.fixture(scope='module')
def three(manual, tmp_path_factory):
  """The parts of MEGC2019 beside each other."""
  place = tmp_path_factory.mktemp('three')
  for name in ('smic', 'casme2', 'samm'):
    (place / name).symlink_to(manual(name))
  return place


FIXES = 'samm_028_4_1_spotted,samm_032_3_1'


def test_megc2019_is_what_was_published(three):
  plan = planned(three, 'megc2019', corrections=FIXES)
  assert counts(plan) == (250, 109, 83) and len(plan.items) == 442
  assert len({item.row.subject for item in plan.items}) == 68
  assert all(item.row.subject.startswith(f'{item.row.dataset}/')
             and item.row.clip.startswith(item.row.subject) for item in plan.items)
  assert planning.differences(plan) == ()
  assert len(plan.corrected) == 2


def test_megc2019_as_its_sheets_stand_names_the_corrections_that_give_442(three):
  plan = planned(three, 'megc2019')
  assert len(plan.items) == 440
  assert planning.differences(plan)[-1] == (
      f'data.corrections={FIXES} keeps samm/028/028_4_1 and samm/032/032_3_1')


def test_a_table_of_smics_apexes_leaves_megc2019_whole(three, tmp_path):
  rows = [item.row for item in planned(three, 'megc2019').items]
  (tmp_path / 'a.csv').write_text('clip,apex_frame\n' + ''.join(
      f'{row.filename},{row.onset + 1}\n' for row in rows if row.dataset == 'smic'))
  plan = planned(three, 'megc2019', corrections=FIXES, apex=str(tmp_path / 'a.csv'))
  assert planning.differences(plan) == () and len(plan.items) == 442
  assert [item.row.clip for item in plan.items if not item.apex_source] == [
      'samm/028/028_4_1']


def test_a_difference_to_megc2019_is_listed_clip_by_clip(three):
  plan = planned(three, 'megc2019', corrections=FIXES)
  gone = next(item.row for item in plan.items if item.row.dataset == 'samm'
              and item.row.emotion == 'happiness')
  fewer = plan._replace(
      items=tuple(item for item in plan.items if item.row.clip != gone.clip),
      left_out=(*plan.left_out, LeftOut(gone.clip, 'frame 7 is not in its folder')))
  assert planning.differences(fewer) == (
      'samm, positive: 25 clips instead of 26',
      f'  {gone.clip}: frame 7 is not in its folder')
  changed = plan.items[0]._replace(label=2)
  more = planning.differences(plan._replace(items=(changed, *plan.items[1:])))
  assert 'smic, negative: 69 clips instead of 70' in more
  assert 'smic, surprise: 44 clips instead of 43' in more
  assert f'  {changed.row.clip}' in more


def test_all_clips_whose_units_are_coded_count_whatever_the_emotion(manual):
  plan = planned(manual('four_dme'), 'four_dme', class_set='action_units')
  assert plan.classes == ('coded',) and counts(plan) == (100,)
  assert {item.row.emotion for item in plan.items} == {
      'negative', 'positive', 'surprise', 'repression', 'others'}
  marked = [item.row for item in plan.items if '(k)' in item.row.action_units_raw]
  assert len(marked) == 15        # a unit that does not move does not act, and is noted
  for row in marked:
    assert 45 not in {unit.number for unit in row.action_units} and row.coded
    assert any("'AU45(k)'" in str(note) for note in row.notes)
  five = planned(manual('casme2'), 'casme2')
  every = planned(manual('casme2'), 'casme2', class_set='action_units')
  without = [entry for entry in every.left_out if entry.clip in every.outside]
  assert len(every.items) + len(without) == 255 and len(every.items) > len(five.items)
  assert {entry.in_words[1] for entry in without} == {'the sheet gives no action unit'}
  with pytest.raises(InputError, match='smic_3|megc_3'):
    planned(manual('smic'), 'smic', class_set='action_units')


def test_cd6me_is_six_data_sets_with_units(manual, tmp_path):
  for name in COMPOSITES['cd6me'].parts:
    few = {'per_class': 4} if name in ('casme_cubed', 'mmew') else {}
    (tmp_path / name).symlink_to(manual(name, **few))
  plan = planned(tmp_path, 'cd6me', corrections=f'{FIXES},casme_cubed_spotted')
  assert {item.row.dataset for item in plan.items} == set(COMPOSITES['cd6me'].parts)
  assert plan.classes == ('coded',) and all(item.row.coded for item in plan.items)
  assert all(item.row.subject.startswith(f'{item.row.dataset}/') for item in plan.items)
  assert not any('instead of' in line for line in planning.differences(plan))


def test_megc2018_takes_objective_classes_one_to_five(three):
  plan = planned(three, 'megc2018', corrections=FIXES)
  assert plan.classes == ('I', 'II', 'III', 'IV', 'V')
  assert {item.row.dataset for item in plan.items} == {'casme2', 'samm'}
  assert all(item.row.objective == plan.classes[item.label] for item in plan.items)
  # Which clip is of which objective class is made up in replicas.
  assert 'clips instead of' in planning.differences(plan)[0]


def test_what_is_missing_of_a_composite_is_said_at_once(three, tmp_path):
  (tmp_path / 'smic').symlink_to(three / 'smic')
  from lightman_jax.data.sources import Missing, check_present
  with pytest.raises(Missing) as caught:
    check_present({'name': 'megc2019', 'manual_dir': str(tmp_path),
                   'data_dir': str(tmp_path)})
  assert 'CASME II: no' in str(caught.value) and 'SAMM: no' in str(caught.value)
  assert 'SMIC HS: no' not in str(caught.value)
