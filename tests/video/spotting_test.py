"""Intervals in signals whose truth is known by construction."""

import dataclasses

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.synthetic import scenes
from lightman_jax.video import motion, signals as even, spotting

SIZE = 128
BROW, CORNER, LIP, CHIN = (motion.REGIONS.index(name) for name in (
    'left brow', 'left mouth corner', 'lower lip', 'chin'))


def bump(time, onset, apex, offset, *, residue=0.):
  """A minimum-jerk rise and fall of height 1."""
  return scenes.activation(np.asarray(time), scenes.Timing(onset, apex, offset),
                           delay=0., hold=0., residue=residue)


def make(time, *, noise=.02, seed=0):
  """A face at rest; every frame is new and looked at."""
  time = np.asarray(time, float)
  n, rng = len(time), np.random.default_rng(seed)
  return spotting.Signals(
      frame=np.arange(n), time=time,
      moved=rng.normal(0., noise, (n, len(motion.REGIONS), 2)).astype(np.float32),
      head=np.zeros((n, 6), np.float32),
      lids=np.full((n, 2), .3, np.float32), quality=np.ones(n),
      looked_at=np.ones(n, bool), repeated=np.zeros(n, bool),
      broken=np.arange(n) == 0, covered=np.zeros((n, len(motion.REGIONS)), bool))


def move(signals, region, course, by=(0., -2.)):
  signals.moved[:, region] += course[:, None] * np.array(by, np.float32)
  return signals


def spot(signals, **others):
  return spotting.find_expressions(signals, size=SIZE, **others)


def overlap(e, onset, offset):
  inner = min(e.offset_s, offset) - max(e.onset_s, onset)
  return inner / (max(e.offset_s, offset) - min(e.onset_s, onset))


@pytest.mark.parametrize('fps', [25, 30, 60, 200])
def test_a_micro_and_a_macro_expression_are_spotted_where_they_are(fps):
  time = np.arange(0., 20., 1 / fps)
  signals = move(make(time), BROW, bump(time, 5., 5.15, 5.4))
  move(signals, CORNER, bump(time, 10., 11., 13.), (-2., -2.))
  result = spot(signals)
  assert [(e.kind, e.region) for e in result.expressions] == [
      ('micro', 'left brow'), ('macro', 'left mouth corner')]
  micro, macro = result.expressions
  assert overlap(micro, 5., 5.4) > .7 and overlap(macro, 10., 13.) > .7
  assert abs(micro.apex_s - 5.15) <= 1.5 / fps + .01
  assert abs(macro.apex_s - 11.) < .15
  assert 1.7 < micro.strength < 2.2 and 2.5 < macro.strength < 3.
  for e in result.expressions:
    assert e.onset_frame < e.apex_frame < e.offset_frame
    assert e.apex_s == time[e.apex_frame]


def test_noise_alone_is_no_expression_at_any_level():
  for noise in (0., .01, .1, .5):
    result = spot(make(np.arange(0., 60., 1 / 60), noise=noise, seed=3))
    assert result.expressions == []
    assert result.count('micro') == '0' and result.looked_at == pytest.approx(60.)


def test_the_threshold_is_that_of_the_videos_own_quiet_stretches():
  time = np.arange(0., 40., 1 / 60)
  calm, loud = spot(make(time)), spot(make(time, noise=.2))
  assert (loud.threshold > 2 * calm.threshold).all()
  # Half of the time in motion does not raise it by much.
  busy = make(time)
  for start in np.arange(1., 20., 1.):
    move(busy, BROW, bump(time, start, start + .3, start + .9))
  assert (spot(busy).threshold < 1.5 * calm.threshold).all()
  assert 'quieter half' in calm.calibrated_on


def test_times_are_those_of_the_stamps_where_frames_are_unevenly_apart():
  steps = np.tile([.02, .05], 300)
  time = np.cumsum(steps) - steps[0]
  signals = move(make(time), BROW, bump(time, 8., 8.2, 8.45))
  e, = spot(signals).expressions
  at = [int(np.abs(time - t).argmin()) for t in (8., 8.2, 8.45)]
  for frame, true in zip((e.onset_frame, e.apex_frame, e.offset_frame), at):
    assert abs(frame - true) <= 1
  assert (e.onset_s, e.apex_s, e.offset_s) == tuple(
      time[[e.onset_frame, e.apex_frame, e.offset_frame]])


def test_repeated_frames_are_neither_motion_nor_rest():
  """25 frames a second made 30: each sixth is a copy of the one before."""
  slow = np.arange(0., 24., 1 / 25)
  true = move(make(slow, noise=.05), BROW, bump(slow, 9., 9.2, 9.44))
  fast = np.arange(0., 24., 1 / 30)
  source = np.minimum((np.arange(len(fast)) * 25) // 30, len(slow) - 1)
  copies = np.append(False, source[1:] == source[:-1])
  signals = make(fast)._replace(moved=true.moved[source], repeated=copies)
  at_25, at_30 = spot(true), spot(signals)
  assert at_30.rate == pytest.approx(25., abs=.5)
  np.testing.assert_allclose(at_30.threshold, at_25.threshold, rtol=.15)
  (a,), (b,) = at_25.expressions, at_30.expressions
  assert abs(a.onset_s - b.onset_s) < .05 and abs(a.offset_s - b.offset_s) < .05
  assert not copies[b.apex_frame]


@pytest.mark.parametrize('how', ['cut', 'lost', 'not looked at'])
def test_no_interval_spans_a_break(how):
  time = np.arange(0., 20., 1 / 60)
  signals = move(make(time), CORNER, bump(time, 8., 9.5, 11.))
  frame = 570                             # at 9.5 s, the apex
  if how == 'cut':
    signals.broken[frame] = True
  elif how == 'lost':
    keep = np.ones(len(time), bool)
    keep[frame:frame + 18] = False        # .3 s
    signals = spotting.Signals(*(column[keep] for column in signals))
  else:
    signals.looked_at[frame:frame + 2] = False
  for e in spot(signals).expressions:
    assert e.offset_s < 9.5 or e.onset_s >= 9.5
  whole, = spot(move(make(time), CORNER, bump(time, 8., 9.5, 11.))).expressions
  assert whole.onset_s < 9.4 < 9.6 < whole.offset_s


def test_a_slow_rate_is_not_assessable_rather_than_without_expressions():
  at_15 = np.arange(0., 30., 1 / 15)
  signals = move(make(at_15), BROW, bump(at_15, 5., 5.2, 5.45))
  move(signals, CORNER, bump(at_15, 10., 11., 13.), (-2., -2.))
  result = spot(signals)
  assert result.count('micro') == 'not assessable' and result.count('macro') == '1'
  assert [e.kind for e in result.expressions] == ['macro']
  assert any('micro-expressions are not assessable at 15' in r for r in result.remarks)
  second = spot(make(np.arange(0., 100.)))
  assert second.count('micro') == second.count('macro') == 'not assessable'
  assert second.expressions == []


def test_a_slow_onset_is_seen_at_200_frames_a_second():
  """No frame differs from the next by more than the noise."""
  time = np.arange(0., 20., 1 / 200)
  course = bump(time, 8., 10., 12.)
  assert np.abs(np.diff(course)).max() * 1. < .02
  e, = spot(move(make(time), BROW, course, (0., -1.))).expressions
  assert e.kind == 'macro' and overlap(e, 8., 12.) > .6


def test_a_blink_is_no_expression():
  time = np.arange(0., 20., 1 / 60)
  signals = make(time)
  for start in (4., 9., 14.):
    closed = scenes.blink_at(time, (start, .25)).astype(np.float32)
    signals.lids[:] *= (1. - closed)[:, None]
    move(signals, BROW, closed, (0., .5))
    for eye in motion.EYES:
      move(signals, eye, closed, (0., 3.))
  result = spot(signals)
  assert result.expressions == []
  assert sum(o.kind == 'blink' for o in result.others) == 3
  # A brow that rises during a blink is seen all the same.
  move(signals, BROW, bump(time, 8.95, 9.1, 9.35), (0., -3.))
  assert [e.region for e in spot(signals).expressions] == ['left brow']


def test_a_hand_before_the_mouth_is_no_expression_and_hides_none_of_the_brows():
  time = np.arange(0., 30., 1 / 60)
  plain, signals = make(time), make(time)
  hand = bump(time, 9.9, 10.2, 10.5) + bump(time, 14.5, 14.8, 15.1)
  move(signals, CORNER, hand, (3., 3.))
  move(signals, LIP, hand, (3., 3.))
  assert len(spot(signals).expressions) == 2          # were nothing known of a hand
  behind = np.flatnonzero((time > 10.) & (time < 15.))
  signals.covered[np.ix_(behind, motion.BEHIND['mouth'])] = True
  result = spot(signals)
  assert result.expressions == []
  assert result.remarks == [
      'not looked at for 5.0 s, in which something covers them: nose, left cheek, '
      'right cheek, left mouth corner, right mouth corner, upper lip, lower lip, chin']
  np.testing.assert_allclose(result.threshold, spot(plain).threshold, rtol=.1)
  move(signals, BROW, bump(time, 12., 12.2, 12.45))
  move(signals, CORNER, bump(time, 20., 20.2, 20.45))
  assert [e.region for e in spot(signals).expressions] == [
      'left brow', 'left mouth corner']
  # A mask that is worn throughout.
  signals.covered[:, motion.BEHIND['mouth']] = True
  assert [e.region for e in spot(signals).expressions] == ['left brow']


def test_a_chin_that_goes_alone_was_lost_and_one_that_takes_the_lip_along_was_not():
  time = np.arange(0., 20., 1 / 60)
  away = bump(time, 8., 8.1, 11.)
  alone = move(make(time), CHIN, away, (6., 4.))
  assert spot(alone).expressions == []
  both = move(move(make(time), CHIN, away, (6., 4.)), LIP, .3 * away, (6., 4.))
  (e,) = spot(both).expressions
  assert e.region == 'chin' and overlap(e, 8., 11.) > .5
  # What lies beneath it in time is spotted where the lost one would have hidden it.
  (e,) = spot(move(alone, BROW, bump(time, 8., 8.15, 8.3))).expressions
  assert e.kind == 'micro' and e.region == 'left brow'


def test_speech_is_no_expression_and_hides_none_of_the_brows():
  time = np.arange(0., 30., 1 / 60)
  signals, talk = make(time), (time > 10.) & (time < 15.)
  open_ = np.where(talk, np.sin(np.pi * 4.5 * (time - 10.))**2, 0.)
  move(signals, LIP, open_, (0., 3.))
  move(signals, CHIN, open_, (0., 2.))
  result = spot(signals)
  assert result.expressions == []
  span, = [o for o in result.others if o.kind == 'speech']
  assert span.onset_s == pytest.approx(10., abs=.4)
  assert span.offset_s == pytest.approx(15., abs=.4)
  move(signals, BROW, bump(time, 12., 12.2, 12.45), (0., -3.))
  assert [e.region for e in spot(signals).expressions] == ['left brow']


def test_an_expression_that_is_held_is_warned_of_and_a_baseline_mends_it():
  time = np.arange(0., 60., 1 / 30)
  smile = np.clip((time - 12.) / .5, 0., 1.)      # and it stays
  signals = move(make(time), CORNER, smile, (-4., -4.))
  result = spot(signals)
  assert any('held' in remark and '--baseline' in remark for remark in result.remarks)
  mended = spot(signals, baseline=(0., 10.))
  assert 'baseline of 0 to 10 s' in mended.calibrated_on
  assert not any('seems to be held' in remark for remark in mended.remarks)
  e = max(mended.expressions, key=lambda e: e.offset_s - e.onset_s)
  assert e.kind == 'macro' and overlap(e, 12., 60.) > .9
  with pytest.raises(InputError, match='baseline of 70 to 80 s holds 0 frames'):
    spot(signals, baseline=(70., 80.))


def test_a_head_that_turns_raises_the_threshold():
  time = np.arange(0., 30., 1 / 60)
  signals = make(time)
  turn = bump(time, 10., 10.4, 10.8)
  move(signals, BROW, turn, (0., .5))             # what the fit leaves
  assert len(spot(signals).expressions) == 1
  signals.head[:, 4] = .3 * turn
  assert spot(signals).expressions == []


def test_what_is_not_looked_at_at_all_has_no_count():
  signals = make(np.arange(0., 5., 1 / 30))
  signals.looked_at[:] = False
  result = spot(signals)
  assert result.expressions == [] and result.looked_at == 0.
  assert result.count('micro') == 'not assessable'


def test_settings_are_fields_with_units():
  text = spotting.SpottingSettings.__doc__ + motion.MotionSettings.__doc__
  for settings in (spotting.SpottingSettings, motion.MotionSettings):
    for field in dataclasses.fields(settings):
      assert f'{field.name}' in text and isinstance(field.default, (int, float))


def test_the_running_median_takes_out_a_drift_and_keeps_a_bump():
  time = np.arange(0., 30., 1 / 100)
  drift = .1 * time
  level = even.running_median((drift + bump(time, 14., 14.4, 15.))[:, None], 100.,
                                  10.)[:, 0]
  middle = slice(600, 2400)
  assert np.abs(level - drift)[middle].max() < .12
