"""Frames that come one at a time give what a file gives that is looked at likewise."""

import csv
import os
import threading

import cv2
import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax.video import causal, command, decoding, live, measurement
from lightman_jax.video.decoding import Facts
from lightman_jax.video.spotting import find_expressions

from .conftest import SIZE, textured, write_video


@pytest.fixture(scope='module')
def shots(drawn):
  return list(drawn)


@pytest.fixture(scope='module')
def points(shots):
  return np.array([shot.landmarks for shot in shots])


class Named:
  """A model that names every clip alike."""
  classes = ('negative', 'positive')
  about = {'frames': 3, 'rate': None, 'size': 32, 'seen': [['mine', 'x']],
           'settings': {'data': {'name': 'mine'}}}

  def predict_frames(self, frames, *, onset, apex, offset, landmarks):
    from lightman_jax.bundle.model import Prediction
    assert onset == 0 < apex < offset and landmarks.shape == (offset + 1, 68, 2)
    assert all(frames(n).dtype == np.uint8 for n in (onset, apex, offset))
    return Prediction(np.zeros((1, 2)), np.array([[.25, .75]]), ('positive',), None)


def pushed(shots, **options):
  """All events of a stream into which every frame is pushed, and the stream."""
  stream = lm.Stream(**options)
  events = [event for shot in shots
            for event in stream.push(shot.picture, shot.time, wait=True)]
  return events, stream.close(), stream


@pytest.fixture(scope='module')
def streamed(shots, points):
  return pushed(shots, landmarks=points, model=Named())


def test_a_file_pushed_frame_by_frame_is_the_file_in_causal_mode(
    tmp_path_factory, shots, points, streamed):
  place = tmp_path_factory.mktemp('stream')
  for shot in shots:
    cv2.imwrite(str(place / f'{shot.number:05d}.png'), shot.picture[..., ::-1],
                [cv2.IMWRITE_PNG_COMPRESSION, 1])
  whole = lm.predict_video(place, fps=30., landmarks=points, causal=True)
  events, last, stream = streamed
  rows = [event.row.expression for event in (*events, *last)]
  assert len(rows) >= 1 and rows == whole.expressions
  assert (stream.frames, stream.skipped) == (len(shots), 0)
  person, = whole.people.values()
  assert person.calibrated_on.startswith('what came before')
  with pytest.raises(lm.InputError, match='takes no baseline'):
    lm.predict_video(place, fps=30., landmarks=points, causal=True, baseline=(0., 1.))


def test_the_delay_is_the_stated_one(streamed):
  events, _, stream = streamed
  assert stream.delay == 1.25
  for event in events:
    wait = event.known_s - event.row.expression.offset_s
    assert 1. <= wait <= stream.delay + 1 / 30
    assert event.row.probabilities == {'negative': .25, 'positive': .75}


def test_nothing_is_known_of_what_comes(measured):
  """What is reported up to a frame is the same whatever follows it."""
  whole = causal.causal_spotting(measured, size=SIZE, person=0).expressions
  early = measurement.FrameTable(*(x[measured.time < 4.] for x in measured))
  begun = causal.causal_spotting(early, size=SIZE, person=0).expressions
  settled = [e for e in whole if e.offset_s + 1.25 < early.time[-1]]
  assert settled and begun[:len(settled)] == settled
  # With all of the video in the window, and at its end, it is the usual answer.
  how = causal.CausalSettings(window=100., delay=1., period=100.)
  assert causal.causal_spotting(measured, size=SIZE, person=0, how=how).expressions == (
      find_expressions(measurement.signals_of(measured, 0), size=SIZE).expressions)


def test_an_expression_is_reported_once(measured):
  spotter = causal.CausalSpotter(0)
  first = spotter.look(measured, 100., SIZE)
  assert first and spotter.look(measured, 101., SIZE) == []
  assert spotter.last.expressions == first
  nobody = measured._replace(person=np.full(len(measured.person), -1))
  assert causal.CausalSpotter(0).look(nobody, 100., SIZE) == []
  assert [causal.is_due(a, b, .25) for a, b in (
      (None, .3), (.1, .2), (.24, .26), (.26, .49))] == [False, False, True, False]


def test_frames_that_come_too_fast_are_skipped_and_counted(shots, points):
  stream = lm.Stream(landmarks=points, waiting=2)
  most = 0
  for shot in shots:
    stream.push(shot.picture, shot.time)
    most = max(most, stream.now.waiting)
  stream.close()
  assert stream.skipped > 0 and stream.frames >= 2 and most <= 2
  assert stream.frames + stream.skipped == len(shots)
  assert len(stream._rows) == stream.frames


def test_memory_is_that_of_the_window(shots, points, monkeypatch):
  monkeypatch.setattr('lightman_jax.video.stream._MOST_BYTES',
                      5 * shots[0].picture.nbytes)
  events, last, stream = pushed(shots[:90], landmarks=points, model=Named(),
                                how=causal.CausalSettings(window=1.))
  assert len(stream._rows) == 30 and len(stream._pictures) == 5
  assert all(event.row.doubts == ('its pictures are not kept any more',)
             for event in (*events, *last))


def test_what_cannot_be_pushed_is_refused(points):
  stream = lm.Stream(landmarks=points[:, :5])
  picture = np.zeros((40, 40, 3), np.uint8)
  for frame, time, sentence in ((picture[..., 0], 0., r'\(h, w, 3\)'),
                                (picture.astype(float), 0., 'uint8'),
                                (picture, np.nan, 'time of a frame')):
    with pytest.raises(lm.InputError, match=sentence):
      stream.push(frame, time)
  stream.push(picture, 0.)
  with pytest.raises(lm.InputError, match='68, 2'):      # of the thread
    stream.close()
  with pytest.raises(lm.InputError, match='is closed'):
    stream.push(picture, 1.)
  assert lm.Stream(landmarks=points).close() == []
  with pytest.raises(lm.InputError, match='largest or all'):
    lm.Stream(landmarks=points, face='some')


def test_times_go_up(points):
  stream = lm.Stream(landmarks=points)
  picture = np.full((40, 40, 3), 90, np.uint8)
  for time in (5., 5.04):
    stream.push(picture, time, wait=True)
  for time in (5.04, 5., 0.):      # twice, back, and a clock that begins anew
    with pytest.raises(lm.InputError, match='of the one before 5.04 s; times go up'):
      stream.push(picture, time)
  stream.push(picture, 5.08, wait=True)
  stream.close()
  assert stream.frames == 3 and stream.now.time == 5.08


def test_a_picture_may_change_its_size(shots, points):
  """Which is a cut, as where a camera is changed: nothing is measured over it."""
  stream = lm.Stream(landmarks=np.concatenate([points[:30], points[30:60] / 2]))
  for shot in shots[:60]:
    stream.push(shot.picture[::1 + (shot.number >= 30), ::1 + (shot.number >= 30)],
                shot.time, wait=True)
  stream.close()
  assert stream.frames == 60
  assert [number for number, row in enumerate(stream._rows) if row['broken']] == [0, 30]


# The command.


class Camera:
  """In the place of OpenCV's, with BGR frames."""

  def __init__(self, shots):
    self.left, self.released = list(shots), False

  def isOpened(self):
    return bool(self.left)

  def read(self):
    return (True, self.left.pop(0).picture[..., ::-1]) if self.left else (False, None)

  def release(self):
    self.released = True


def test_a_camera_is_looked_at_and_shown(shots, points, tmp_path, monkeypatch, capsys):
  camera = Camera(shots[:20])
  monkeypatch.setattr(live.cv2, 'VideoCapture', lambda number: camera)
  monkeypatch.setattr(command, '_landmarks', lambda options: points)
  out = tmp_path / 'out'
  assert command.predict(['--camera=0', f'--out={out}', '--landmarks=x']) == 0
  assert camera.released
  said = capsys.readouterr().out
  assert 'skipped' in said and 'micro-expressions 0' in said
  with open(out / 'events.csv', newline='') as file:
    assert csv.DictReader(file).fieldnames[-1] == 'known_s'
  page = (out / 'now.html').read_text()
  assert '<svg' in page and 'it has ended' in page and 'refresh' not in page
  assert '<script' not in page and 'data:image' not in page
  assert 'No expression has been spotted so far' in page and '<table' not in page
  # No camera, no folder.
  assert command.predict(['--camera=0', f'--out={tmp_path / "no"}',
                          '--landmarks=x']) == 2
  said = capsys.readouterr().err
  assert 'camera 0 cannot be opened' in said and said.count('\n') == 1
  assert not (tmp_path / 'no').exists()


def test_the_page_lists_what_was_reported(tmp_path, streamed):
  events, last, stream = streamed
  with open(tmp_path / 'events.csv', 'w', newline='') as file:
    view = live.View(tmp_path / 'now.html', file, Named(), stream)
    view.show([*events, *last])
  page = (tmp_path / 'now.html').read_text()
  assert 'http-equiv="refresh"' in page and '1.25 s' in page
  assert page.count('<tr>') == 1 + len(events) + len(last)
  with open(tmp_path / 'events.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert [row['p_positive'] for row in rows] == ['0.7500'] * len(rows)
  assert float(rows[0]['known_s']) >= float(rows[0]['offset_s'])


def test_a_video_is_read_while_it_comes(tmp_path):
  path = write_video(tmp_path / 'a.mkv', list(textured(12)), rate=10)
  end, begin = os.pipe()

  def write():
    with open(begin, 'wb') as pipe:
      pipe.write(path.read_bytes())
  thread = threading.Thread(target=write)
  thread.start()
  with open(end, 'rb', buffering=0) as pipe:
    frames = list(live.piped_frames(pipe))
  thread.join()
  np.testing.assert_allclose([time for _, time in frames], np.arange(12) / 10,
                             atol=.002)
  assert frames[0][0].shape == (96, 128, 3)
  end, begin = os.pipe()
  os.write(begin, b'no video at all')
  os.close(begin)
  with open(end, 'rb', buffering=0) as pipe:
    with pytest.raises(lm.InputError, match='standard input cannot be read as a video'):
      decoding.pipe_frames(pipe, Facts(path='the standard input'))
