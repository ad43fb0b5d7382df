"""Many videos: what is lost when a study is ended, its tables, and its tests."""

import csv
import gc
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc

import cv2
import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax.video import command, study, study_page, study_rows, study_tables
from lightman_jax.video.study_tables import Event, Part, Seen

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOTH = {'micro': True, 'macro': True}


def seen(person, condition, seconds, *expressions, video='v', assessable=BOTH):
  spans = ((0., seconds),)
  return Seen(video, person, condition, (Part(spans, assessable, seconds),),
              tuple(expressions))


# Tables by hand.


def test_rates_are_of_what_was_looked_at_where_a_kind_can_be_seen():
  slow = {'micro': False, 'macro': True}
  rows = study_tables.summary_rows([
      seen('ann', 'a', 60., ('micro', 'nose', 1.), ('macro', 'chin', 5.)),
      seen('ann', 'a', 30., ('macro', 'nose', 2.), assessable=slow),
      seen('ben', 'b', 30., assessable=slow)])
  cell = {(row['person'], row['kind'], row['region']): row for row in rows}
  assert len(cell) == len(rows) == 2 * 2 * len(study_tables.REGIONS)
  assert cell['ann', 'micro', 'any']['a_minute'] == 1.
  assert cell['ann', 'macro', 'any']['looked_at_min'] == 1.5
  assert cell['ann', 'macro', 'any']['a_minute'] == pytest.approx(2 / 1.5)
  assert cell['ann', 'macro', 'nose']['expressions'] == 1
  assert cell['ben', 'micro', 'any']['a_minute'] is None
  assert cell['ben', 'macro', 'any']['a_minute'] == 0.


def test_expressions_are_locked_to_the_event_in_which_they_begin():
  events = [Event('v', 10., 'dog'), Event('v', 30., 'snake'), Event('w', 0., 'dog')]
  part = Part(((0., 20.), (25., 40.)), BOTH, 35.)
  one = Seen('v', 'ann', 'a', (part,), (
      ('micro', 'nose', 9.9), ('micro', 'nose', 12.), ('micro', 'nose', 14.),
      ('micro', 'nose', 30.), ('macro', 'nose', 31.)))
  rows = {(row['event'], row['kind']): row for row in study_tables.event_rows(
      [one], events)}
  dog, snake = rows['dog', 'micro'], rows['snake', 'micro']
  assert (dog['expressions'], dog['latency_s'], dog['times']) == (2, 2., 1)
  assert dog['looked_at_min'] == pytest.approx(15 / 60)       # 10 to 20, 25 to 30
  assert dog['a_minute'] == pytest.approx(8.)
  assert (snake['expressions'], snake['latency_s']) == (1, 0.)
  assert rows['dog', 'macro']['latency_s'] is None
  other = [{**dog, 'person': 'ben', 'a_minute': 2., 'latency_s': None},
           {**dog, 'person': 'eve', 'a_minute': None, 'latency_s': None}]
  people = study_page.events_of([*rows.values(), *other])
  assert [(row['event'], row['kind']) for row in people] == [
      ('dog', 'micro'), ('dog', 'macro'), ('snake', 'micro'), ('snake', 'macro')]
  assert (people[0]['people'], people[0]['latency_s']) == (2, 2.)
  assert people[0]['a_minute'] == pytest.approx(5.)           # of 8 and 2
  mine = study_tables.by_video(events)['v']
  assert study_tables.last_event(mine, 9.9) is None
  assert study_tables.last_event(mine, 30.).name == 'snake'


def test_p_by_hand():
  """Six pairs that all differ one way: 2 of 64 signs. Three and three: 2 of 20."""
  one = {name: 5. + k for k, name in enumerate('abcdef')}
  other = {name: 1. + k / 2 for k, name in enumerate('abcdef')}
  test = study_tables.compare_rates('micro', 'x', 'y', one, other)
  assert (test.paired, test.people, test.left_out) == (True, 6, 0)
  assert test.p == pytest.approx(2 / 64)
  gap = np.array([one[name] - other[name] for name in 'abcdef'])
  assert test.difference == pytest.approx(gap.mean())
  assert test.low == pytest.approx(gap.mean() - 2.570582 * gap.std(ddof=1) / 6**.5)
  apart = study_tables.compare_rates('micro', 'x', 'y', dict(a=5., b=6., c=7.),
                                     dict(d=1., e=2., f=3., a=2.))
  assert (apart.paired, apart.people, apart.left_out) == (False, 5, 1)
  three = study_tables.compare_rates('micro', 'x', 'y', dict(a=5., b=6., c=7.5),
                                     dict(d=1., e=2., f=3.))
  assert three.p == pytest.approx(2 / 20)
  verdicts = [one.verdict for one in study_tables.judge([test, three])]
  assert verdicts == ['too few people: chance alone could not be excluded'] * 2
  assert study_tables.judge([test])[0].verdict == 'more a minute in x than in y'
  assert not np.isfinite(study_tables.compare_rates('micro', 'x', 'y', {}, one).p)


def drawn_study(rng, people, rates, minutes, *, paired):
  """Videos of a study in which expressions come at known rates, by chance."""
  videos = []
  for n in range(people):
    own = rng.gamma(4., .25)                  # people differ
    for k, (condition, rate) in enumerate(rates.items()):
      if not paired and n % 2 != k:
        continue
      seconds = 60. * rng.uniform(.5, 1.5) * minutes[condition]
      videos.append(seen(f'p{n}', condition, seconds, *(
          (kind, 'nose', 1.) for kind, factor in (('micro', 1.), ('macro', .5))
          for _ in range(rng.poisson(own * factor * rate * seconds / 60.)))))
  return videos


def calls(monkeypatch, tables, rates, minutes, *, paired, people):
  monkeypatch.setattr(study_tables, 'RESAMPLES', 199)
  rng = np.random.default_rng(7)
  said = []
  for _ in range(tables):
    videos = drawn_study(rng, people, rates, minutes, paired=paired)
    assert len(videos) == (2 * people if paired else people)
    tests = study_tables.compare_conditions(study_tables.summary_rows(videos))
    assert {test.paired for test in tests} == {paired} and len(tests) == 2
    said.append([test.verdict for test in tests])
  return said


@pytest.mark.parametrize('paired', [True, False])
def test_a_known_difference_is_found_in_thirty_videos(monkeypatch, paired):
  people = 15 if paired else 30
  said = calls(monkeypatch, 6, {'film': 6., 'rest': 2.}, {'film': 3., 'rest': 3.},
               paired=paired, people=people)
  assert sum(one[0] == 'more a minute in film than in rest' for one in said) >= 5


@pytest.mark.parametrize('paired', [True, False])
def test_no_difference_is_not_called(monkeypatch, paired):
  """In 60 studies of thirty videos, of which one condition was seen three times as
  long, at most as many as chance gives at 5 % (a 99.9 % limit of the binomial)."""
  people = 15 if paired else 30
  said = calls(monkeypatch, 60, {'film': 3., 'rest': 3.}, {'film': 1., 'rest': 3.},
               paired=paired, people=people)
  called = sum(any('more a minute' in words for words in one) for one in said)
  assert called <= 9


# A table of videos.


def written(place, text):
  place.write_text(text)
  return place


@pytest.mark.parametrize('text, sentence', [
    ('video\na.mp4\n', 'has no column person'),
    ('video,person\n', 'names no video'),
    ('video,person\na.mp4,\n', 'line 2: person is empty'),
    ('video,person\na.mp4,s1\nb.mp4,S01\n', "line 3: 'S01' and 's1' (line 2)"),
    ('video,person,condition\na.mp4,x,Film\nb.mp4,y,film\n', 'look like one'),
    ('video,person\na.mp4,x\na.mp4,x\n',
     "line 3: a.mp4 of 'x' shares a stretch with line 2"),
    ('video,person\na.mp4,x\n./a.mp4,y\n',
     "line 3: ./a.mp4 of 'y' shares a stretch with line 2, of 'x'"),
    ('video,person,condition,start,end\na.mp4,x,b,0.5,\na.mp4,x,a,,2\n',
     'line 3: a.mp4'),
    ('video,person,start,end\na.mp4,x,0,2\nb.mp4,y,,\na.mp4,x,3,9\na.mp4,x,4,5\n',
     "line 5: a.mp4 of 'x' shares a stretch with line 4"),
    ('video,person\na.mp4,"x\ny"\n', 'line break'),
    ('video,person,start\na.mp4,x,one\n', "line 2: start 'one' is no number"),
    ('video,person,start,end\na.mp4,x,5,2\n', 'start 5 is not before end 2'),
    ('video,person,baseline\na.mp4,x,5\n', 'line 2: --baseline=5')])
def test_a_table_that_cannot_be_is_refused(text, sentence, tmp_path, capsys):
  table = written(tmp_path / 'videos.csv', text)
  out = tmp_path / 'out'
  assert command.predict([f'--study={table}', f'--out={out}']) == 2
  said = capsys.readouterr().err
  assert sentence in said and '[E802]' in said and said.count('\n') == 1
  assert not out.exists()


@pytest.mark.parametrize('words, sentence', [
    (['a.mp4', '--study=x.csv'], 'name one or more videos'),
    (['--study=x.csv', '--start=3'], '--start is a column of the table of videos'),
    (['--study=x.csv', '--face=all'], 'a row of a study is one person'),
    (['a.mp4', '--events=x.csv'], '--events goes with --study'),
    (['--study=x.csv', '--processes=-1'], '--processes=-1'),
    (['a.mp4', '--live'], '--live goes with -'),
    (['-', 'a.mp4'], 'looked at by itself'),
    (['--camera=0', '--annotate'], '--annotate needs a file'),
    (['--camera=-1'], 'counted from 0'),
    (['--camera=0', '--seconds=0'], '--seconds=0')])
def test_flags_that_do_not_go_together(words, sentence, tmp_path, capsys):
  assert command.predict([*words, f'--out={tmp_path / "out"}']) == 2
  said = capsys.readouterr().err
  assert sentence in said and said.count('\n') == 1


def test_events_are_of_the_studys_videos(tmp_path):
  rows = study_rows.read_study(written(
      tmp_path / 'v.csv', 'video,person,condition,baseline\nme.mp4,ann,a,0:3\n'
      'b/me.mp4,ben,a,\n'))
  assert [row.folder for row in rows] == ['me', 'me-2']
  assert rows[0].baseline == (0., 3.) and rows[1].baseline is None
  table = written(tmp_path / 'e.csv', 'video,time,name\n./me.mp4,1.5,dog\n')
  assert study_rows.read_events(table, rows) == [Event('me.mp4', 1.5, 'dog')]
  for text, sentence in (('c.mp4,1,dog', "no video 'c.mp4'"), ('me.mp4,,dog', 'a time'),
                         ('me.mp4,x,dog', 'no number')):
    written(table, f'video,time,name\n{text}\n')
    with pytest.raises(lm.InputError, match=sentence):
      study_rows.read_events(table, rows)


# A study that is looked at.


@pytest.fixture(scope='module')
def place(tmp_path_factory, drawn):
  """Pictures of the drawn video, the table of its landmarks, and of a study."""
  place = tmp_path_factory.mktemp('study')
  (place / 'me').mkdir()
  with open(place / 'points.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['frame', *(f'{axis}_{k}' for axis in 'xy' for k in range(68))])
    for shot in drawn:
      cv2.imwrite(str(place / 'me' / f'{shot.number:05d}.png'), shot.picture[..., ::-1],
                  [cv2.IMWRITE_PNG_COMPRESSION, 1])
      table.writerow([shot.number, *shot.landmarks.T.ravel().tolist()])
  for other in 'bcdef':
    shutil.copytree(place / 'me', place / other / 'me')
  return place


# Of each row of a study another recording; all show the same.
COPIES = ('me', *(f'{other}/me' for other in 'bcdef'))


def rows_of(*rows):
  return 'video,person,condition,end,fps,landmarks\n' + ''.join(
      f'{row},30,points.csv\n' for row in rows)


def run(*words):
  return command.predict([*map(str, words), '--processes=1'])


def done_times(out):
  return {path.parent.name: path.stat().st_mtime_ns
          for path in (out / 'videos').glob('*/done.json')}


def test_a_study_goes_on_and_one_bad_file_stops_nothing(place, tmp_path, monkeypatch,
                                                         capsys):
  # Reading all sources takes long where types are checked.
  monkeypatch.setattr(study, '_code', lambda: 'code')
  table = written(place / 'videos.csv', rows_of(
      'me,ann,film,.4', 'gone.mp4,ben,film,', 'b/me,ann,rest,.5'))
  events = written(place / 'events.csv', 'video,time,name\nme,0.2,dog\n')
  out = tmp_path / 'out'
  assert run(f'--study={table}', f'--events={events}', f'--out={out}') == 1
  said = capsys.readouterr()
  assert 'gone.mp4' in said.err and '[E801]' in said.err
  opened = lm.open_study(out)
  assert opened.videos['code'].tolist() == ['', 'E801', '']
  assert 'gone.mp4' in opened.videos['message'][1]
  np.testing.assert_array_equal(opened.videos['frames'][[0, 2]], [12, 15])
  assert set(opened.summary['condition']) == {'film', 'rest'}
  assert set(opened.summary['person']) == {'ann'}
  assert opened.events['event'].tolist() == ['dog'] * 2
  assert len(opened.tests['p']) == 2 and 'too few' in opened.tests['verdict'][0]
  page = (out / 'page.html').read_text()
  assert 'The time that was looked at differs' in page and '[E801]' in page
  assert '<script' not in page and 'href="videos/me-2/page.html"' in page
  # Again: what is done stays; another end makes one row anew; the tables follow.
  before = done_times(out)
  written(table, rows_of('me,ann,film,.4', 'b/me,ann,rest,.4', 'c/me,ben,film,.4'))
  assert set(before) == {'me', 'me-2'}
  assert run(f'--study={table}', f'--out={out}') == 0
  said = capsys.readouterr().out
  assert '1 of 3 videos are done already' in said
  after = done_times(out)
  assert after['me'] == before['me'] and len(after) == 3
  assert lm.open_study(out).events['event'].size == 0      # none were named


@pytest.mark.slow
def test_memory_is_flat_over_the_videos_of_a_study(place, tmp_path, monkeypatch):
  monkeypatch.setattr(study, '_code', lambda: 'code')
  row, = study_rows.read_study(written(place / 'one.csv', rows_of('me,ann,film,.2')))
  options = vars(command._parser().parse_args([]))
  kept = []
  for number in range(4):
    if number == 1:                     # what is made once has been made
      tracemalloc.start()
    assert study.look_at(row, options, None, tmp_path / f'{number}').fresh
    gc.collect()
    kept.append(tracemalloc.get_traced_memory()[0])
  tracemalloc.stop()
  picture = 3 * 124 * 160
  assert kept[3] - kept[1] < picture, kept


def test_what_is_no_study_is_refused(tmp_path):
  with pytest.raises(lm.InputError, match='is no study: it has no summary.csv'):
    lm.open_study(tmp_path)
  (tmp_path / 'summary.csv').write_text('a,b\n1\n')
  with pytest.raises(lm.InputError, match='lines differ in length'):
    assert lm.open_study(tmp_path).summary


def test_names_cannot_break_the_page():
  name = '<script>alert(1)</script>'
  videos = [{'video': name, 'person': name, 'condition': name, 'folder': 'me',
             'frames': 3, 'looked_at_s': '60', 'micro': '1', 'macro': '0', 'code': '',
             'message': name}]
  summary = study_tables.summary_rows([
      seen('a', name, 60., ('micro', 'nose', 1.)), seen('a', 'rest', 60.)])
  page = study_page.render({'videos': videos, 'summary': summary, 'tests': [
      test._asdict() for test in study_tables.compare_conditions(summary)]})
  assert name not in page and '&lt;script&gt;' in page
  dots = study_page.figure(summary, 'micro').dots
  assert [dot.y for dot in dots] == [study_page._TOP, study_page._BOTTOM]


def test_what_few_people_do_not_say_is_a_dash():
  """One person under both conditions, and one under each: nothing can be tested."""
  row = lambda who, condition, code='': {
      'video': 'a.mp4', 'person': who, 'condition': condition, 'folder': 'me',
      'frames': 3, 'looked_at_s': '60', 'micro': '1', 'macro': '0', 'code': code,
      'message': ''}
  summary = study_tables.summary_rows([
      seen('a', 'calm', 60.), seen('b', 'rest', 60.), seen('c', 'calm', 60.),
      seen('c', 'rest', 60.)])
  tests = [test._asdict() for test in study_tables.compare_conditions(summary)]
  assert tests and not math.isfinite(tests[0]['p']) and tests[0]['left_out'] == 1
  page = study_page.render({
      'summary': summary, 'tests': tests, 'videos': [
          row('a', 'calm'), row('b', 'rest'), row('c', 'calm'), row('c', 'rest'),
          row('d', 'rest', 'E801')]})
  assert 'nan' not in page and '– to –' in page
  assert '1 left out, seen under both' in page
  assert '3 people in 4 videos; 1 more could not be looked at' in page


def start(table, out, processes):
  with open(f'{out}.log', 'wb') as said:
    return subprocess.Popen(
        [sys.executable, '-m', 'lightman_jax', 'predict', f'--study={table}',
         f'--out={out}', f'--processes={processes}'], cwd=ROOT, stdout=said,
        stderr=subprocess.STDOUT, start_new_session=True)


@pytest.mark.slow
def test_kill_9_loses_at_most_one_video(place, tmp_path):
  table = written(place / 'many.csv', rows_of(
      *(f'{COPIES[n]},p{n % 3},{"ab"[n // 3]},{.5 + n / 10}' for n in range(6))))
  whole, out = tmp_path / 'whole', tmp_path / 'out'
  assert start(table, whole, 2).wait(600) == 0
  process = start(table, out, 1)
  while len(done_times(out)) < 3:
    assert process.poll() is None, pathlib.Path(f'{out}.log').read_text()
    time.sleep(.01)
  os.killpg(process.pid, signal.SIGKILL)
  process.wait()
  before = done_times(out)
  assert 3 <= len(before) < 6
  again = start(table, out, 1)
  code, said = again.wait(600), pathlib.Path(f'{out}.log').read_text()
  assert code == 0, said
  assert f'{len(before)} of 6 videos are done already' in said
  after = done_times(out)
  assert {name: after[name] for name in before} == before
  for name in ('videos.csv', 'expressions.csv', 'summary.csv', 'tests.csv'):
    assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
def test_a_video_that_ends_its_process_has_its_line(place, tmp_path):
  """Two videos at a time; the process of one is killed, and the others go on."""
  table = written(place / 'killed.csv', rows_of(
      *(f'{COPIES[n]},p{n},a,{3 + n / 10}' for n in range(4))))
  out = tmp_path / 'out'
  process = start(table, out, 2)
  victim = 0
  while not victim:
    assert process.poll() is None
    children = pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children')
    victims = [int(number) for task in children.parents[1].iterdir()
               for number in (task / 'children').read_text().split()]
    begun = [path for path in (out / 'videos').glob('*/*')]
    victim = victims[0] if victims and begun else 0
    time.sleep(.01)
  os.kill(victim, signal.SIGKILL)
  process.wait(600)
  codes = lm.open_study(out).videos['code'].tolist()
  assert process.returncode == (1 if 'E801' in codes else 0) and len(codes) == 4
  assert codes.count('E801') <= 1
  assert start(table, out, 2).wait(600) == 0
  assert set(lm.open_study(out).videos['code'].tolist()) == {''}
  content = json.loads((out / 'videos' / 'me' / 'done.json').read_text())
  assert set(content) == {'key', 'line', 'parts'}
