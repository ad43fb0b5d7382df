"""How well expressions are spotted in rendered videos whose truth is known.

    python benchmarks/video.py --fps=200,60,30 --seeds=11,12 --seconds=60 --out=FILE

renders a video for each rate and seed (`lightman_jax.synthetic.long`), with blinks,
glances, speech and a head that turns; gives the renderer's landmarks, each moved by
normal noise of `--jitter` pixels in every frame; measures motion, spots expressions,
and prints for each rate the share that is found (intersection over union of at least
one half), F1 by kind, false alarms a minute and the error of the apex. `--cost` has a
row for what each disturbance costs by itself. `--recognise` has a model (the open one,
or `--model=FOLDER`) name the class of each true interval and of each that is spotted
and matched to one: the share that is right, and how often the set at 90 % holds it.

`--signals=DIR` keeps what is measured, so that another start only spots and scores.
The settings were chosen on seeds 101 to 104; report other ones.
"""

import argparse
import functools
import json
import pathlib
import time

import cv2
import numpy as np

from lightman_jax.bundle.model import load_model
from lightman_jax.faces import landmarks as alignment
from lightman_jax.faces.apex import sample_frames
from lightman_jax.files import write_atomically
from lightman_jax.synthetic import long, scenes
from lightman_jax.video import measurement, spotting
from lightman_jax.video.faces import Break, Face
from lightman_jax.video.reading import Frame

SIZE = 128
QUIET = long.Disturbances(blinks=0., glances=0., speech=0., turns=0., sway=0., noise=0.)
CASES = {
    '': long.Disturbances(), 'nothing': QUIET, 'noise': QUIET._replace(noise=1.),
    'four times the noise': QUIET._replace(noise=4.),
    'blinks': QUIET._replace(blinks=20.), 'glances': QUIET._replace(glances=20.),
    'speech, a third of the time': QUIET._replace(speech=.33),
    'a head that sways and turns': QUIET._replace(turns=10., sway=1., yaw=8.),
    'a lamp of 50 Hz': QUIET._replace(mains=50.)}


def faces_of(video, *, jitter=0., size=SIZE):
  """Each frame with its face, aligned by the renderer's landmarks."""
  rng = np.random.default_rng(video.scene.seed)
  goal = alignment.canonical_landmarks(size)
  for shot in video:
    points = shot.landmarks + jitter * rng.standard_normal((68, 2)).astype(np.float32)
    matrix = alignment.fit_similarity(points, goal)
    grey = cv2.cvtColor(shot.picture, cv2.COLOR_RGB2GRAY)
    aligned = alignment.warp_frames(grey[None, ..., None], matrix, size)[0, ..., 0]
    low, high = points.min(0), points.max(0)
    yield Frame(shot.number, shot.time, shot.picture), [Face(
        shot.number, shot.time, 0, (*map(float, low), *map(float, high - low)), points,
        (0., 0., 0.), 1., aligned=aligned, cut=None if shot.number else Break.FIRST)]


def matched(expressions, truth, *, least=.5):
  """Pairs of indices whose intervals overlap by `least`, best first; each once."""
  def iou(e, t):
    inner = min(e.offset_s, t.offset_s) - max(e.onset_s, t.onset_s)
    return inner / (max(e.offset_s, t.offset_s) - min(e.onset_s, t.onset_s))
  pairs = sorted(((iou(e, t), i, j) for i, e in enumerate(expressions)
                  for j, t in enumerate(truth)), reverse=True)
  left, right, chosen = set(), set(), []
  for share, i, j in pairs:
    if share >= least and i not in left and j not in right:
      left.add(i)
      right.add(j)
      chosen.append((i, j))
  return chosen


def signals_of(video, jitter, place):
  """What is measured of a video, once."""
  if place and place.is_file():
    with np.load(place, allow_pickle=False) as kept:
      return spotting.Signals(**kept)
  table, _ = measurement.measure(faces_of(video, jitter=jitter))
  signals = measurement.signals_of(table, 0)
  if place:
    place.parent.mkdir(parents=True, exist_ok=True)
    np.savez(place, **signals._asdict())
  return signals


def recognised(model, video, interval, truth, *, jitter=0.):
  """Whether the class of an interval is right, is in its set, and how large that is."""
  rng = np.random.default_rng((video.scene.seed, interval.apex_frame))
  first = interval.onset_frame
  shots = {number - first: video.shot(number) for number in sample_frames(
      first, interval.apex_frame, interval.offset_frame, frames=model.about['frames'])}
  points = np.full((interval.offset_frame - first + 1, 68, 2), np.nan, np.float32)
  for number, shot in shots.items():
    points[number] = shot.landmarks + jitter * rng.standard_normal((68, 2))
  said = model.predict_frames(
      lambda number: shots[number].picture, onset=0, apex=interval.apex_frame - first,
      offset=interval.offset_frame - first, landmarks=points)
  label = scenes.CLASS_OF[truth.emotion]
  return [truth.kind, said.classes[0] == label, label in said.sets[0],
          len(said.sets[0])]


def measure(name, seed, fps, options, micro=9., macro=4., model=None):
  """One video: counts, and errors of the apex in ms."""
  disturbances, seconds = CASES[name], options.seconds
  scene = long.plan_long(seed=seed, seconds=seconds, micro=micro, macro=macro,
                         disturbances=disturbances)
  video = long.LongVideo(scene, fps=fps)
  begun, spent = time.time(), time.process_time()
  stem = f'{name}_{seed}_{fps:g}_{seconds:g}_{options.jitter:g}.npz'.replace(' ', '-')
  place = options.signals and pathlib.Path(options.signals) / stem
  signals = signals_of(video, options.jitter, place)
  result = spotting.find_expressions(signals, size=SIZE)
  truth = video.truth()
  pairs = matched(result.expressions, truth)
  row = {'seed': seed, 'fps': fps, 'minutes': seconds / 60, 'seconds':
         time.time() - begun, 'cpu': time.process_time() - spent,
         'truth': len(truth), 'spotted': len(result.expressions), 'found': len(pairs),
         'apex_ms': [1000 * abs(result.expressions[i].apex_s - truth[j].apex_s)
                     for i, j in pairs], 'remarks': result.remarks}
  if model is not None:
    look = functools.partial(recognised, model, video, jitter=options.jitter)
    row['true_intervals'] = [look(one, one) for one in truth]
    row['matched_intervals'] = [look(result.expressions[i], truth[j])
                                for i, j in pairs]
  for kind in ('micro', 'macro'):
    row[kind] = [sum(result.expressions[i].kind == truth[j].kind == kind
                     for i, j in pairs),
                 sum(e.kind == kind for e in result.expressions),
                 sum(t.kind == kind for t in truth)]
  return row


def summary(name, rows):
  """A line of the table over some videos."""
  counts = {kind: np.sum([row[kind] for row in rows], axis=0)
            for kind in ('micro', 'macro')}
  f1 = {kind: 2 * hits / max(spotted + truth, 1)
        for kind, (hits, spotted, truth) in counts.items()}
  apex = [error for row in rows for error in row['apex_ms']]
  minutes = sum(row['minutes'] for row in rows)
  false = sum(row['spotted'] - row['found'] for row in rows)
  found, truth = (sum(row[key] for row in rows) for key in ('found', 'truth'))
  return (f'| {name} | {minutes:.1f} | {found} of {truth} | {f1["micro"]:.4f} '
          f'({counts["micro"][2]}) | {f1["macro"]:.4f} ({counts["macro"][2]}) | '
          f'{false / minutes:.2f} | {np.median(apex) if apex else float("nan"):.0f} |')


def recognition(name, rows):
  """A line of the table of classes for each kind, true and matched intervals."""
  lines = []
  for kind in ('micro', 'macro'):
    cells = []
    for key in ('true_intervals', 'matched_intervals'):
      own = [one[1:] for row in rows for one in row[key] if one[0] == kind]
      right, inside, size = np.mean(own, 0) if own else (float('nan'),) * 3
      cells += [f'{right:.2f} ({len(own)})', f'{inside:.2f}', f'{size:.2f}']
    lines.append(f'| {name}, {kind} | {" | ".join(cells)} |')
  return '\n'.join(lines)


def main():
  """Renders, measures and prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--fps', default='200,60,30')
  parser.add_argument('--seeds', default='11,12')
  parser.add_argument('--seconds', type=float, default=60.)
  parser.add_argument('--jitter', type=float, default=.3)
  parser.add_argument('--cost', action='store_true')
  parser.add_argument('--recognise', action='store_true')
  parser.add_argument('--model', default='', metavar='FOLDER')
  parser.add_argument('--signals', default='', metavar='DIR')
  parser.add_argument('--out', default='')
  options = parser.parse_args()
  cv2.setNumThreads(1)
  rates = [float(text) for text in options.fps.split(',')]
  seeds = [int(text) for text in options.seeds.split(',')]
  cases = list(CASES)[1:] if options.cost else ['']
  print('| | minutes | found | micro F1 | macro F1 | false alarms a minute | '
        'apex error, ms |\n|---|---|---|---|---|---|---|')
  model = load_model(options.model or None) if options.recognise else None
  rows, classes = [], []
  for name in cases:
    for fps in rates:
      made = [measure(name, seed, fps, options, model=model) for seed in seeds]
      rows += [{'case': name, **row} for row in made]
      words = f'{name}, {fps:g} frames a second'.lstrip(', ')
      print(summary(words, made), flush=True)
      classes += [recognition(words, made)] if model else []
      if options.out:
        with write_atomically(options.out) as file:
          json.dump(rows, file, indent=1)


  if model:
    print('\n| | right, true intervals | in the set | classes in it | right, matched '
          'intervals | in the set | classes in it |\n|---|---|---|---|---|---|---|')
    print('\n'.join(classes))


if __name__ == '__main__':
  main()
