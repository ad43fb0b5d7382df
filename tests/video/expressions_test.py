"""From a video file to tables, tiers and a page, and the command that does it."""

import csv
import json
import os
import re
import signal
import time
import types
from xml.etree import ElementTree

import markupsafe
import numpy as np
import pympi
import pytest

import lightman_jax as lm
from lightman_jax.errors import InputError
from lightman_jax.evaluation import attribution
from lightman_jax.faces import landmarks
from lightman_jax.faces.landmarks import face_regions
from lightman_jax.video import (
  annotated,
  command,
  decoding,
  expressions,
  measurement,
  motion,
  page,
  reading,
  spotting,
  writers,
)
from tests.video.conftest import SIZE, copy, write_video
from tests.video.reading_test import turn_on_display


class Chance:
  """A model that has seen two people, and does not know what it sees."""
  classes = ('negative', 'positive', 'surprise')
  about = {'frames': 3, 'size': 28, 'rate': {'least': 25., 'most': 60.},
           'seen': [['lab', 'ann']], 'settings': {
               'method': {'name': 'chance'}, 'data': {'name': 'lab'}},
           'classes': ('negative', 'positive', 'surprise'), 'calibration': None,
           'expect': None, 'remarks': ['it does not know'], 'licences': []}

  def __init__(self):
    self.asked = []

  explains = True

  def explain_frames(self, frames, **clip):
    """Left mouth corner, where it is deleted alone does the score fall."""
    mouth = face_regions(14, 14)['left mouth corner']
    return attribution.Attribution(
        ('positive',), np.ones(1), mouth[None] * 1., mouth[None] * .5,
        ('left mouth corner',), np.array([.9]), np.array([.2]), True)

  def predict_frames(self, frames, *, onset, apex, offset, landmarks):
    assert landmarks.shape == (offset + 1, 68, 2)
    pictures = [frames(number) for number in (onset, apex, offset)]
    self.asked.append((onset, apex, offset, pictures))
    return Answer(np.zeros((1, 3)), np.array([[.2, .5, .3]]), ('positive',),
                  [('negative', 'positive', 'surprise')])


class Answer(expressions.NamedTuple):
  """As a model gives it."""
  logits: np.ndarray
  probabilities: np.ndarray
  classes: tuple
  sets: list


@pytest.fixture(scope='module')
def folder(tmp_path_factory, drawn):
  """The drawn video as a folder of pictures, and its landmarks."""
  import cv2
  place = tmp_path_factory.mktemp('video') / 'me'
  place.mkdir()
  points = []
  for shot in drawn:
    cv2.imwrite(str(place / f'{shot.number:05d}.png'), shot.picture[..., ::-1],
                [cv2.IMWRITE_PNG_COMPRESSION, 1])
    points.append(shot.landmarks)
  return place, np.array(points)


@pytest.fixture(scope='module')
def made(folder):
  place, points = folder
  return lm.predict_video(place, Chance(), fps=30., landmarks=points)


@pytest.fixture(scope='module')
def quiet(made):
  """The same video, had nothing been spotted in it."""
  people = {0: made.people[0]._replace(expressions=[])}
  return made._replace(rows=[], people=people)


def test_a_video_becomes_its_expressions(made, drawn):
  truth = drawn.truth()
  assert [e.kind for e in made.expressions] == ['micro', 'micro']
  for e, true in zip(made.expressions, truth):
    assert abs(e.apex_frame - true.apex_frame) <= 2
    assert e.region in motion.REGIONS and e.strength > .5
  assert len(made.frames.frame) == len(drawn) == made.facts['decoded']
  assert made.people[0].count('micro') == '2'


def test_each_interval_is_recognised_on_its_own_frames(folder, drawn, made,
                                                       monkeypatch):
  place, points = folder
  model, walks = Chance(), []

  def open_video(*arguments, numbers=None, **options):
    walks.append(numbers)
    return reading.open_video(*arguments, numbers=numbers, **options)
  monkeypatch.setattr(expressions, 'open_video', open_video)
  again = lm.predict_video(place, model, fps=30., landmarks=points, pictures=True)
  assert again.expressions == made.expressions
  # The model and the page share one more walk, and few frames of it become pictures.
  wanted = {number for e in made.expressions
            for number in (e.onset_frame, e.apex_frame, e.offset_frame)}
  assert walks == [None, wanted]
  assert set(again.pictures) == {
      (0, number) for e in made.expressions for number in (e.onset_frame, e.apex_frame)}
  assert page.render(again).count('data:image/png') == 6
  for (onset, apex, offset, pictures), e in zip(model.asked, made.expressions):
    assert (onset, apex, offset) == (
        0, e.apex_frame - e.onset_frame, e.offset_frame - e.onset_frame)
    for picture, number in zip(pictures, (e.onset_frame, e.apex_frame, e.offset_frame)):
      np.testing.assert_array_equal(picture, drawn.shot(number).picture)
  assert all(row.classes == Chance.classes for row in made.rows)
  assert made.rows[0].probabilities == {'negative': .2, 'positive': .5, 'surprise': .3}


def test_no_class_is_named_unasked_and_faces_are_kept_as_asked(folder, drawn):
  place, points = folder
  plain = lm.predict_video(place, fps=30., landmarks=points[:60], end=1.5,
                           pictures=True)
  assert plain.classes == () and all(row.probabilities is None for row in plain.rows)
  assert len(plain.pictures) == 2 * len(plain.rows) > 0
  for (_, number), picture in plain.pictures.items():
    shot, goal = drawn.shot(number), landmarks.canonical_landmarks(160)
    own, = landmarks.warp_frames(
        shot.picture[None], landmarks.fit_similarity(shot.landmarks, goal), 160)
    assert np.abs(own.astype(int) - picture).mean() < 4.


def test_a_part_of_a_video_has_the_rows_of_the_whole(folder, made):
  place, points = folder
  part = lm.predict_video(place, fps=30., landmarks=points, start=1.5, end=3.)
  inside = (made.frames.time >= 1.5) & (made.frames.time < 3.)
  np.testing.assert_array_equal(part.frames.frame, made.frames.frame[inside])
  np.testing.assert_array_equal(part.frames.time, made.frames.time[inside])
  # The filter of landmarks begins where reading does.
  np.testing.assert_allclose(part.frames.landmarks, made.frames.landmarks[inside],
                             atol=.02)


def test_a_video_on_its_side_has_the_table_of_the_upright_one(tmp_path, drawn, folder):
  """Encoded without a loss, and without colours that pixels share."""
  pictures = [drawn.shot(number).picture for number in range(45)]
  tables = []
  for degrees in (0, 270):
    path = write_video(tmp_path / f'{degrees}.mp4', [
        np.rot90(picture, degrees // 90) for picture in pictures], rate=30, crf=0,
        pix_fmt='yuv444p')
    if degrees:
      turn_on_display(path, degrees)
    tables.append(lm.predict_video(path, landmarks=folder[1]))
  upright, turned = tables
  assert turned.facts['rotation'] and not upright.facts['rotation']
  assert len(upright.rows) == 1 and [e[:6] for e in turned.expressions] == [
      e[:6] for e in upright.expressions]
  for name, column in upright.frames._asdict().items():
    other = getattr(turned.frames, name)
    if column.dtype.kind == 'f':       # a grey level of rounding
      np.testing.assert_allclose(other, column, atol=.05, err_msg=name)
    else:
      np.testing.assert_array_equal(other, column, err_msg=name)


def test_the_nine_in_ten_are_not_claimed_beyond_what_a_model_has_seen(made):
  e, spotted, table = made.expressions[0], made.people[0], made.frames
  at = np.arange(e.onset_frame, e.offset_frame)

  def doubts(**changes):
    return expressions.doubts_of(e, {**Chance.about, **changes}, spotted, table, at)
  assert doubts() == []
  assert '30 frames a second' in doubts(rate={'least': 150., 'most': 250.})[0]
  assert 'the model takes 500' in doubts(size=500)[0]
  # Drawn macro-expressions are of nobody who was held out.
  assert doubts(seen=[['lab', 'ann'], ['synthetic', 'sub01']]) == []
  assert doubts(settings={'data': {'name': 'synthetic'}}) == [
      'calibrated on synthetic people']
  assert expressions.doubts_of(e._replace(quality=.2), Chance.about, spotted, table,
                               at) == ['quality 0.20']


def test_tables_have_the_columns_they_state(tmp_path, made, quiet):
  writers.write_expressions(tmp_path / 'e.csv', made)
  with open(tmp_path / 'e.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert list(rows[0]) == [
      'person', 'onset_frame', 'apex_frame', 'offset_frame', 'onset_s', 'apex_s',
      'offset_s', 'kind', 'set', 'p_negative', 'p_positive', 'p_surprise', 'strength',
      'quality', 'region', 'doubts']
  assert rows[0]['set'] == 'negative|positive|surprise'
  assert int(rows[0]['apex_frame']) == made.expressions[0].apex_frame
  writers.write_expressions(tmp_path / 'none.csv', quiet)
  assert (tmp_path / 'none.csv').read_text() == ','.join(rows[0]) + '\n'
  writers.write_frames(tmp_path / 'f.csv', made)
  with open(tmp_path / 'f.csv', newline='') as file:
    frames = list(csv.DictReader(file))
  assert list(frames[0]) == list(writers.FRAMES)
  assert [int(row['frame']) for row in frames] == list(range(len(made.frames.frame)))
  assert {row['looked_at'] for row in frames} == {'1'}
  columns = writers.EXPRESSIONS | writers.FRAMES
  assert all(len(words) > 3 for words in columns.values())


def test_what_was_not_looked_at_says_why_in_every_file(tmp_path, made):
  table = copy(made.frames, reason=np.where(
      made.frames.frame < 40, 'blurred', made.frames.reason))
  hidden = made._replace(frames=table, remarks=expressions.remarks_on(
      table, made.people))
  writers.write_frames(tmp_path / 'f.csv', hidden)
  with open(tmp_path / 'f.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert len(rows) == len(table.frame)
  assert rows[0]['reason'] == 'blurred' and rows[0]['looked_at'] == '0'
  assert rows[0]['chin_x'] == '' and rows[40]['chin_x'] != ''
  person, = writers.as_json(hidden)['people']
  assert person['not_looked_at'] == [
      {'start_s': 0., 'end_s': 1.3, 'reason': 'blurred'}]
  assert '40 of 150 frames are not looked at: blurred' in hidden.remarks
  assert 'blurred' in page.render(hidden)
  assert ('not looked at 0', [(0., 1.3, 'blurred')]) in writers.tiers_of(
      hidden).items()


def test_json_is_plain_and_holds_everything(tmp_path, made):
  writers.write_json(tmp_path / 'e.json', made)
  content = json.loads((tmp_path / 'e.json').read_text())
  assert len(content['expressions']) == 2 and content['limits'] == expressions.LIMITS
  assert content['expressions'][0]['set'] == list(Chance.classes)
  assert content['people'][0]['micro'] == '2'
  assert set(content['people'][0]['threshold']) == set(motion.REGIONS)


def test_what_carried_an_answer_stands_on_the_page_and_in_json(made, quiet):
  by, = {row.carried_by.region for row in made.rows}
  assert by == 'left mouth corner'
  map_ = made.rows[0].carried_by.maps['gradients']
  assert map_.shape == (7, 7)
  # A cell of the mouth's row, at the picture's left.
  assert map_[5, 2] == 1. and map_[:, 4:].max() == 0. and map_[:4].max() == 0.
  text = page.render(made)
  assert 'What carried positive most: left mouth corner' in text
  assert 'takes 0.90 from the logit' in text and 'says little' not in text
  assert text.count('a map over a drawn face') == 4
  weak = made._replace(rows=[made.rows[0]._replace(
      carried_by=made.rows[0].carried_by._replace(change=.1))])
  assert 'no more than chance' in page.render(weak)
  written = writers.as_json(made)['expressions'][0]['carried_by']
  assert (written['region'], written['change'], written['random_change']) == (
      'left mouth corner', .9, .2)
  unasked = made._replace(rows=[expressions.Recognised(made.expressions[0])])
  assert writers.as_json(unasked)['expressions'][0]['carried_by'] is None
  assert 'What carried' not in page.render(unasked)


def test_actions_of_dere_grl_are_drawn_as_a_run_draws_them(made):
  actions = {'logit': 1., 'bias': 0., 'parts': np.eye(8, 5).tolist(),
             'relations': np.zeros((8, 8)).tolist(), 'weights': []}
  by = expressions.CarriedBy('positive', '', None, None, {}, actions)
  one = made._replace(rows=[made.rows[0]._replace(carried_by=by)])
  text = page.render(one)
  assert 'actions that spoke for positive' in text and 'A1' in text
  assert not re.search(r'<script|https?://', text)
  assert writers.as_json(one)['expressions'][0]['carried_by']['logit'] == 1.


def test_elan_reads_the_tiers(tmp_path, made):
  writers.write_eaf(tmp_path / 'e.eaf', made)
  tiers = pympi.Elan.Eaf(str(tmp_path / 'e.eaf'))
  spans = sorted(tiers.get_annotation_data_for_tier('expressions 0'))
  assert [(a, b) for a, b, *_ in spans] == [
      (round(1000 * e.onset_s), round(1000 * e.offset_s)) for e in made.expressions]
  assert spans[0][2].startswith('micro ')
  assert {'apex 0', 'other motion 0', 'not looked at 0', 'nobody'} <= set(
      tiers.get_tier_names())


def test_tiers_are_as_elans_schema_has_them(tmp_path, made):
  """What EAFv3.0.xsd asks for: the order of elements, and references that exist."""
  writers.write_eaf(tmp_path / 'e.eaf', made)
  root = ElementTree.parse(tmp_path / 'e.eaf').getroot()
  order = ['HEADER', 'TIME_ORDER', 'TIER', 'LINGUISTIC_TYPE']
  places = [order.index(child.tag) for child in root]
  assert places == sorted(places) and set(places) == {0, 1, 2, 3}
  assert {'AUTHOR', 'DATE', 'FORMAT', 'VERSION'} <= set(root.attrib)
  slots = {slot.get('TIME_SLOT_ID'): int(slot.get('TIME_VALUE'))
           for slot in root.iter('TIME_SLOT')}
  types = {one.get('LINGUISTIC_TYPE_ID') for one in root.iter('LINGUISTIC_TYPE')}
  names = [one.get('ANNOTATION_ID') for one in root.iter('ALIGNABLE_ANNOTATION')]
  assert len(names) == len(set(names)) > 4
  for tier in root.iter('TIER'):
    assert tier.get('LINGUISTIC_TYPE_REF') in types
    end_before = 0
    for span in tier.iter('ALIGNABLE_ANNOTATION'):
      start, end = (slots[span.get(f'TIME_SLOT_REF{k}')] for k in (1, 2))
      assert end_before <= start < end
      end_before = end


def test_the_page_needs_nothing_beside_it_and_shows_no_face_unasked(made, quiet):
  text = page.render(made)
  assert markupsafe.escape(expressions.LIMITS) in text
  assert not re.search(r'<script|https?://|<link|@import', text)
  assert 'data:image' not in text and text.count('<article') == 2
  assert 'the model does not know' in text
  empty = page.render(quiet)
  assert 'That is not to say that there was none' in empty


def test_what_is_known_of_a_file_is_in_words():
  known = decoding.Facts('in/a film.mp4', codec='h264', width=640, height=480,
                         rotation=90, stated_rate=29.97, decoded=21, gaps=[(.5, .75)],
                         lost=1, missing=.25, finished=True)
  raw = expressions.facts_of(types.SimpleNamespace(facts=known))
  assert set(raw) == set(page._FACTS)           # a new one needs its words
  shown = page.describe_facts(raw)
  assert not set(raw) & set(shown) - {'codec', 'width', 'height', 'remarks'}
  assert shown['turned upright by'] == '90 degrees, counterclockwise'
  assert shown['where they are'] == '0.500 to 0.750 s'
  assert shown['width'] == '640 pixels' and shown['read to its end'] == 'yes'
  assert shown['frames a second, as the header states'] == '29.97'
  assert 'length, as the header states' not in shown           # it does not


def test_the_page_never_says_nothing_where_nobody_was_looked_at(made):
  table = copy(made.frames, person=np.full(len(made.frames.frame), -1),
               reason=np.full(len(made.frames.frame), 'no face', object))
  nobody = made._replace(frames=table, rows=[], people={},
                         remarks=expressions.remarks_on(table, {}))
  text = page.render(nobody)
  assert 'No face was looked at' in text and 'no face' in text
  assert 'No expression was spotted' not in text


def test_names_and_reasons_cannot_break_the_page(made):
  odd = made._replace(video='/tmp/<script>alert(1)</script>.mp4',
                      remarks=['<img src=x onerror=y>'])
  text = page.render(odd)
  assert '<script>' not in text and '<img src=x' not in text


def test_the_annotated_picture_names_what_is_shown(made, drawn):
  e = made.expressions[0]
  shot = drawn.shot(e.apex_frame)
  drawn_over = annotated.annotate(shot.picture, made, [e.apex_frame], e.apex_s)
  assert drawn_over.shape == shot.picture.shape
  assert (drawn_over != shot.picture).any(-1).mean() > .005
  words, _ = annotated._words(made, 0, e.apex_s)
  assert words.startswith(f'micro {e.region}')


def test_the_video_with_boxes_is_as_long_as_what_was_looked_at(tmp_path, made):
  av = pytest.importorskip('av')
  annotated.write_annotated(tmp_path / 'a.mp4', made, fps=30.)
  with av.open(str(tmp_path / 'a.mp4')) as file:
    times = [float(frame.time) for frame in file.decode(video=0)]
  assert len(times) == len(made.frames.frame)
  assert times[75] == pytest.approx(2.5, abs=.002)


# The command.


@pytest.fixture
def known(monkeypatch, folder):
  """The command with known landmarks, as `--landmarks` gives them."""
  monkeypatch.setattr(command, '_landmarks', lambda options: folder[1])
  return folder[0]


def run(*arguments):
  return command.predict([str(a) for a in arguments])


def test_the_command_writes_all_files_and_says_what_it_saw(tmp_path, known, capsys):
  out = tmp_path / 'out'
  assert run(known, '--fps=30', f'--out={out}', '--landmarks=x') == 0
  assert {path.name for path in (out / 'me').iterdir()} == {
      'expressions.csv', 'expressions.json', 'expressions.eaf', 'frames.csv',
      'page.html'}
  printed = capsys.readouterr().out
  assert 'micro-expressions 2' in printed and 'quieter half' in printed
  with open(out / 'videos.csv', newline='') as file:
    row, = csv.DictReader(file)
  assert (row['micro'], row['frames']) == ('2', '150')
  assert row['message'] == 'frame 0 is 00000.png'
  # Classes are not named by a model of drawn faces unasked.
  header = (out / 'me' / 'expressions.csv').read_text().splitlines()[0]
  assert 'p_' not in header
  assert 'data:image' not in (out / 'me' / 'page.html').read_text()


def test_one_bad_file_stops_nothing_and_has_its_line(tmp_path, known, capsys):
  bad = tmp_path / 'bad.mp4'
  bad.write_bytes(b'')
  out = tmp_path / 'out'
  assert run(bad, known, '--fps=30', f'--out={out}', '--landmarks=x', '--end=1') == 1
  with open(out / 'videos.csv', newline='') as file:
    first, second = csv.DictReader(file)
  assert 'empty (0 bytes)' in first['message'] and first['micro'] == ''
  assert first['folder'] == '' and second['folder'] == 'me'
  assert second['frames'] == '30'
  said = capsys.readouterr().err
  assert 'bad.mp4' in said and '[E801]\n' in said
  assert first['message'].endswith('[E801]')
  assert run(bad, f'--out={out}', '--landmarks=x') == 2


def test_a_video_without_a_face_is_no_failure(tmp_path, folder, monkeypatch, capsys):
  place, points = folder
  monkeypatch.setattr(command, '_landmarks', lambda options: np.full_like(
      points, np.nan))
  out = tmp_path / 'out'
  assert run(place, '--fps=30', f'--out={out}', '--landmarks=x', '--end=2') == 0
  assert len((out / 'me' / 'expressions.csv').read_text().splitlines()) == 1
  printed = capsys.readouterr().out
  assert 'no face was looked at' in printed and '0' not in re.findall(
      r'micro-expressions (\d+)', printed)
  with open(out / 'videos.csv', newline='') as file:
    row, = csv.DictReader(file)
  assert row['micro'] == 'not looked at' and '60 of 60' in row['message']


def test_who_comes_later_is_looked_at_from_then_on(tmp_path, folder, monkeypatch):
  place, points = folder
  late = points.copy()
  late[:20] = np.nan
  monkeypatch.setattr(command, '_landmarks', lambda options: late)
  out = tmp_path / 'out'
  assert run(place, '--fps=30', f'--out={out}', '--landmarks=x', '--end=1') == 0
  with open(out / 'me' / 'frames.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert [row['reason'] for row in rows] == ['no face'] * 20 + [''] * 10
  content = json.loads((out / 'me' / 'expressions.json').read_text())
  assert content['people'][0]['not_looked_at'] == [
      {'start_s': 0., 'end_s': pytest.approx(19 / 30, abs=1e-3), 'reason': 'no face'}]
  assert '0.00 to 0.63 s: no face' in (out / 'me' / 'page.html').read_text()


@pytest.mark.parametrize('arguments, sentence', [
    ((), 'name one or more videos'),
    (('a.mp4', '--baseline=10'), 'give its start and end'),
    (('a.mp4', '--baseline=10:5'), 'the start must come before'),
    (('a.mp4', '--start=5', '--end=2'), 'is not before'),
    (('a.mp4', '--fps=0'), 'frames a second'),
    (('--clips=x.csv',), 'only with --emotions'),
    (('--clips=x.csv', '--emotions', '--start=3'), 'about videos'),
])
def test_what_cannot_be_is_refused_in_one_sentence(arguments, sentence, tmp_path,
                                                   capsys):
  assert run(*arguments, f'--out={tmp_path / "out"}') == 2
  printed = capsys.readouterr()
  assert sentence in printed.err and len(printed.err.strip().splitlines()) == 1
  assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('arguments, sentence', [
    (('a.mp4', '--model={tmp}'), 'model.json'),
    (('a.mp4', '--landmarks={tmp}/none.csv'), 'none.csv'),
    (('--clips={tmp}/none.csv', '--emotions'), 'none.csv'),
])
def test_what_is_refused_leaves_no_folder(arguments, sentence, tmp_path, capsys):
  assert run(*(one.format(tmp=tmp_path) for one in arguments),
             f'--out={tmp_path / "out"}') == 2
  assert sentence in capsys.readouterr().err
  assert not (tmp_path / 'out').exists()


def test_nobody_who_could_answer_is_asked(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(command.detection, 'has_graphs', lambda: False)
  monkeypatch.setattr(command.sys, 'stdin', None)
  (tmp_path / 'a.mp4').write_bytes(b'')
  assert run(f'{tmp_path}/a.mp4', f'--out={tmp_path / "out"}') == 2
  assert '--fetch' in capsys.readouterr().err and not (tmp_path / 'out').exists()


def test_a_signal_leaves_nothing_half_written(tmp_path, known, monkeypatch, capsys):
  def one_video(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
  monkeypatch.setattr(command, '_one_video', one_video)
  handler = signal.getsignal(signal.SIGTERM)
  out = tmp_path / 'out'
  assert run(known, '--fps=30', f'--out={out}', '--landmarks=x') == 130
  assert 'stopped' in capsys.readouterr().err and not out.exists()
  assert signal.getsignal(signal.SIGTERM) == handler


def test_the_face_model_is_offered_and_never_fetched_unasked(tmp_path, monkeypatch,
                                                             capsys):
  monkeypatch.setattr(command.detection, 'has_graphs', lambda: False)
  fetched = []
  monkeypatch.setattr(command.detection, 'fetch', lambda a: fetched.append(a) or 1)
  (tmp_path / 'a.mp4').write_bytes(b'')
  words = f'{tmp_path}/a.mp4', f'{tmp_path}/gone.mp4', f'--out={tmp_path / "out"}'
  assert run(*words) == 2
  assert '--fetch' in capsys.readouterr().err and not fetched
  # Where none is there, nothing has to be fetched to say so.
  assert run(*words[1:], '--fetch') == 2
  assert 'gone.mp4 is not there; give' in capsys.readouterr().err and not fetched
  assert run(*words, '--fetch') == 2
  assert fetched == [[]] and 'could not be downloaded' in capsys.readouterr().err


def test_clips_that_are_cut_already_are_recognised(tmp_path, folder, monkeypatch,
                                                   capsys):
  table = tmp_path / 'clips.csv'
  table.write_text(f'path,onset,apex,offset,note\n{folder[0]},3,7,12,\n'
                   f'missing,0,1,2,\n')

  class Known(Chance):
    def predict_frames(self, frames, *, onset, apex, offset):
      return super().predict_frames(frames, onset=onset, apex=apex, offset=offset,
                                    landmarks=np.zeros((offset + 1, 68, 2)))
  monkeypatch.setattr(command, 'model_of', lambda options: Known())
  monkeypatch.setattr(command, '_face_model', lambda options: None)
  assert run(f'--clips={table}', '--emotions', '--fps=30', f'--out={tmp_path}') == 1
  with open(tmp_path / 'predictions.csv', newline='') as file:
    first, second = csv.DictReader(file)
  assert (first['class'], first['p_positive'], first['message']) == (
      'positive', '0.5000', '')
  assert second['class'] == '' and second['message'].endswith('[E801]')
  for text, sentence in (('path,onset\n', 'no column apex'),
                         ('path,onset,apex,offset\n', 'names no clip'),
                         ('path,onset,apex,offset\na,1,b,3\n', "line 2: apex 'b'"),
                         ('path,onset,apex,offset\na,5,2,3\n', 'not in order')):
    table.write_text(text)
    with pytest.raises(InputError, match=sentence):
      command.read_clips(table)


def test_two_videos_of_one_name_have_two_folders():
  assert command.folder_names(['a/me.mp4', 'b/me.mp4', 'c/..', 'me-2.avi']) == [
      'me', 'me-2', 'video', 'me-2-2']


def test_progress_has_the_time_left(capsys, monkeypatch):
  times = iter([0., 10., 20., 60.])
  monkeypatch.setattr(command.clock, 'monotonic', lambda: next(times))
  show = command._progress('me.mp4')
  show('frames', .25)
  show('frames', .5)
  show('frames', .75)
  assert capsys.readouterr().err == (
      'me.mp4: frames 25%\nme.mp4: frames 75%, 17 s left\n')


def test_a_lamp_on_the_mains_makes_no_more_false_alarms():
  """Of 50 Hz, at 60 frames a second: bands of light run over the face."""
  from lightman_jax.synthetic import long
  from tests.video.conftest import faces_of
  beside = long.Disturbances(blinks=10., speech=0., turns=0., sway=.3)
  counts = {}
  for mains in (0., 50.):
    scene = long.plan_long(seed=41, seconds=3., micro=0., macro=0.,
                           disturbances=beside._replace(mains=mains))
    video = long.LongVideo(scene, fps=60., face_size=100, shape=(124, 124))
    table, size = measurement.measure(faces_of(video))
    counts[mains] = len(spotting.find_expressions(
        measurement.signals_of(table, 0), size=size).expressions)
  assert counts[50.] <= counts[0.] == 0
  assert size == SIZE
