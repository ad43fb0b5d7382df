"""Codings in and out, and how far coders agree: by hand."""

import csv
import json
from xml.etree import ElementTree

import numpy as np
import pympi
import pytest
from sklearn import metrics

from lightman_jax import __main__ as program
from lightman_jax.data.manifest import read_manifest
from lightman_jax.errors import InputError
from lightman_jax.video import agreement, annotations, annotations_command, writers
from lightman_jax.video.annotations import Coded, read_coding, read_value

TIMES = annotations_command._times
FRAMES = 300          # of the videos that are not there, 30 a second


@pytest.fixture(autouse=True)
def videos_of_ten_seconds(monkeypatch):
  monkeypatch.setattr(annotations_command, '_times', lambda video, fps: (
      [number / 30. for number in range(FRAMES)], 30.,
      7 if video == 'folder' else None))


def run(*words):
  return program.main(['annotations', *map(str, words)])


@pytest.fixture
def elan(tmp_path):
  """A file that pympi wrote, with tiers of a coder's own names."""
  document = pympi.Elan.Eaf()
  document.add_linked_file('/data/films/talk.mp4', relpath='./talk.mp4',
                           mimetype='video/mp4')
  for name in ('Expressions', 'Emotion', 'AUs', 'Apex', 'Comments'):
    document.add_tier(name, part='S07')
  for begin, end, kind, emotion, units, apex in (
      (1000, 1400, 'micro', 'Happy', '6+R12', 1200),
      (4000, 6000, 'macro', 'disgust', 'AU9', 5000), (8000, 8200, '', '', '', None)):
    document.add_annotation('Expressions', begin, end, kind)
    for tier, value in (('Emotion', emotion), ('AUs', units)):
      if value:
        document.add_annotation(tier, begin, end, value)
    if apex:
      document.add_annotation('Apex', apex, apex + 10, 'x')
  document.add_annotation('Comments', 0, 9000, 'micro; surprise')
  path = tmp_path / 'coder.eaf'
  document.to_file(str(path))
  return path


def test_a_file_of_elan_is_read(elan, tmp_path):
  rows = read_coding(elan)
  video = str(tmp_path / 'talk.mp4')
  assert rows == [
      Coded('S07', video, 1., 1.2, 1.4, 'micro', 'happiness', '6+R12'),
      Coded('S07', video, 4., 5., 6., 'macro', 'disgust', 'AU9'),
      Coded('S07', video, 8., None, 8.2)]
  assert [row.known_kind for row in rows] == ['micro', 'macro', 'micro']
  assert rows[0].unit_numbers == {6, 12}
  assert read_coding(elan, tier='Comments')[0].label == 'surprise'


@pytest.mark.parametrize('there, relative, absolute, wanted', [
    ('a/film.mp4', './a/film.mp4', 'file:///gone/film.mp4', 'a/film.mp4'),
    ('a/film.mp4', './film.mp4', 'file://{root}/a/film.mp4', 'a/film.mp4'),
    ('a/my film%1.mp4', '', 'file://{root}/a/my%20film%251.mp4', 'a/my film%1.mp4'),
    ('a/my film%20.mp4', '', 'file://{root}/a/my film%20.mp4', 'a/my film%20.mp4'),
    ('my film.mp4', '../../x/my%20film.mp4', 'file:///C:/x/my film.mp4',
     'my film.mp4'),
    ('', './x/film.mp4', 'file:///gone/film.mp4', 'x/film.mp4'),
    ('', '', 'file:///gone/film.mp4', '/gone/film.mp4'), ('', '', '', '')])
def test_the_video_of_a_file_of_elan(there, relative, absolute, wanted, tmp_path):
  """Where it lies: by the relative path, the absolute, or beside the file."""
  root = tmp_path / 'out'
  root.mkdir()
  if there:
    (root / there).parent.mkdir(exist_ok=True)
    (root / there).touch()
  descriptor = {'RELATIVE_MEDIA_URL': relative,
                'MEDIA_URL': absolute.format(root=root.as_posix())}
  place = annotations.media_path(root / 'e.eaf', [
      {'MEDIA_URL': './sound.wav', 'MIME_TYPE': 'audio/x-wav'}, descriptor])
  assert place == (str(root / wanted) if wanted else '')


def test_what_is_written_beside_a_result_names_the_video(tmp_path, monkeypatch, capsys):
  """As `predict film.mp4 --out=OUT` writes it, wherever the folder lies later."""
  film, place = tmp_path / 'films' / 'my film.mp4', tmp_path / 'out' / 'my film'
  film.parent.mkdir()
  film.touch()
  tiers = {'expressions 0': [(1., 1.4, 'micro nose happiness')]}
  monkeypatch.chdir(film.parent)
  writers.write_tiers(place / 'e.eaf', tiers, film.name)
  header, = ElementTree.parse(place / 'e.eaf').iter('MEDIA_DESCRIPTOR')
  assert header.get('RELATIVE_MEDIA_URL') == '../../films/my film.mp4'
  monkeypatch.chdir(tmp_path)
  assert run('import', place / 'e.eaf', '--subject=S1', '--out', 'clips.csv') == 0
  assert 'S1/my film_30,S1,happiness,films/my film.mp4,30' in (
      tmp_path / 'clips.csv').read_text()
  # No video is no video: nothing is made up.
  writers.write_tiers(place / 'none.eaf', tiers, '')
  assert read_coding(place / 'none.eaf')[0].video == ''


def test_a_video_that_is_gone_is_named_with_the_flag_that_names_another(tmp_path):
  with pytest.raises(InputError, match='gone.mp4.* is not there.*--video=PATH'):
    TIMES(str(tmp_path / 'gone.mp4'), None)


def test_a_coding_becomes_a_manifest_whose_frames_count_from_0(elan, tmp_path, capsys):
  out = tmp_path / 'tables' / 'clips.csv'
  assert run('import', elan, '--out', out, '--dataset', 'ours') == 0
  printed = capsys.readouterr().out
  assert '3 clips of 1 person\n' in printed and '1 of them name no emotion' in printed
  with open(out, newline='') as file:
    rows = list(csv.DictReader(file))
  assert [(row['onset'], row['apex'], row['offset']) for row in rows] == [
      ('30', '36', '42'), ('120', '150', '180'), ('240', '', '246')]
  assert rows[0]['path'] == '../talk.mp4' and rows[0]['action_units'] == '6+R12'
  # What has an emotion is a clip of a manifest as it stands.
  rows = [row for row in rows if row['label']]
  with open(out, 'w', newline='') as file:
    table = csv.DictWriter(file, rows[0])
    table.writeheader()
    table.writerows(rows)
  first, second = read_manifest(out)
  assert (first.clip, first.subject, first.label, first.kind, first.fps) == (
      'S07/talk_30', 'S07', 'happiness', 'micro', 30.)
  assert (second.onset, second.apex, second.offset, second.dataset) == (
      120, 150, 180, 'ours')


def test_frames_of_a_folder_are_called_by_their_names(tmp_path):
  rows = [Coded('S', 'folder', 1., 1.2, 1.4)]
  made, = annotations.manifest_rows(
      rows, tmp_path / 'clips.csv', subject='', video='', fps=None, dataset='',
      times_of=annotations_command._times)
  assert made[4:7] == (37, 43, 49) and made[0] == 'S/folder_37'


@pytest.mark.parametrize('row, words', [
    (Coded('S', 'v', 1., None, 1.4), ''),
    (Coded('S', 'v', 1.8, None, 2.), ''),           # to the end of the last frame
    (Coded('S', 'v', .1, None, 50.), 'from 0.1 to 50 s, and v from 0 to 2 s'),
    (Coded('S', 'v', 40., None, 50.), 'is it of another video'),
    (Coded('S', 'v', -.9, None, .3), 'from -0.9 to 0.3 s'),
    (Coded('S', 'v', .5, None, 1e300), 'is it of another video'),
    (Coded('S', 'v', .5, None, 1.2, frames=(15, None, 36)), ''),
    (Coded('S', 'v', .5, None, 3.2, frames=(15, None, 96)), 'frames 15 to 96'),
    (Coded('S', 'v', .025, None, .06, frames=(5, None, 12)),
     'counted at 200 frames a second, and v has 30')])
def test_an_interval_lies_in_its_video(row, words, tmp_path):
  make = lambda: annotations.manifest_rows(
      [row], tmp_path / 'clips.csv', subject='', video='', fps=None, dataset='',
      times_of=lambda *_: ([k / 30 for k in range(60)], 30., None))
  if not words:
    assert len(make()) == 1
    return
  with pytest.raises(InputError, match=words):
    make()


@pytest.mark.parametrize('text, parts', [
    ('micro; happy; 6+12', ('micro', 'happiness', '6+12')),
    ('Macro-expression', ('macro', '', '')), ('AU12', ('', '', 'AU12')),
    ('micro left brow happiness', ('micro', 'happiness', '')),
    ('micro left brow negative|positive', ('micro', '', '')),
    ('micro right mouth corner', ('micro', '', '')), ('', ('', '', '')),
    ('L4; micro; Others', ('micro', 'others', 'L4')),
    ('microscopic', ('', 'microscopic', ''))])
def test_values_of_annotations(text, parts):
  assert read_value(text) == parts


def test_what_elan_exports_as_text(tmp_path):
  path = tmp_path / 'coder.tsv'
  path.write_text(
      'Tier\tBegin Time - msec\tEnd Time - msec\tDuration - msec\tAnnotation\n'
      'expressions 0\t1000\t1400\t400\tmicro\nemotion 0\t1000\t1400\t400\tdisgust\n'
      'nobody\t0\t900\t900\tno face\n')
  row, = read_coding(path)
  assert row == Coded('', '', 1., None, 1.4, 'micro', 'disgust')
  path.write_text(path.read_text().replace('- msec', '- ss.msec'))
  assert read_coding(path)[0].offset_s == 1400.


def test_tables_in_seconds_and_in_frames(tmp_path):
  path = tmp_path / 'expressions.csv'
  path.write_text(','.join(writers.EXPRESSIONS) + '\n'
                  '0,30,36,42,1.0000,1.2000,1.4000,micro,negative|positive,1,1,nose,\n'
                  '1,60,66,90,2.0000,2.2000,3.0000,macro,surprise,1,1,nose,\n')
  rows = read_coding(path)
  assert rows == [Coded('0', '', 1., 1.2, 1.4, 'micro'),
                  Coded('1', '', 2., 2.2, 3., 'macro', 'surprise')]
  path.write_text('subject,path,onset,apex,offset,fps,label,kind\n'
                  'S1,a.mp4,60,,90,30,Sad,micro\n')
  row, = read_coding(path)
  assert row == Coded('S1', str(tmp_path / 'a.mp4'), 2., None, 3., 'micro', 'sadness',
                      '', (60, None, 90))


def test_tiers_that_are_written_are_read_again(elan, tmp_path, capsys):
  assert run('export', elan, '--out', tmp_path / 'tiers') == 0
  again = read_coding(tmp_path / 'tiers' / 'talk.eaf')
  before = read_coding(elan)
  assert [row._replace(video='', kind='') for row in again] == [
      row._replace(video='', kind='') for row in before]
  assert [row.kind for row in again] == [row.known_kind for row in before]


def test_intervals_that_overlap_lie_on_tiers_of_their_own():
  rows = [Coded('S', 'v', 1., 1.5, 2., 'macro', 'fear', '1+2'),
          Coded('S', 'v', 1.8, None, 2.2, 'micro', 'anger'),
          Coded('S', 'v', 2., None, 2.4, 'micro')]
  tiers, participants = annotations_command.tiers_of(rows)
  assert tiers['expressions S'] == [(1., 2., 'macro'), (2., 2.4, 'micro')]
  assert tiers['expressions S 2'] == [(1.8, 2.2, 'micro')]
  assert tiers['emotion S 2'] == [(1.8, 2.2, 'anger')]
  assert set(participants.values()) == {'S'}


# Agreement.


@pytest.mark.parametrize('counts, kappa', [
    ([[20, 5], [10, 15]], .4), ([[5, 0], [0, 5]], 1.), ([[0, 5], [5, 0]], -1.),
    ([[25, 25], [25, 25]], 0.), ([[7, 0], [0, 0]], None), ([[0, 0], [0, 0]], None)])
def test_kappa_by_hand(counts, kappa):
  value = agreement.cohen_kappa(np.array(counts))
  assert value == (None if kappa is None else pytest.approx(kappa))


def test_kappa_is_that_of_scikit_learn():
  rng = np.random.default_rng(0)
  first, second = rng.integers(0, 4, (2, 60))
  counts = metrics.confusion_matrix(first, second)
  assert agreement.cohen_kappa(counts) == pytest.approx(
      metrics.cohen_kappa_score(first, second))


def coding(*rows):
  return [Coded('', '', *row) for row in rows]


def test_agreement_by_hand():
  first = coding((1., 1.2, 1.4, 'micro', 'happiness', '6+12'),
                 (3., 3.5, 5., 'macro', 'disgust', '4+9'),
                 (6., None, 6.4, 'micro', 'disgust', '4'),
                 (9., 9.1, 9.3, 'micro', 'fear', ''))
  second = coding((1.02, 1.19, 1.45, 'micro', 'happiness', '12'),
                  (3., 3.6, 4.9, 'micro', 'happiness', '4+9'),
                  (6., 6.2, 6.4, 'micro', 'disgust', '4'),
                  (7., None, 7.2, 'micro', 'surprise', '1'))
  result = agreement.agree(first, second)
  assert (result['matched'], result['agreement']) == (3, .75)
  # happiness/happiness, disgust/happiness, disgust/disgust: chance (1*2 + 2*1)/9.
  assert result['classes']['kappa'] == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
  assert result['kinds'] == pytest.approx(0.)
  each = result['units']['each']
  assert each[4] == each[9] == each[12] == 1. and each[6] == 0.
  assert 1 not in each
  errors = result['errors']
  assert errors['onset'] == {'pairs': 3, 'mean_ms': pytest.approx(20 / 3),
                             'absolute_ms': pytest.approx(20 / 3)}
  assert errors['offset']['mean_ms'] == pytest.approx(-50 / 3)
  assert errors['offset']['absolute_ms'] == pytest.approx(50.)
  # One of them coded no apex.
  assert errors['apex'] == {'pairs': 2, 'mean_ms': pytest.approx(45.),
                            'absolute_ms': pytest.approx(55.)}


def named(*labels):
  """Intervals of these labels, a second apart."""
  return [Coded('', '', n, None, n + .4, 'micro', label)
          for n, label in enumerate(labels)]


def test_emotions_of_one_and_classes_of_the_other_are_compared_as_classes():
  coder = named('happiness', 'disgust', 'surprise', 'repression', 'contempt', 'others')
  program_says = named('positive', 'negative', 'surprise', 'negative', 'positive',
                       'negative')
  for one, other in ((coder, program_says), (program_says, coder)):
    result = agreement.agree(one, other)
    # 4 of 6 agree; by chance (positive 1 * 2, negative 3 * 3, surprise 1 * 1) / 36.
    assert result['classes']['kappa'] == pytest.approx((4 / 6 - 12 / 36) / (24 / 36))
    assert result['classes']['each']['surprise'] == 1.
    assert set(result['classes']['each']) == {'negative', 'positive', 'surprise',
                                              'others'}
    remark, = result['remarks']
    assert remark == (
        'emotions are compared as the classes of MEGC2019, for classes are named, '
        'too: contempt, disgust, repression as negative, happiness as positive; no '
        'class there has others, which stays as it is')
  # A coding that is corrected in part names both.
  assert agreement.agree(named('positive', 'disgust'), named('happiness', 'disgust'))[
      'classes']['kappa'] == 1.
  # Where both name emotions, these are what is compared.
  both = agreement.agree(coder, named(*['happiness', 'fear'] * 3))
  assert both['remarks'] == [] and 'fear' in both['classes']['each']


def test_words_that_do_not_meet_have_no_kappa():
  result = agreement.agree(named('joy', 'II'), named('happiness', 'positive'))
  assert result['classes'] == {'intervals': 2, 'kappa': None, 'each': {}}
  assert result['remarks'][-1] == (
      "no kappa of classes: the first coding names 'II', 'joy' and the second "
      "'positive', which have no word in common")
  # One vocabulary, and no agreement.
  assert agreement.agree(named('fear'), named('anger'))['classes']['kappa'] == 0.


def test_a_manifest_of_classes_and_emotions_says_which_is_which(tmp_path, capsys):
  path = tmp_path / 'coded.csv'
  path.write_text('onset_s,offset_s,subject,video,label\n1,1.3,S,v,positive\n'
                  '2,2.3,S,v,happy\n3,3.3,S,v,positive\n4,4.2,S,v,surprise\n')
  assert run('import', path, '--out', tmp_path / 'clips.csv') == 0
  assert ('classes (positive 2) and emotions (happiness 1): they would train as '
          'different classes') in capsys.readouterr().out
  path.write_text(path.read_text().replace('positive', 'sad'))
  assert run('import', path, '--out', tmp_path / 'clips.csv') == 0
  assert 'emotions' not in capsys.readouterr().out


def test_coders_and_the_program_side_by_side(elan, tmp_path, capsys):
  table = tmp_path / 'expressions.csv'
  table.write_text('onset_s,apex_s,offset_s,kind\n1.1,1.2,1.4,micro\n')
  assert run('agree', elan, elan, table) == 0
  lines = capsys.readouterr().out.splitlines()
  matched = [line for line in lines if 'matched of' in line]
  assert [line.split()[1] for line in matched] == ['3', '1', '1']
  assert sum(line.startswith('  onset: +100 ms') for line in lines) == 2
  assert run('agree', elan, table, '--json') == 0
  result, = json.loads(capsys.readouterr().out)
  assert result['classes']['kappa'] is None


def test_videos_go_by_the_names_of_their_files():
  rows = [Coded('', f'x/{name}.mp4', 1., None, 2.) for name in 'ab']
  others = [Coded('', f'y\\{name}.MP4', 1., None, 2.) for name in 'ba']
  assert agreement.match_codings(rows, others) == [(0, 1), (1, 0)]
  assert agreement.agree(rows, others)['remarks'] == []
  assert agreement.agree(rows[:1], [others[0]])['remarks'] == [
      "the one is of the video 'a' and the other of 'b': they are compared as two "
      'codings of one video']
  remark, = agreement.agree(rows, others[:1])['remarks']
  assert remark.startswith('1 of the videos are in the first coding alone (a): ')
  with pytest.raises(InputError, match='no video in common: a, b; c, d'):
    agreement.agree(rows, [row._replace(video=row.video.replace('a', 'c').replace(
        'b', 'd')) for row in rows])


@pytest.mark.parametrize('name, text, why', [
    ('a.eaf', 'no xml', 'cannot be read as a file of ELAN'),
    ('a.csv', 'subject,onset\nS,1\n', 'no header row with the columns onset, offset'),
    ('a.csv', 'onset,offset\n1,9\n', 'row 2: it counts frames; add a column fps'),
    ('a.csv', 'onset,offset,fps\n9,1,30\n', 'row 2: onset, apex and offset are not in'),
    ('a.csv', 'onset,offset,fps\nx,1,30\n', "row 2: onset is 'x'"),
    ('a.csv', 'onset_s,offset_s,kind\n1,2,big\n', "row 2: kind is 'big'"),
    ('a.csv', 'onset_s,offset_s\n', 'holds no interval'),
    ('a.csv', 'onset_s,offset_s\n1,2\n', 'does not say who is seen: give --subject'),
    ('a.csv', 'onset_s,offset_s,subject\n1,2,S\n', 'which video it is of: give --vid'),
    ('a.csv', 'onset_s,offset_s,subject,video\n1,2,S,v\n1,3,S,v\n',
     '2 intervals are S/v_30'),
    ('a.csv', 'onset,offset,fps,subject,video\n290,301,30,S,v\n',
     'the last frame of'),
    ('a.tsv', 'Tier\tBegin Time - msec\tEnd Time - msec\tAnnotation\nfoo\t1\t2\tx\n',
     "name one of 'foo' with --tier")])
def test_what_cannot_be_read_says_why(name, text, why, tmp_path, capsys):
  (tmp_path / name).write_text(text)
  assert run('import', tmp_path / name, '--out', tmp_path / 'clips.csv') == 2
  error = capsys.readouterr().err
  assert why in error and error.count('\n') == 1 and '[E' in error
  assert not (tmp_path / 'clips.csv').exists()


def test_a_tier_that_is_not_there_is_named_with_those_that_are(elan, capsys):
  assert run('agree', elan, elan, '--tier', 'Brows') == 2
  assert "no tier 'Brows' with annotations; it has 'Expressions'" in (
      capsys.readouterr().err)
