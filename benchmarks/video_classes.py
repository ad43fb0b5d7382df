"""Which class expressions in rendered videos are given, and how often a set holds it.

    python benchmarks/video_classes.py --fps=200,60,30 --seeds=11,12 --seconds=60

renders a video for each rate and seed (`lightman_jax.synthetic.long`), with blinks,
glances, speech and a head that turns; gives the renderer's landmarks, each moved by
normal noise of `--jitter` pixels in every frame; and has a model (the open one, or
`--model=FOLDER`) name the class of each true interval, and of each that is spotted and
matched to one: the share that is right, and how often the set at 90 % holds it.
`--signals=DIR` keeps what is measured. How well is spotted is `benchmarks/video.py`'s.
"""

import argparse
import functools
import json
import pathlib

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


def measure(seed, fps, options, model):
  """One video: of true and of matched intervals, what the model says."""
  scene = long.plan_long(seed=seed, seconds=options.seconds, micro=9., macro=4.,
                         disturbances=long.Disturbances())
  video = long.LongVideo(scene, fps=fps)
  stem = f'{seed}_{fps:g}_{options.seconds:g}_{options.jitter:g}.npz'
  place = options.signals and pathlib.Path(options.signals) / stem
  signals = signals_of(video, options.jitter, place)
  result = spotting.find_expressions(signals, size=SIZE)
  truth = video.truth()
  pairs = matched(result.expressions, truth)
  look = functools.partial(recognised, model, video, jitter=options.jitter)
  return {'seed': seed, 'fps': fps,
          'true_intervals': [look(one, one) for one in truth],
          'matched_intervals': [look(result.expressions[i], truth[j])
                                for i, j in pairs]}


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
  """Renders, looks and prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--fps', default='200,60,30')
  parser.add_argument('--seeds', default='11,12')
  parser.add_argument('--seconds', type=float, default=60.)
  parser.add_argument('--jitter', type=float, default=.3)
  parser.add_argument('--model', default='', metavar='FOLDER')
  parser.add_argument('--signals', default='', metavar='DIR')
  parser.add_argument('--out', default='')
  options = parser.parse_args()
  cv2.setNumThreads(1)
  rates = [float(text) for text in options.fps.split(',')]
  seeds = [int(text) for text in options.seeds.split(',')]
  model, rows = load_model(options.model or None), []
  print('| | right, true intervals | in the set | classes in it | right, matched '
        'intervals | in the set | classes in it |\n|---|---|---|---|---|---|---|')
  for fps in rates:
    made = [measure(seed, fps, options, model) for seed in seeds]
    rows += made
    print(recognition(f'{fps:g} frames a second', made), flush=True)
    if options.out:
      with write_atomically(options.out) as file:
        json.dump(rows, file, indent=1)


if __name__ == '__main__':
  main()
