"""SIGTERM, and a run of two processes: what ends them, and that nothing is lost.

Real processes over loopback, the collectives those of CPUs. The run is stopped by
SIGTERM as one process, and one of two is killed in the middle; both go on, and end with
the same bytes.
"""

import csv
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

SAME = ('results.json', 'predictions.csv')


@pytest.fixture
def words(tiny):
  """What compiles soonest; forty moments at which it can be stopped."""
  return (*tiny, '--config.method.name=supervised', '--config.model.encoder=ststnet',
          '--config.model.temporal_depth=0', '--config.inputs.size=28',
          '--config.training.steps=40', '--config.training.split=folds')


def pair(program, *words):
  """Two processes of one device each, which meet at a free port."""
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  return [program.start(*words, f'--coordinator=localhost:{port}', '--processes=2',
                        f'--process={n}', '--heartbeat=5', JAX_NUM_CPU_DEVICES='1')
          for n in (0, 1)]


def in_the_middle(folder, program, processes):
  log = folder / 'metrics.jsonl'
  program.wait_for(lambda: log.exists() and log.read_bytes().count(b'\n') >= 6,
                   *processes)


def ended(process):
  """Exit code, and the last line that it said."""
  err = process.communicate(timeout=300)[1]
  return process.returncode, err.strip().split('\n')[-1], err


def predictions(folder):
  """Of each clip, the probabilities."""
  rows = csv.DictReader((folder / 'predictions.csv').read_text().splitlines())
  columns = [name for name in rows.fieldnames if name.startswith('probability_')]
  assert len(columns) == 3
  return {row['clip']: [float(row[name]) for name in columns] for row in rows}


@pytest.mark.slow
def test_stopped_lost_and_gone_on_with(program, words, tmp_path):
  one, two = tmp_path / 'one', tmp_path / 'two'
  process = program.start(*words, f'--workdir={one}', JAX_NUM_CPU_DEVICES='2')
  in_the_middle(one, program, [process])
  process.send_signal(signal.SIGTERM)
  code, said, err = ended(process)
  assert (code, said) == (143, 'launch.py: stopped by SIGTERM; the same command goes '
                          'on from here') and 'Traceback' not in err
  # Every step that was done is saved.
  steps = (one / 'metrics.jsonl').read_bytes().count(b'\n')
  newest = max(int(path.name) for path in (one / 'checkpoints').iterdir())
  assert newest == steps and not (one / 'results.json').exists()
  assert program.run(*words, f'--workdir={one}', JAX_NUM_CPU_DEVICES='2').code == 0

  first, second = pair(program, *words, f'--workdir={two}')
  in_the_middle(two, program, [first, second])
  refused = program.run(*words, f'--workdir={two}')
  assert refused.refused_with('in use')
  second.kill()
  began = time.monotonic()
  code, said, _ = ended(first)
  assert code == 75 and time.monotonic() - began < 60, said
  assert said.startswith('launch.py: another process of this run has ended'), said
  second.communicate()       # or its pipes stay open, and that is a warning
  assert not (two / 'results.json').exists()
  for number, (code, _, err) in enumerate(map(ended, pair(
      program, *words, f'--workdir={two}'))):
    assert code == 0 and ('process 0 says how far' in err) == (number > 0), err
  # Clips that stay in files: each process reads those of its own device.
  host = (*words, '--config.training.data=host', f'--workdir={tmp_path / "host"}')
  (*_, said), (*_, err) = outcomes = [*map(ended, pair(program, *host))]
  assert [code for code, *_ in outcomes] == [0, 0], said + err
  assert 'they stay in files' in said
  for name in SAME:
    assert (one / name).read_bytes() == (two / name).read_bytes(), name
  # Another program, whose sums XLA may take in another order.
  here, there = (predictions(folder) for folder in (one, tmp_path / 'host'))
  assert here.keys() == there.keys()
  for clip, row in here.items():
    assert row == pytest.approx(there[clip], abs=2e-5), clip


@pytest.mark.slow
def test_layouts_train_alike():
  """One device, eight, two processes of four, and a change between them; to 1e-5."""
  program = pathlib.Path(__file__).parents[2] / 'benchmarks' / 'layouts.py'
  done = subprocess.run([sys.executable, program], capture_output=True, text=True)
  assert done.returncode == 0, done.stdout + done.stderr
  rows = {line.split('|')[1].strip(): line.split('|')[3].strip()
          for line in done.stdout.splitlines()[2:]}
  assert len(rows) == 7
  for layout, exchanged in rows.items():
    assert exchanged == ('-' if 'then' in layout else 'yes' if 'tasks' in layout else
                         'none'), layout
  assert sum(layout.startswith('2 processes x 4 devices') for layout in rows) == 2


@pytest.mark.parametrize('flags, said', [
    (('--processes=2',), '--coordinator=HOST:PORT'),
    (('--coordinator=h:1', '--processes=2', '--process=2'), 'from 0 to N - 1'),
    (('--distributed', '--sweep=methods'), '--sweep'),
    (('--distributed', '--config.training.devices=1'), 'training.devices'),
    (('--distributed',), 'no cluster is found')])
def test_what_does_not_fit_together(program, tiny, tmp_path, flags, said):
  refused = program.run(*tiny, *flags, f'--workdir={tmp_path / "run"}')
  assert refused.refused_with(said) and not list(tmp_path.iterdir())
