"""Scores of spotted intervals: by hand, and in what order the rows stand."""

import inspect
import itertools
import json

import numpy as np
import pytest

from lightman_jax import __main__ as program
from lightman_jax.errors import InputError
from lightman_jax.video import intervals, spotting_scores as scores
from lightman_jax.video.intervals import Interval, Length
from lightman_jax.video.spotting_command import spotting


def one(onset, offset, emotion='', kind='', subject='a', video='v'):
  return Interval(subject, video, onset, offset, emotion, kind)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
  monkeypatch.setattr(scores, 'DRAWS', 20)


def scored(spotted, truth, **others):
  return scores.score_spotting(spotted, truth, **others)


def counts(result, row='pooled'):
  return tuple(result['rows'][row][key] for key in ('tp', 'fp', 'fn'))


def test_an_emotion_in_two_spellings_is_refused():
  with pytest.raises(InputError, match="emotion 'Joy' of subject 'a'.*'joy' elsewhere"):
    scored([one(10, 19, 'joy')], [one(10, 19, 'Joy')])
  with pytest.raises(InputError, match='spell it alike'):     # a space of no width
    scored([one(10, 19, 'joy')], [one(10, 19, 'jo\u200by')])


def test_what_may_be_meant_otherwise_is_told_of():
  """Rows that stand twice, people of whom nothing is true, spotted without a class."""
  truth = [one(10, 19, 'joy'), one(30, 39, 'joy', subject='b')]
  of = lambda spotted, truth=truth: [
      line for line in scored(spotted, truth)['remarks']
      if 'told apart' not in line and 'lengths' not in line]
  assert of(truth) == []
  line, = of([*truth, one(10, 19, 'joy')])
  assert line == ('1 of 3 spotted intervals stand there before, each counted once '
                  "more, the first 10 to 19 of subject 'a', video 'v'")
  line, = of(truth, [*truth, truth[1]])
  assert line.startswith('1 of 3 true intervals stand there before')
  line, = of([*truth, one(1, 5, 'joy', subject='c')])
  assert line == ('no true interval is of c, so that all that is spotted there is a '
                  'false alarm')
  line, = of([truth[0], truth[1]._replace(emotion='')])
  assert line == ('1 of 2 spotted intervals name no emotion, and count as a miss of '
                  'the true one')


def test_the_table_of_a_study_is_read_as_it_is(tmp_path):
  (tmp_path / 'expressions.csv').write_text(
      'video,person,condition,face,onset_frame,apex_frame,offset_frame,onset_s,kind\n'
      'a.mp4,anna,calm,0,10,15,19,.4,micro\n')
  row, = intervals.read_intervals(tmp_path / 'expressions.csv')
  assert row == Interval('anna', 'a.mp4', 10, 19, '', 'micro')


@pytest.mark.parametrize('spotted, truth, share', [
    ((10, 19), (10, 19), 1.), ((10, 19), (15, 24), 5 / 15), ((10, 19), (20, 29), 0.),
    ((10, 19), (19, 28), 1 / 19), ((10, 19), (30, 31), 0.), ((5, 5), (5, 5), 1.),
    ((-5, 4), (0, 4), .5), ((-9, -5), (-8, -6), 3 / 5)])
def test_both_end_frames_count(spotted, truth, share):
  first, second = one(*spotted), one(*truth)
  assert intervals.iou(first, second) == intervals.iou(second, first)
  assert intervals.iou(first, second) == pytest.approx(share)
  shared = set(range(spotted[0], spotted[1] + 1)) & set(range(truth[0], truth[1] + 1))
  either = set(range(spotted[0], spotted[1] + 1)) | set(range(truth[0], truth[1] + 1))
  assert intervals.iou(first, second) == pytest.approx(len(shared) / len(either))


@pytest.mark.parametrize('spotted, truth, expected', [
    # One interval is matched once, whichever side has two.
    ([(0, 9), (1, 10)], [(0, 10)], (1, 1, 0)),
    ([(0, 10)], [(0, 9), (1, 10)], (1, 0, 1)),
    # Halves: each shares exactly half with the whole, and one of them counts.
    ([(0, 19)], [(0, 9), (10, 19)], (1, 0, 1)),
    # Touching is not overlapping.
    ([(0, 9)], [(10, 19)], (0, 1, 1)),
    # Just under a half: 9 of 19 frames.
    ([(0, 8)], [(0, 18)], (0, 1, 1)), ([(0, 8)], [(0, 17)], (1, 0, 0)),
    # Taking the best overlap first would leave one pair of two.
    ([(0, 9), (4, 11)], [(2, 11), (6, 13)], (2, 0, 0)),
    ([], [(0, 9)], (0, 0, 1)), ([(0, 9)], [], (0, 1, 0)),
    # Several in one video, in any order.
    ([(100, 119), (0, 9), (50, 59)], [(52, 61), (0, 9), (200, 210)], (2, 1, 1))])
def test_matches_by_hand_in_any_order(spotted, truth, expected):
  for rows in itertools.permutations(spotted):
    for others in itertools.permutations(truth):
      tables = scores.Tables(*(tuple(one(*row) for row in side)
                               for side in (rows, others)))
      assert tuple(scores.counts_of(tables)['pooled'].sum(0)) == expected
  hits, false, missed = expected
  precision, recall, f1 = scores.precision_recall_f1(np.array(expected))
  assert precision == pytest.approx(hits / (hits + false) if hits else 0.)
  assert recall == pytest.approx(hits / (hits + missed) if hits else 0.)
  assert f1 == pytest.approx(2 * hits / max(2 * hits + false + missed, 1))


def test_videos_and_people_are_apart():
  truth = [one(0, 9), one(0, 9, video='w'), one(0, 9, subject='b')]
  spotted = [one(0, 9, video='w'), one(0, 9, video='x'), one(0, 9, subject='b')]
  result = scored(spotted, truth)
  assert counts(result) == (2, 1, 1)
  assert (result['people'], result['videos']) == (2, 4)


def test_kinds_are_scored_apart_summed_and_pooled():
  truth = [one(0, 9, kind='micro'), one(20, 59, kind='macro'),
           one(80, 99, kind='macro')]
  spotted = [one(0, 9, kind='macro'), one(20, 59, kind='macro'),
             one(200, 209, kind='micro')]
  result = scored(spotted, truth)
  assert counts(result, 'micro') == (0, 1, 1)
  assert counts(result, 'macro') == (1, 1, 1)
  # A kind that is wrong is wrong in the sum, and does not matter where all is pooled.
  assert counts(result, 'both') == (1, 2, 2) and counts(result) == (2, 1, 1)
  bare = scored([row._replace(type='') for row in spotted], truth)
  assert set(bare['rows']) == {'pooled'} and counts(bare) == (2, 1, 1)


def test_spot_then_recognise_by_hand():
  truth = [one(0, 9, 'disgust'), one(20, 29, 'disgust'), one(40, 49, 'happiness'),
           one(60, 69, 'fear'), one(80, 89, 'happiness')]
  spotted = [one(0, 9, 'disgust'), one(20, 29, 'happiness'), one(40, 49, 'happiness'),
             one(60, 69, 'surprise'), one(200, 209, 'anger')]
  part = scored(spotted, truth)['recognition']
  # Of the four that were spotted: disgust 1 of 2 right, happiness 1 right of 2 named,
  # fear never named, and anger and surprise are in the found alone.
  assert part['classes'] == ['anger', 'disgust', 'fear', 'happiness', 'surprise']
  assert part['intervals'] == 4
  precision, recall = (0 + 1 + 0 + .5 + 0) / 5, (0 + .5 + 0 + 1 + 0) / 5
  assert part['mean_precision'] == pytest.approx(precision)
  assert part['mean_recall'] == pytest.approx(recall)
  f1 = 2 * precision * recall / (precision + recall)
  assert part['f1'] == pytest.approx(f1)
  assert part['uf1'] == pytest.approx((0 + 2 / 3 + 0 + 2 / 3 + 0) / 5)
  assert part['strs'] == pytest.approx(.8 * f1)      # 4 of 5 spotted, 1 of 5 false


def test_precision_is_not_passed_off_as_recall():
  truth = [one(0, 9, 'a'), one(20, 29, 'a'), one(40, 49, 'a'), one(60, 69, 'b')]
  spotted = [row._replace(emotion='b' if row.onset else 'a') for row in truth]
  part = scored(spotted, truth)['recognition']
  assert part['mean_precision'] == pytest.approx((1 + 1 / 3) / 2)
  assert part['mean_recall'] == pytest.approx((1 / 3 + 1) / 2)
  spotted = [row._replace(emotion='b') for row in truth]
  part = scored(spotted, truth)['recognition']
  assert part['mean_precision'] == pytest.approx(.125)
  assert part['mean_recall'] == pytest.approx(.5)


def test_no_answer_is_a_miss_and_no_emotion_is_no_strs():
  truth = [one(0, 9, 'a'), one(20, 29, 'a')]
  part = scored([one(0, 9, 'a'), one(20, 29)], truth)['recognition']
  assert (part['mean_precision'], part['mean_recall']) == (1., .5)
  assert scored([one(0, 9)], truth)['recognition'] is None
  result = scored([one(0, 9, 'a')], [one(0, 9), one(20, 29, 'a')])
  assert result['recognition']['intervals'] == 0
  assert any('name no emotion' in line for line in result['remarks'])


def test_nothing_right_is_nought_and_no_number_is_missing():
  result = scored([one(0, 9, 'a')], [one(100, 109, 'b')])
  assert result['recognition']['strs'] == 0.
  assert json.loads(json.dumps(result, allow_nan=False))['rows']['pooled']['f1'] == 0.


def test_an_independent_count_agrees():
  """Each frame's own set, and matches by trying all ways of pairing."""
  rng = np.random.default_rng(5)
  for _ in range(40):
    draw = lambda n: [one(int(a), int(a + rng.integers(2, 12)))
                      for a in rng.integers(-5, 25, n)]
    spotted, truth = draw(rng.integers(0, 5)), draw(rng.integers(0, 5))
    frames = lambda row: set(range(row.onset, row.offset + 1))
    fits = [[len(frames(a) & frames(b)) >= .5 * len(frames(a) | frames(b))
             for b in truth] for a in spotted]
    few, many = sorted((len(spotted), len(truth)))
    most = max(sum(fits[i][j] if len(spotted) <= len(truth) else fits[j][i]
                   for i, j in enumerate(way))
               for way in itertools.permutations(range(many), few))
    assert len(intervals.match(spotted, truth)) == most


def test_false_alarms_a_minute_and_videos_without_anything():
  lengths = {('a', 'v'): Length(1800, 30.), ('b', 'w'): Length(3600, 30.)}
  result = scored([one(0, 9), one(50, 59)], [one(0, 9)], lengths=lengths)
  assert result['minutes'] == 3. and (result['people'], result['videos']) == (2, 2)
  assert result['rows']['pooled']['false_alarms_a_minute'] == pytest.approx(1 / 3)
  with pytest.raises(InputError, match="no row for subject 'a', video 'x'"):
    scored([one(0, 9, video='x')], [one(0, 9)], lengths=lengths)


def test_an_interval_behind_the_end_of_its_video_is_remarked_on():
  lengths = {('a', 'v'): Length(100, 30., 5)}
  remarks = lambda last: [line for line in scored(
      [one(90, last)], [one(90, 99)], lengths=lengths)['remarks'] if 'behind' in line]
  assert remarks(104) == []
  line, = remarks(105)
  assert '1 of 1 spotted interval ends' in line and 'whose last frame is 104' in line


def test_intervals_over_people_are_those_of_the_jackknife():
  truth = [one(0, 9, subject=name) for name in 'abcd']
  spotted = [one(0, 9, subject='a'), one(0, 9, subject='b'), one(50, 59, subject='c')]
  row = scored(spotted, truth)['rows']['pooled']
  assert row['f1'] == pytest.approx(4 / 7)
  assert row['low'] < row['f1'] < row['high'] <= 1.
  alone = scored([one(0, 9)], [one(0, 9)])['rows']['pooled']
  assert (alone['low'], alone['high']) == (None, None)


def test_intervals_at_random_are_as_long_as_those_spotted_and_repeat():
  lengths = {('a', 'v'): Length(1000, 30.)}
  truth = [one(100, 199)]
  make = lambda seed: scored([one(700, 799)], truth, lengths=lengths, seed=seed)[
      'references']['at random, pooled']
  assert make(3) == make(3)
  # Of 901 places 67 share half of the union: 100 - d >= (100 + d) / 2.
  assert make(3)['f1'] == pytest.approx(67 / 901, abs=.12)
  filled = scored([one(0, 999)], [one(0, 999)], lengths=lengths)
  assert filled['references']['at random, pooled']['f1'] == 1.


def test_the_largest_peaks_of_a_signal():
  values = np.zeros(100)
  values[[20, 21, 60, 90]] = 9., 8., 7., 1.
  signal = {('a', 'v'): (np.arange(100), values)}
  peaks = scores.largest_peaks(signal, count=2, frames=10)
  assert [(peak.onset, peak.offset) for peak in peaks] == [(15, 24), (55, 64)]
  result = scores.score_tables(scores.Tables(
      (one(0, 9), one(30, 39)), (one(15, 24), one(80, 89)), signal=signal))
  assert result['references']['largest peaks, pooled']['f1'] == .5


# The command.

HEAD = 'subject,video,onset,offset,emotion,type\n'


@pytest.fixture
def tables(tmp_path):
  (tmp_path / 'found.csv').write_text(
      HEAD + '01,1_2,-3,6,happy,micro\n01,1_2,50,60,Disgust,micro\n'
      '02,1_1,30,90,others,macro\n')
  (tmp_path / 'truth.csv').write_text(
      'Subject;Video;Onset;Offset;Emotion;Type\n01;1_2;0;6;happiness;Micro - 1/2\n'
      '01;1_2;49;60;disgust;micro-expression\n02;1_1;300;390;others;MaE\n')
  (tmp_path / 'videos.csv').write_text(
      'subject,video,frames,fps\n01,1_2,600,30\n02,1_1,1200,30\n')
  return tmp_path


def test_the_command_prints_fractions_of_four_digits(tables, capsys):
  assert program.main(['spotting', 'score', str(tables / 'found.csv'), str(
      tables / 'truth.csv'), '--lengths', str(tables / 'videos.csv')]) == 0
  lines = capsys.readouterr().out.splitlines()
  row = lambda name: next(line.split() for line in lines if line.startswith(name + ' '))
  assert row('micro')[1:7] == ['2', '0', '0', '1.0000', '1.0000', '1.0000']
  assert row('macro')[1:7] == ['0', '1', '1', '0.0000', '0.0000', '0.0000']
  assert row('pooled')[1:7] == ['2', '1', '1', '0.6667', '0.6667', '0.6667']
  assert row('pooled')[-1] == '1.00'
  # Three classes, of which two are spotted and right.
  assert any(line.startswith('STRS 0.4444 ') for line in lines)
  assert any(line.startswith('at random, pooled') for line in lines)


def test_the_command_as_json(tables, capsys):
  assert spotting(['score', str(tables / 'found.csv'), str(tables / 'truth.csv'),
                   '--json']) == 0
  assert json.loads(capsys.readouterr().out)['rows']['both']['tp'] == 2


def test_nothing_spotted_is_a_header_alone(tables, capsys):
  (tables / 'found.csv').write_text(HEAD)
  assert spotting(['score', str(tables / 'found.csv'), str(tables / 'truth.csv')]) == 0
  assert 'pooled   0   0   3' in capsys.readouterr().out


@pytest.mark.parametrize('text, why', [
    ('subject,video,onset\n1,v,2\n', 'no header row with the columns subject, video'),
    (HEAD + '01,1_2,9,3,,micro\n', 'row 2: onset 9 is behind offset 3'),
    (HEAD + '01,1_2,x,3,,micro\n', "row 2: onset is 'x'"),
    (HEAD + '01,1_2,1.5,3,,micro\n', "row 2: onset is '1.5'"),
    (HEAD + '01,1_2,1,3,,tiny\n', "row 2: type is 'tiny'"),
    (HEAD + '01,1_2,1,3,,\n01,1_2,1,3,,micro\n', 'some rows have a type and others'),
    (HEAD + ',1_2,1,3,,micro\n', 'row 2: the cell under subject is empty'),
    (HEAD + '1,1_2,1,3,,micro\n', "subject '1' looks like subject '01'"),
    (HEAD + '01,01_2,1,3,,micro\n', "video '01_2' looks like subject '01', video '1_2"),
])
def test_what_is_wrong_with_a_table_is_said(text, why, tables, capsys):
  (tables / 'found.csv').write_text(text)
  assert spotting(['score', str(tables / 'found.csv'), str(tables / 'truth.csv')]) == 2
  error = capsys.readouterr().err
  assert why in error and 'found.csv' in error and error.count('\n') == 1


@pytest.mark.parametrize('frames, fps', [
    (str(10**40), '30'), ('600', '1e-300'), ('600', '1e300'), ('0', '30'),
    ('6.5', '30'), ('-600', '30'), ('600', '0'), ('1' * 5_000, '30')])
def test_a_video_that_cannot_be_is_refused(tables, capsys, frames, fps):
  (tables / 'videos.csv').write_text(
      f'subject,video,frames,fps\n01,1_2,{frames},{fps}\n02,1_1,1200,30\n')
  assert spotting(['score', str(tables / 'found.csv'), str(tables / 'truth.csv'),
                   '--lengths', str(tables / 'videos.csv')]) == 2
  error = capsys.readouterr().err
  assert 'videos.csv row 2: ' in error and error.count('\n') == 1
  assert len(error) < 1_500


def test_seeds_of_commands_are_whole_numbers_from_0(tables, capsys):
  for command in (
      ['spotting', 'score', str(tables / 'found.csv'), str(tables / 'truth.csv')],
      ['spotting', 'synthetic_long', f'--out={tables / "out"}'],
      ['replica', 'samm', str(tables / 'replica')]):
    for seed in ('-1', str(2**31)):
      assert program.main([*command, f'--seed={seed}']) == 2
      error = capsys.readouterr().err
      assert f'seed is {seed}; it must be a whole number from 0 to' in error
      assert error.count('\n') == 1
  assert not (tables / 'out').exists() and not (tables / 'replica').exists()
  for number in ('--clips-per-class=-1', '--nested=-1', '--videos=-1'):
    assert program.main(['replica', 'samm', str(tables / 'replica'), number]) == 2
    assert 'is -1; give 0 or more' in capsys.readouterr().err


@pytest.mark.parametrize('spotted, truth, others, why', [
    ([], [], {}, 'there is no interval in the spotted intervals nor in the truth'),
    (None, None, {}, 'spotted is None'), ([], None, {}, 'truth is None'),
    (3, [], {}, 'spotted is 3'), ([one(0, 9)], [(1, 2)], {}, r'the truth\[0\] is \(1'),
    ([one(9, 0)], [], {}, r'the spotted intervals\[0\] is .*the onset first'),
    ([one(.5, 9)], [], {}, 'with whole frames'),
    ([one(0, 9, kind='x')], [], {}, 'emotion, type'),
    ([one(0, 9)], [], {'lengths': {('a', 'v'): Length(9, 0.)}}, 'the lengths, a/v'),
    ([one(0, 9)], [], {'seed': -1}, 'seed is -1'),
    ([one(0, 9)], [], {'seed': 'x'}, "seed is 'x'")])
def test_what_is_no_interval_is_refused(spotted, truth, others, why):
  with pytest.raises(InputError, match=why):     # as where no types are checked
    inspect.unwrap(scores.score_spotting)(spotted, truth, **others)


def test_the_old_name_says_the_new_one(capsys):
  assert program.main(['spot', 'casme2', '--most', '3']) == 2
  assert capsys.readouterr().err == (
      'spot is now spotting apex: python -m lightman_jax spotting apex casme2 '
      '--most 3\n')
