"""Every decoded frame has its row, whatever is in it."""

import numpy as np

from lightman_jax.video import faces, measurement, motion, spotting
from lightman_jax.video.faces import Break, FaceReason
from tests.video.conftest import SIZE, faces_of


def test_expressions_of_a_drawn_face_are_spotted(drawn, measured):
  result = spotting.find_expressions(measurement.signals_of(measured, 0), size=SIZE)
  truth = drawn.truth()
  assert len(truth) == 2
  assert [e.kind for e in result.expressions] == ['micro', 'micro']
  for e, true in zip(result.expressions, truth):
    inner = min(e.offset_s, true.offset_s) - max(e.onset_s, true.onset_s)
    outer = max(e.offset_s, true.offset_s) - min(e.onset_s, true.onset_s)
    assert inner / outer >= .5
    assert abs(e.apex_frame - true.apex_frame) <= 2


def test_a_frame_is_measured_alike_whatever_came_in_one_batch(drawn, measured):
  """A generator that hands on frames one by one, or after having made many."""
  few = [pair for pair, _ in zip(faces_of(drawn), range(60))]
  table, _ = measurement.measure(iter(few))
  np.testing.assert_array_equal(table.moved, measured.moved[:60])
  np.testing.assert_array_equal(table.landmarks, measured.landmarks[:60])


def test_every_frame_has_a_row_or_says_why_not(drawn):
  pairs = [pair for pair, _ in zip(faces_of(drawn), range(40))]
  for k in range(5):
    pairs[k] = pairs[k][0], []                                     # nobody yet
  face = pairs[12][1][0]
  pairs[12] = pairs[12][0], [face._replace(reason=FaceReason.BLURRED, aligned=None)]
  pairs[20] = pairs[20][0], [pairs[20][1][0]._replace(cut=Break.CUT)]
  table, _ = measurement.measure(pairs)
  assert list(table.frame) == list(range(40))
  assert list(table.person[:6]) == [-1] * 5 + [0]
  assert list(table.reason[:6]) == ['no face'] * 5 + ['']
  assert table.reason[12] == 'blurred' and not table.reason[13:].any()
  assert table.broken[5] and table.broken[20] and not table.broken[21]
  # A place is counted from the last break on.
  assert np.abs(table.moved[13]).max() < .2 and np.abs(table.moved[20]).max() < .2
  spans = measurement.stretches_not_looked_at(table, -1)
  assert spans == [(0., 4 / 30., 'no face')]
  assert measurement.stretches_not_looked_at(table, 0) == [
      (0., 4 / 30., 'no face'), (.4, .4, 'blurred')]
  assert measurement.stretches_not_looked_at(table, 1) == [
      (0., 4 / 30., 'no face'), (5 / 30., 39 / 30., measurement.ABSENT)]


def test_what_covers_the_mouth_hides_its_regions(measured):
  words = np.where(measured.frame < 9, 'nose mouth', '').astype(object)
  signals = measurement.signals_of(measured._replace(covered=words), 0)
  assert not signals.covered[9:].any()
  assert [name for name, hidden in zip(motion.REGIONS, signals.covered[8]) if not hidden
          ] == ['left brow', 'right brow', 'left eye', 'right eye']
  assert set(motion.BEHIND) == set(faces.REGIONS)


def test_a_copy_of_a_frame_has_what_the_frame_had(drawn):
  pairs = [pair for pair, _ in zip(faces_of(drawn), range(20))]
  frame, faces = pairs[9]
  pairs[10] = (frame._replace(number=10, time=10 / 30., repeated=True),
               [faces[0]._replace(frame=10, time=10 / 30., repeated=True)])
  table, _ = measurement.measure(pairs)
  np.testing.assert_array_equal(table.moved[10], table.moved[9])
  assert table.repeated[10] and not table.repeated[11]


def test_two_people_are_measured_apart(drawn):
  pairs = [pair for pair, _ in zip(faces_of(drawn), range(30))]
  both = [(frame, [faces[0], faces[0]._replace(person=1)] if k % 2 == 0 or k < 10
           else faces) for k, (frame, faces) in enumerate(pairs)]
  table, _ = measurement.measure(both)
  alone, _ = measurement.measure(pairs)
  np.testing.assert_array_equal(table.moved[table.of_person(0)], alone.moved)
  second = table.of_person(1)
  # Where a person is not found for a frame, a break lies.
  assert list(table.broken[second]) == [True] + [False] * 9 + [False] + [True] * 9


def test_more_frames_than_a_chunk_are_kept(monkeypatch, drawn):
  pairs = [pair for pair, _ in zip(faces_of(drawn), range(23))]
  whole, _ = measurement.measure(pairs)
  monkeypatch.setattr(measurement, '_CHUNK', 7)
  parts, _ = measurement.measure(pairs)
  for a, b in zip(whole, parts):
    np.testing.assert_array_equal(a, b)
  empty, size = measurement.measure([])
  assert size == 0 and empty.moved.shape == (0, len(motion.REGIONS), 2)
