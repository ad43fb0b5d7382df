"""python -m lightman_jax doctor, on made-up copies that lack this and that."""

import csv
import json
import os
import pathlib
import shutil
import string

import pytest

from lightman_jax.__main__ import main
from lightman_jax.data import planning
from lightman_jax.data.choice import choose
from lightman_jax.data.sheets import CORRECTIONS
from lightman_jax.doctor import command, examine as together, findings
from lightman_jax.doctor.examine import examine
from lightman_jax.doctor.findings import LOSSES, UNUSABLE, USABLE
from lightman_jax.errors import Cause, Kind, Reason
from lightman_jax.synthetic.replicas import write
from lightman_jax.synthetic.replicas.write import REPLICAS, write_replica


@pytest.fixture(scope='session')
def samm(tmp_path_factory):
  folder = tmp_path_factory.mktemp('samm') / 'manual'
  write_replica('samm', folder, per_class=2, frames=3, form='csv', size=(24, 24))
  return folder


@pytest.fixture
def copy(samm, tmp_path):
  shutil.copytree(samm, tmp_path / 'copy')
  return tmp_path / 'copy'


def look(folder, name='samm', **others):
  return examine(choose({'name': name, 'manual_dir': str(folder), 'frames': 3,
                         'size': 16, 'data_dir': str(folder / 'home'), **others}))


def change(folder, edit):
  path = folder / 'SAMM_Micro_FACS_Codes_v2.csv'
  with open(path, encoding='utf-8-sig', newline='') as file:
    lines = list(csv.reader(file))
  edit(lines)
  with open(path, 'w', encoding='utf-8', newline='') as file:
    csv.writer(file).writerows(lines)


def kinds(examination):
  return {loss.clip: loss.kind for loss in examination.losses}


KNOWN = {'028/028_4_1': 'order', '032/032_3_1': 'order'}


def test_a_whole_copy_lacks_only_what_every_copy_lacks(samm):
  examination = look(samm)
  assert examination.verdict == LOSSES and kinds(examination) == KNOWN
  assert all(loss.known for loss in examination.losses)
  assert [(frames.edition, frames.used) for frames in examination.frames] == [
      ('cropped', True)]
  assert examination.sheets[0].files == ('SAMM_Micro_FACS_Codes_v2.csv',)
  assert len(examination.sheet_sha256) == 64


def test_it_is_usable_with_corrections_and_says_what_they_change(samm):
  examination = look(samm)
  end = {change.name: change for change in examination.corrections}['samm_028_4_1_end']
  assert end.gained == ('028/028_4_1',) and not end.used and end.source
  assert "'1143' becomes '1134'" in end.changes[0]
  both = look(samm, corrections='samm_028_4_1_end,samm_032_3_1')
  assert both.verdict == USABLE and not both.losses


def test_counts_stand_beside_those_of_a_complete_copy(samm):
  examination = look(samm)
  counts = {count.name: (count.here, count.expected) for count in examination.counts}
  rows = counts['rows'][0]
  assert counts['rows'][1] == 159 and counts['clips'] == (rows - 2, 159)
  assert counts['subjects'][1] == 29
  assert {count.name: count.expected for count in examination.emotions}['anger'] == 57
  assert sum(examination.class_sets['samm_3'].values()) < sum(
      count.here for count in examination.emotions)


def test_every_row_that_is_lost_is_listed_with_its_reason(copy):
  clips = sorted(path for path in copy.glob('SAMM_CROP/*/*')
                 if not path.name.startswith(('028', '032_3')))
  gone, partial, moved, broken, double, word, owner = clips[:7]
  shutil.rmtree(gone)
  next(iter(sorted(partial.iterdir()))).unlink()
  for file in broken.iterdir():
    file.write_bytes(b'no picture')

  def edit(lines):
    at = {line[1]: line for line in lines if len(line) > 9}
    lines.append([*at[double.name][:3], '1', '2', '3', *at[double.name][6:]])
    at[word.name][9] = 'boredom'
    at[owner.name][0] = '037'
    at[moved.name][4] = '1'
  change(copy, edit)
  examination = examine(choose({'name': 'samm', 'manual_dir': str(copy), 'frames': 3,
                                'size': 16}), thorough=True)
  said = kinds(examination)
  assert examination.verdict == LOSSES
  assert said == KNOWN | {
      f'{gone.parent.name}/{gone.name}': 'folder',
      f'{partial.parent.name}/{partial.name}': 'frames',
      f'{moved.parent.name}/{moved.name}': 'order',
      f'{broken.parent.name}/{broken.name}': 'picture',
      f'{double.parent.name}/{double.name}': 'duplicate',
      f'{word.parent.name}/{word.name}': 'class',
      f'037/{owner.name}': 'misfiled'}
  page = findings.render_examination(examination)
  for loss in examination.losses:
    assert loss.clip in page
  assert "'boredom'" in page and 'frame 1' not in page.split('rows give no clip')[0]


def test_a_folder_of_many_clips_that_is_not_there_is_one_line(copy):
  """The clips of a person are counted; a clip that is missing by itself is named."""
  whole = len(look(copy).losses)
  person = copy / 'SAMM_CROP' / '006'
  clips = sorted(path.name for path in person.iterdir())
  shutil.rmtree(person)
  alone = sorted(copy.glob('SAMM_CROP/011/*'))[0]
  shutil.rmtree(alone)
  examination = look(copy)
  page = findings.render_examination(examination)
  assert len(examination.losses) == whole + len(clips) + 1 and len(clips) > 1
  assert f'006 is not there: {len(clips)} clips' in page
  assert f'011/{alone.name}' in page and not any(clip in page for clip in clips)


def test_without_a_sheet_it_is_not_usable_and_says_why(copy, capsys):
  (copy / 'SAMM_Micro_FACS_Codes_v2.csv').unlink()
  assert look(copy).verdict == UNUSABLE
  assert main(['doctor', str(copy), '--name', 'samm']) == 2
  shown = capsys.readouterr().out
  assert 'not usable' in shown and 'SAMM_Micro_FACS_Codes_v2.xlsx' in shown


def test_folders_that_no_row_names_are_told(copy):
  shutil.copytree(next(copy.glob('SAMM_CROP/006/*')), copy / 'SAMM_CROP/006/006_9_9')
  assert any('006/006_9_9' in remark for remark in look(copy).remarks)


def test_json_holds_all_that_the_page_does(samm, capsys):
  words = ['doctor', str(samm), '--frames', '3', '--size', '16']
  assert main(words) == 1
  page = capsys.readouterr().out
  assert main([*words, '--json']) == 1
  answer = json.loads(capsys.readouterr().out)
  assert (answer['verdict'], answer['said']) == (1, 'usable with losses')
  examination, = answer['data_sets']
  assert examination['name'] == 'samm' and examination['losses'][0]['reason'] in page
  assert f'--manual_dir={samm}' in examination['build']
  assert examination['estimate']['seconds'] > 0


@pytest.mark.parametrize('below', ['', 'SAMM_CROP', 'SAMM_CROP/006'])
def test_a_place_within_a_data_set_is_understood(samm, below):
  assert command.recognise(samm / below) == (
      command.Sighting('samm', samm, complete=True),)


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted(REPLICAS))
def test_no_data_set_is_taken_for_another(name, tmp_path):
  # What lies in one tree: three cameras of SMIC, MMEW's clips and stills.
  families = {'smic', 'smic_vis', 'smic_nir'}, {'mmew', 'mmew_macro'}
  family = next((one for one in families if name in one), {name})
  for edition in REPLICAS[name].editions:
    write_replica(name, tmp_path / edition, edition=edition, per_class=1, frames=3,
                  size=(64, 64))
    assert {one.name for one in command.recognise(tmp_path / edition)} == family
    for below in filter(pathlib.Path.is_dir, (tmp_path / edition).iterdir()):
      assert {one.name for one in command.recognise(below)} <= family, below.name


def test_data_sets_beside_each_other_are_told_apart(samm, replica, tmp_path):
  (tmp_path / 'samm').symlink_to(samm)
  (tmp_path / 'CASME2').symlink_to(replica)
  assert {sighting.name for sighting in command.recognise(tmp_path)} == {
      'samm', 'casme2'}


def test_a_nested_tree_is_called_so(copy):
  (copy / 'SAMM_CROP').rename(copy / 'aside')
  (copy / 'SAMM_CROP').mkdir()
  (copy / 'aside').rename(copy / 'SAMM_CROP/SAMM_CROP')
  examination = look(copy)
  assert examination.frames[0].nested and kinds(examination) == KNOWN
  assert 'nested' in findings.render_examination(examination)


def test_where_nothing_lies_archives_are_pointed_at(tmp_path, capsys):
  (tmp_path / 'SAMM.zip').touch()
  assert main(['doctor', str(tmp_path)]) == 2
  assert 'SAMM.zip' in capsys.readouterr().err
  assert main(['doctor', str(tmp_path / 'nowhere')]) == 2
  assert 'is not there' in capsys.readouterr().err


def test_the_command_to_build_is_shown_whole(copy, tmp_path):
  place = tmp_path / ('a folder with a long name ' * 4) / 'samm'
  shutil.copytree(copy, place)
  examination = look(place)
  assert len(examination.build) > 160
  assert f'\n    {examination.build}\n' in findings.render_examination(examination)


def test_names_cannot_act_on_the_terminal(copy):
  change(copy, lambda lines: lines.append(['006', '\x1b[2J[red]006_9_9', '', '1']))
  page = findings.render_examination(look(copy))
  assert '\x1b' not in page and '[red]' in page and '\\x1b[2J' in page


def test_a_tree_is_surveyed_once_and_once_more_for_each_table_of_corrections(
    samm, monkeypatch):
  surveys, real = [], planning.Survey.__init__
  monkeypatch.setattr(planning.Survey, '__init__', lambda self, choice: surveys.append(
      choice.corrections) or real(self, choice))
  look(samm)
  names = [name for name, table in CORRECTIONS.items() if table.dataset == 'samm']
  assert surveys == ['', *names]


def test_one_sentence_for_those_who_build(samm, copy):
  sentence, = planning.describe_plan(planning.plan_tree(
      choose({'name': 'samm', 'manual_dir': str(samm)})))
  assert sentence.startswith('SAMM: ')
  assert '2 with onset, apex and offset out of order' in sentence


def test_file_names_that_are_no_text_are_told_and_built(copy, tmp_path, capsys):
  folder = next(path for path in copy.glob('SAMM_CROP/006/*'))
  for file in folder.iterdir():
    file.rename(folder / os.fsdecode(b'\xff' + os.fsencode(file.name)))
  next(iter(sorted(copy.glob('SAMM_CROP/007/*/*')))).rename(
      copy / os.fsdecode(b'SAMM_CROP/007/\xff.jpg'))
  words = ['--frames', '3', '--size', '16']
  assert main(['doctor', str(copy), *words]) == 1
  assert main(['build', 'samm', '--manual_dir', str(copy), '--data_dir',
               str(tmp_path / 'home'), *words]) == 0
  assert '007' in capsys.readouterr().out


def test_a_composite_is_held_against_what_was_published(samm, capsys):
  composite = together.examine_composite(
      choose({'name': 'megc2019', 'manual_dir': str(samm)}))
  assert 'SMIC' in composite.differences[0]
  assert together.complete_composites(['samm', 'smic']) == ()
  assert together.complete_composites(['samm', 'smic', 'casme2']) == (
      'megc2019', 'megc2018')
  assert 'not as published' in findings.render_examination(composite)


@pytest.fixture
def empty_pictures(monkeypatch):
  monkeypatch.setattr(write, '_projector',
                      lambda *_: lambda film, numbers: [b'' for _ in numbers])


def only(folder, name, **others):
  return examine(choose({'name': name, 'manual_dir': str(folder), 'frames': 3,
                         'size': 16, **others}), estimate=False)


@pytest.mark.parametrize('name', ['dfme', 'casme_cubed_c', 'casme_cubed', 'mmew',
                                  'casme_squared', 'ck_plus', 'oulu_casia', 'mug',
                                  'jaffe', 'kdef', 'mmew_macro'])
def test_no_folder_of_a_row_is_called_nobodys(empty_pictures, tmp_path, name):
  write_replica(name, tmp_path / 'm', per_class=1, frames=3, form='csv')
  examination = only(tmp_path / 'm', name)
  assert not [remark for remark in examination.remarks if 'to no row' in remark]
  deepest = max((path for path in (tmp_path / 'm').rglob('*') if path.is_dir()),
                key=lambda path: len(path.parts))
  spare = deepest.parent.parent / '99' if name == 'casme_cubed_c' else None
  if spare:
    shutil.copytree(deepest.parent, spare)
    remark = only(tmp_path / 'm', name).remarks[-1]
    assert remark.startswith('1 frame folder belongs to no row: ')
    assert '99/color' in remark


def test_notes_that_differ_in_numbers_keep_those_of_each_clip(copy):
  clips = []
  def edit(lines):
    for line in [line for line in lines if len(line) > 9 and line[6].isdigit()
                 and line[1] not in ('028_4_1', '032_3_1')][:2]:
      line[6] = str(int(line[6]) + 7)
      clips.append((line[1], line[6]))
  change(copy, edit)
  remark, = [remark for remark in look(copy).remarks if 'gives a duration' in remark]
  assert remark.startswith('the sheet gives a duration of N frames')
  assert all(f'{name} ({number}, ' in remark for name, number in clips)


def test_a_refusal_of_several_lines_is_shown_in_lines_and_the_frames_as_they_are(copy):
  (copy / 'SAMM_Micro_FACS_Codes_v2.csv').unlink()
  examination = look(copy)
  page = findings.render_examination(examination)
  assert '\\n' not in page
  assert 'lies there too' not in page
  composite = together.examine_composite(
      choose({'name': 'megc2019', 'manual_dir': str(copy)}))
  assert '\\n' not in findings.render_examination(composite)


def test_a_sheet_without_others_has_the_class_set_that_fits(
    empty_pictures, tmp_path, capsys):
  write_replica('mmew', tmp_path / 'm', per_class=2, frames=3, form='csv')
  path = tmp_path / 'm/MMEW_Micro_Exp.csv'
  lines = path.read_text(encoding='utf-8-sig').splitlines()
  path.write_text('\n'.join(line for line in lines if ',others,' not in line))
  examination = only(tmp_path / 'm', 'mmew')
  assert examination.verdict == USABLE and examination.class_set == 'mmew_6'
  assert '--class_set=mmew_6' in examination.build
  sentence = 'mmew_7 has a class without any clip here; mmew_6 has'
  assert sentence in examination.remarks[0]
  assert main(['build', 'mmew', '--manual_dir', str(tmp_path / 'm'), '--frames', '3',
               '--data_dir', str(tmp_path / 'home')]) == 2
  assert ("no clip of the class 'others'" in (said := capsys.readouterr().err)
          and 'data.class_set=mmew_6' in said)


def test_what_is_expected_of_dfme_as_a_whole(empty_pictures, tmp_path):
  write_replica('dfme', tmp_path / 'm', per_class=1, frames=3, form='csv')
  counts = {count.name: count.expected for count in only(tmp_path / 'm', 'dfme').counts}
  assert (counts['rows'], counts['subjects']) == (2629, 259)


def test_every_reason_has_a_kind_and_a_sentence_that_its_facts_fill():
  for reason in Reason:
    names = {name for _, name, _, _ in string.Formatter().parse(reason.form) if name}
    cause = Cause(reason, tuple((name, f'<{name}>') for name in names), 'row 7')
    assert isinstance(reason.kind, Kind) and str(cause).startswith('row 7: ')
    assert all(f'<{name}>' in str(cause) for name in names)
  assert len({reason.form for reason in Reason}) == len(Reason)
