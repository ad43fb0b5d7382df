"""Progress: plain lines in a log, a bar on a terminal, cheap either way."""

import io
import time

import pytest
from rich.console import Console

from lightman_jax.runs import progress as report_progress
from lightman_jax.runs.progress import Progress


class Clock:
  now = 0.

  def __call__(self):
    return self.now


def plain(**options):
  out, clock = io.StringIO(), Clock()
  console = Console(file=out, force_terminal=False, width=80)
  return out, clock, Progress(console=console, clock=clock, **options)


def test_a_log_gets_a_line_now_and_then():
  out, clock, progress = plain(period=10.)
  with progress:
    progress.stage('train', total=100)
    for step in range(1, 101):
      clock.now += 1.
      progress.update(step, folds='2/8', loss=.8312)
    progress.say('kept [best] of all')
  lines = out.getvalue().splitlines()
  assert lines[0] == 'train: 0/100'
  assert lines[1] == 'train: 10/100, folds 2/8, loss 0.831, 1:30 left'
  # The last step has one line, not two.
  assert len(lines) == 1 + 9 + 1 + 1
  assert 'kept [best] of all' in lines
  assert lines[-1] == 'train: 100/100, folds 2/8, loss 0.831, took 1:40'


def test_a_notebook_gets_ever_fewer_lines(monkeypatch, capsys):
  """As text of the standard error, although a browser could show more."""
  monkeypatch.setattr('rich.console._is_jupyter', lambda: True)
  monkeypatch.setenv('FORCE_COLOR', '1')
  clock = Clock()
  with Progress(clock=clock) as progress:
    progress.stage('train', total=36000)
    for step in range(1, 36001):
      clock.now += 1.
      progress.update(step)
  lines = capsys.readouterr().err.splitlines()
  assert lines[:2] == ['train: 0/36000', 'train: 10/36000, 9:59:50 left']
  assert len(lines) < 40 and lines[-1] == 'train: 36000/36000, took 10:00:00'


def test_who_wants_no_lines_gets_none(capsys):
  with Progress(quiet=True) as progress, progress.aside('compiling'):
    progress.stage('train', total=2)
    progress.update(1)
  assert capsys.readouterr() == ('', '')


def test_a_new_stage_ends_the_one_before():
  out, clock, progress = plain()
  with progress:
    progress.stage('flow', total=3)
    progress.update(3)
    progress.stage('train', total=2, done=1)
  assert out.getvalue().splitlines() == [
      'flow: 0/3', 'flow: 3/3, took 0:00', 'train: 1/2', 'train: 1/2, took 0:00']


def test_time_left_counts_neither_compilation_nor_what_was_done_before():
  out, clock, progress = plain(period=5.)
  with progress:
    progress.stage('train', total=1000, done=500)
    clock.now += 60   # compilation
    progress.update(510)
    clock.now += 5
    progress.update(520)
  assert 'train: 520/1000, 4:00 left' in out.getvalue()


def test_the_second_steps_tell_what_all_take():
  """What was compiled before them, or beside them, is no part of that."""
  out, clock, progress = plain(period=5.)
  with progress:
    progress.stage('train', total=1000, done=500, unit='step of a fold')
    clock.now += 2
    with progress.aside('compiling'):
      clock.now += 60
    clock.now += 26        # the first steps open devices and load programs as well
    progress.update(502, loss=1.)
    with progress.aside('predicting'):
      clock.now += 30
    clock.now += 12
    progress.update(506)
  assert out.getvalue().splitlines() == [
      'train: 500/1000', 'compiling', 'compiling: took 1:00', 'train: 502/1000, loss 1',
      'predicting', 'predicting: took 0:30',
      'train: a step of a fold takes 3 s, so 494 more take about 24:42',
      'train: 506/1000, 24:42 left', 'train: 506/1000, took 2:10']


def test_a_first_step_that_is_slow_for_being_first_tells_nothing():
  out, clock, progress = plain(period=100.)
  with progress:
    progress.stage('train', total=1002, unit='step')
    with progress.aside('compiling'):
      clock.now += 60
    for done, seconds in ((2, 13.), (3, .1), (102, 9.9), (202, 10.)):
      clock.now += seconds
      progress.update(done)
  estimates = [line for line in out.getvalue().splitlines() if 'about' in line]
  assert estimates == ['train: a step takes 0.1 s, so 900 more take about 1:30']


def test_nothing_is_told_of_steps_that_are_over():
  out, clock, progress = plain(period=100.)
  with progress:
    progress.stage('train', total=8, unit='step')
    for done in (2, 8):
      clock.now += 3.
      progress.update(done)
  assert 'more take' not in out.getvalue()


def test_what_takes_long_is_shown_meanwhile(monkeypatch):
  monkeypatch.setattr(report_progress, 'STILL', .05)
  out, _, progress = plain()
  with progress, progress.aside('compiling'):
    latest = time.monotonic() + 20
    while 'so far' not in out.getvalue() and time.monotonic() < latest:
      time.sleep(.01)
  assert 'compiling: 0:00 so far' in out.getvalue()


def test_an_error_is_not_an_end():
  out, _, progress = plain()
  with pytest.raises(KeyError), progress:
    progress.stage('train', total=3)
    raise KeyError
  assert 'took' not in out.getvalue()


def test_a_terminal_gets_a_bar():
  out = io.StringIO()
  console = Console(file=out, force_terminal=True, width=80, _environ={'TERM': 'xterm'})
  with Progress(console=console) as progress:
    progress.stage('train', total=200)
    for step in (50, 100):
      time.sleep(.15)
      progress.update(step, folds='1/8', loss=.5)
    progress.say('a remark')
    time.sleep(.15)
  for word in ('train', '100/200', 'folds 1/8, loss 0.5', 'left', 'a remark', 'took'):
    assert word in out.getvalue()


@pytest.mark.parametrize('terminal', [False, True])
def test_a_call_is_cheap(terminal):
  console = Console(file=io.StringIO(), force_terminal=terminal, width=80,
                    _environ={'TERM': 'xterm'})
  with Progress(console=console) as progress:
    progress.stage('train', total=2000)
    began = time.perf_counter()
    for step in range(2000):
      progress.update(step, loss=.5)
    assert (time.perf_counter() - began) / 2000 < 1e-3
