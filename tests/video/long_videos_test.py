"""Long videos: what is coded in them, whose settings are used, and what is written."""

import csv
import dataclasses
import json
import sys
import types

import numpy as np
import pytest

from lightman_jax import __main__ as program
from lightman_jax.data.choice import choose
from lightman_jax.errors import InputError
from lightman_jax.synthetic import scenes
from lightman_jax.synthetic.replicas import (
    casme_squared,
    draw,
    samm,
    smic,
    videos,
    write,
)
from lightman_jax.video import intervals, long_videos, motion
from lightman_jax.video.intervals import Interval
from lightman_jax.video.measurement import FrameTable
from lightman_jax.video.spotting import Expression

BROW = motion.REGIONS.index('left brow')


def tree(root, folder, pattern, numbers):
  """A folder of frames that nobody opens."""
  place = root / folder
  place.mkdir(parents=True)
  for number in numbers:
    (place / pattern.format(number)).touch()


def collection(root, name, **others):
  return long_videos.recordings_on_disk(choose(
      {'name': name, 'manual_dir': str(root), **others}))


def test_casme_squared_has_all_expressions_of_a_video(tmp_path):
  every = casme_squared.clips()
  films = casme_squared.REPLICA.films(every, 'raw')
  # Two videos: one with a row whose apex is behind its offset, one that is misfiled.
  folders = {next(film.folder for film in films
                  if (film.clip.subject, film.clip.name) == row)
             for row in (('27', 'disgust1_5'), ('23', 'happy1_1'))}
  clips = tuple(film.clip for film in films if film.folder in folders)
  write.write_book(tmp_path, casme_squared.REPLICA.books(clips)['updated'][0], 'xlsx')
  for folder in folders:
    tree(tmp_path / 'rawpic', folder, casme_squared.PATTERN, range(3, 9))
  (tmp_path / 'rawpic' / 's23').mkdir()
  result = collection(tmp_path, 'casme_squared')
  by_video = {(one.subject, one.video): one for one in result.recordings}
  assert set(by_video) == {('s27', '27_0101'), ('s23', '23_0502')}
  rows = [one for recording in result.recordings for one in recording.truth]
  assert {(one.onset, one.offset, one.type) for one in rows} == {
      (clip.onset, clip.cells('offset')[0] or clip.apex, clip.kind) for clip in clips}
  assert all(one.first == 3 and one.fps == 30. for one in result.recordings)
  assert {one.emotion for one in rows} <= {'negative', 'positive', 'surprise', 'others'}


def test_smic_has_all_events_of_a_recording_and_names_what_is_absent(tmp_path):
  names = ('s3_ne_21', 's8_ne_05', 's3_ne_03', 's1_ne_01')
  clips = tuple(clip for clip in smic.long_clips()
                if clip.part == 'HS' and clip.name in names)
  write.write_book(tmp_path, smic.LONG_REPLICA.books(clips)['HS-E'][0], 'xlsx')
  for clip in clips:
    if clip.name != 's3_ne_03':
      first = clip.overrides['first']
      tree(tmp_path / 'HS_long/SMIC_HS_E', f's{int(clip.subject):02d}/{clip.name}',
           'image{}.jpg', range(first, first + 4))
  result = collection(tmp_path, 'smic_long')
  truth = {one.video: [(row.onset, row.offset) for row in one.truth]
           for one in result.recordings}
  assert {name: len(rows) for name, rows in truth.items()} == {
      's1_ne_01': 1, 's3_ne_21': 3, 's8_ne_05': 2}
  for clip in clips:
    if clip.name in truth:
      cells = clip.overrides
      assert truth[clip.name] == [(clip.onset, clip.offset), *(
          (cells[f'onset{k}'], cells[f'offset{k}']) for k in (2, 3)
          if cells[f'onset{k}'] != '')]
  assert result.kinds == ('micro',)
  lines = '\n'.join(result.remarks)
  assert 'left out: s03, video s3_ne_03, with 1 coded expressions: ' in lines
  assert 'codes no macro-expressions' in lines


def test_samm_has_no_emotions_and_no_videos_is_a_sentence(tmp_path):
  clips = tuple(clip for clip in samm.long_clips() if clip.subject in ('006', '6'))
  write.write_book(tmp_path, samm.LONG_REPLICA.books(clips)['v2'][0], 'xlsx')
  tree(tmp_path / 'SAMM_longvideos', '099_1', '099_1_{:04d}.jpg', [1])
  with pytest.raises(InputError, match='samm_long: none of [0-9] coded videos lies in'):
    collection(tmp_path, 'samm_long')
  video = clips[0].name.rpartition('_')[0]
  tree(tmp_path / 'SAMM_longvideos', video, video + '_{:04d}.jpg', range(1, 4))
  recording, = collection(tmp_path, 'samm_long').recordings
  assert recording.video == video and recording.fps == 200.
  assert {one.emotion for one in recording.truth} == {''}


# Rendered videos, and replicas of whole videos.


def test_landmarks_of_a_rendered_video_are_those_of_the_frame_that_was_read():
  result = long_videos.rendered_recordings(people=1, seconds=4., fps=1., seed=3)
  recording, = result.recordings
  assert {one.type for one in recording.truth} == {'micro'}
  numbers = []
  for frame in recording.read():
    assert list(recording.landmarks) == [frame.number]
    points = recording.landmarks[frame.number]
    assert points.shape == (68, 2) and np.isfinite(points).all()
    numbers.append(frame.number)
  assert numbers == [0, 1, 2, 3]
  again, = long_videos.rendered_recordings(
      people=1, seconds=4., fps=1., seed=3).recordings
  other, = long_videos.rendered_recordings(
      people=1, seconds=4., fps=1., seed=4).recordings
  assert again.mark == recording.mark != other.mark


def test_a_replicas_video_has_its_expressions_at_the_frames_of_the_sheet():
  clips = [draw.Clip('15', 'anger1_1', 100, 108, 115, 'negative'),
           draw.Clip('15', 'anger1_2', 160, 170, 200, 'positive', kind='macro')]
  first, last = videos._span(clips, 30)
  assert (first, last) == (70, 230)
  scene = videos._scene(clips, first, last, 30., 'x:0/s15/a')
  assert [(e.kind, scenes.CLASS_OF[e.emotion]) for e in scene.expressions] == [
      ('micro', 'negative'), ('macro', 'positive')]
  for e, clip in zip(scene.expressions, clips):
    assert [round(30 * t) + first for t in (e.onset, e.apex, e.offset)] == [
        clip.onset, clip.apex, clip.offset]
  same = videos._scene(clips, first, last, 30., 'x:0/s15/b')
  assert same.seed == scene.seed and same.blinks != scene.blinks


def test_whole_videos_are_of_as_many_people_as_can_be():
  films = [draw.Film(draw.Clip(person, 'c', 1, 2, 3, ''), folder, '{}.jpg')
           for person, folder in (('1', 'a'), ('1', 'b'), ('1', 'a'), ('2', 'c'))]
  assert [film.folder for film in videos.films_of_videos(films, 2)] == ['a', 'a', 'c']


def test_whole_videos_are_of_long_sets_alone(tmp_path):
  with pytest.raises(InputError, match='whole videos are drawn of casme_squared'):
    write.write_replica('casme2', tmp_path / 'x', videos=1)
  assert not (tmp_path / 'x').exists()


@pytest.mark.slow
def test_a_replica_is_written_and_spotted(tmp_path, capsys):
  place, out = tmp_path / 'data', tmp_path / 'out'
  count = write.write_replica('casme_squared', place, videos=2, size=(160, 124))
  words = ['spotting', 'casme_squared', '--manual_dir', str(place), '--landmarks',
           str(place / 'landmarks.csv'), '--out', str(out)]
  assert program.main(words) == 0
  truth = intervals.read_intervals(out / 'truth.csv')
  assert len(truth) == count and len({one.subject for one in truth}) == 2
  first = capsys.readouterr().out
  scored = json.loads((out / 'scores.json').read_text())
  assert scored['rows']['pooled']['f1'] > .5
  # The second start measures nothing, and scores the same.
  assert program.main(words) == 0
  assert capsys.readouterr().out == first


# Settings, and the command.


def recording(subject, *truth, video='v'):
  return long_videos.Recording(
      subject, video, 100., 10, tuple(Interval(subject, video, *row) for row in truth),
      subject, lambda: iter(()), {})


def measured(*bumps, seconds=30., noise=.02):
  """A face at rest, but for bumps of a brow: onset, apex, offset, height."""
  time = np.arange(0., seconds, .01)
  n, rng = len(time), np.random.default_rng(0)
  moved = rng.normal(0., noise, (n, len(motion.REGIONS), 2)).astype(np.float32)
  for onset, apex, offset, height in bumps:
    moved[:, BROW, 1] -= height * scenes.activation(
        time, scenes.Timing(onset, apex, offset), delay=0., hold=0., residue=0.)
  blank = lambda kind, *shape: np.zeros((n, *shape), kind)
  words = np.full(n, '', object)
  return long_videos.Measured(FrameTable(
      np.arange(n), time, blank(bool), blank(np.int32), blank(np.float32, 4),
      blank(np.float32, 3), np.ones(n, np.float32), words, words,
      np.arange(n) == 0, moved, blank(np.float32, 6),
      np.full((n, 2), .3, np.float32), blank(np.float32, 68, 2)), 128)


def test_settings_of_a_person_are_chosen_on_the_others_alone(monkeypatch):
  low, high = long_videos.GRID[0], dataclasses.replace(long_videos.GRID[0], factor=99.)
  right = (0, 9, '', 'micro')
  people = [recording('a', right), recording('b', right), recording('c', right)]
  a, b, c = (long_videos.Measured(FrameTable(*[np.zeros(0)] * len(FrameTable._fields)),
                                  size) for size in (1, 2, 3))
  # a is spotted with `high` alone, b and c with `low` alone.
  monkeypatch.setattr(long_videos, 'spot', lambda what, settings: {0: (what, settings)})
  monkeypatch.setattr(long_videos, 'expressions_of', lambda spotted: [
      (what, settings) for what, settings in spotted.values()
      if (settings is high) == (what is a)])
  monkeypatch.setattr(long_videos, 'as_intervals', lambda one, rows, kinds: tuple(
      Interval(one.subject, 'v', *right) for _ in rows))
  chosen = long_videos.choose_settings(people, [a, b, c], ('micro',), (low, high))
  assert chosen == {'a': low, 'b': low, 'c': low}
  chosen = long_videos.choose_settings(people[:2], [a, b], ('micro',), (low, high))
  assert chosen == {'a': low, 'b': high}
  with pytest.raises(InputError, match='one person alone'):
    long_videos.choose_settings(people[:1], [a], ('micro',))


def test_times_become_the_numbers_of_the_sheet():
  e = Expression(0, 5, 8, 20, .05, .08, .2, 'micro', 'nose', 1., 1.)
  rows = [long_videos.Recognised(e, {'x': .2, 'y': .8})]
  assert long_videos.as_intervals(recording('a'), rows, ('micro',)) == (
      Interval('a', 'v', 15, 30, 'y', 'micro'),)
  assert long_videos.as_intervals(recording('a'), rows, ('macro',)) == ()
  assert long_videos.length_of(recording('a'), measured()) == (3000, 100., 10)


def test_what_is_measured_is_kept_and_read_again(tmp_path, monkeypatch):
  table, size = measured((1., 1.2, 1.4, 2.))
  calls = []
  monkeypatch.setattr(long_videos, 'track_faces', lambda *_, **__: calls.append(1))
  monkeypatch.setattr(long_videos, 'measure', lambda faces: (table, size))
  first = long_videos.measure_recording(recording('a'), tmp_path)
  second = long_videos.measure_recording(recording('a'), tmp_path)
  assert len(calls) == 1 and second.size == size
  for name in FrameTable._fields:
    np.testing.assert_array_equal(getattr(second.table, name), getattr(table, name))
  assert long_videos.spot(first, long_videos.GRID[0])[0].expressions == (
      long_videos.spot(second, long_videos.GRID[0])[0].expressions)
  long_videos.measure_recording(recording('a')._replace(mark='other'), tmp_path)
  assert len(calls) == 2
  for path in tmp_path.glob('*.npz'):
    path.write_bytes(path.read_bytes()[:100])
  long_videos.measure_recording(recording('a'), tmp_path)
  assert len(calls) == 3


@pytest.fixture
def two_people(monkeypatch):
  pictures = {'sub01': measured((5., 5.15, 5.4, 2.), (10., 11., 13., 3.)),
              'sub02': measured((20., 20.1, 20.3, 2.))}
  people = (recording('sub01', (510, 550, 'negative', 'micro'),
                      (1010, 1310, 'positive', 'macro')),
            recording('sub02', (500, 540, 'negative', 'micro')))
  monkeypatch.setattr(long_videos, 'rendered_recordings', lambda **_: (
      long_videos.Collection(people, intervals.KINDS, ('a remark',))))
  monkeypatch.setattr(long_videos, 'measure_recording',
                      lambda one, folder: pictures[one.subject])


@pytest.mark.parametrize('how', ['fixed', 'others'])
def test_the_command_scores_what_is_spotted(two_people, how, tmp_path, capsys):
  out = tmp_path / 'out'
  assert program.main(['spotting', 'synthetic_long', '--settings', how,
                       '--out', str(out)]) == 0
  printed = capsys.readouterr().out
  row = next(line.split() for line in printed.splitlines() if line.startswith('micro'))
  assert row[1:7] == ['1', '1', '1', '0.5000', '0.5000', '0.5000'] and row[-1] == '1.00'
  assert 'a remark' in printed and '2 videos of 2 people, 1.00 minutes' in printed
  assert ('the program' if how == 'fixed' else 'of the others (factor/least') in printed
  spotted = intervals.read_intervals(out / 'spotted.csv')
  assert [one.type for one in spotted] == ['micro', 'macro', 'micro']
  # What was written scores the same by itself.
  assert program.main(['spotting', 'score', str(out / 'spotted.csv'), str(
      out / 'truth.csv'), '--lengths', str(out / 'videos.csv')]) == 0
  again = next(line.split() for line in capsys.readouterr().out.splitlines()
               if line.startswith('micro'))
  assert again == row
  with open(out / 'videos.csv', newline='') as file:
    assert [row['frames'] for row in csv.DictReader(file)] == ['3000', '3000']


def test_a_model_that_has_seen_somebody_is_refused(two_people, monkeypatch, tmp_path,
                                                   capsys):
  model = types.SimpleNamespace(about={'seen': [['synthetic', 'seed0:sub02']]})
  # In the place of the module, which brings jax along.
  monkeypatch.setitem(sys.modules, 'lightman_jax.bundle.model', types.SimpleNamespace(
      load_model=lambda path: model))
  words = ['spotting', 'synthetic_long', '--model', 'M', '--out', str(tmp_path / 'o')]
  assert program.main(words) == 2
  assert 'trained on synthetic/seed0:sub02, who is scored here' in (
      capsys.readouterr().err)
  assert not (tmp_path / 'o').exists()
