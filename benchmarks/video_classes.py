"""Which class expressions in rendered videos are given, and how often a set holds it.

    python benchmarks/video_classes.py --fps=200,60,30 --seeds=11,12 --seconds=60

renders a video for each rate and seed (`lightman_jax.synthetic.long`), with blinks,
glances, speech and a head that turns; gives the renderer's landmarks, each moved by
normal noise of `--jitter` pixels in every frame; and has a model (the open one, or
`--model=FOLDER`) name the class of each true interval, and of each that is spotted and
matched to one: the share that is right, and how often the set at 90 % holds it.
What is measured is that of `benchmarks/video.py`, whose question is how well
expressions are spotted; `--measured=DIR` keeps it.
"""

import argparse
import functools
import json
import pathlib

import cv2
import numpy as np

from lightman_jax.bundle.model import load_model
from lightman_jax.faces.apex import sample_frames
from lightman_jax.files import write_atomically
from lightman_jax.synthetic import long, scenes
from lightman_jax.video import intervals, long_videos


def intervals_of(rows):
  """Expressions as intervals of one video, by the numbers of their frames."""
  return [intervals.Interval('', '', one.onset_frame, one.offset_frame) for one in rows]


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
  recording, = long_videos.rendered_recordings(
      people=1, seconds=options.seconds, fps=fps, seed=seed, jitter=options.jitter,
      disturbances=long.Disturbances()).recordings
  video = long.LongVideo(long.plan_long(
      seed=seed, seconds=options.seconds, subject=recording.subject, micro=9., macro=4.,
      disturbances=long.Disturbances()), fps=fps)
  measured = long_videos.measure_recording(
      recording, pathlib.Path(options.measured) if options.measured else None)
  spotted = [row.expression for row in long_videos.expressions_of(
      long_videos.spot(measured, long_videos.GRID[0]))]
  truth = video.truth()
  pairs = intervals.match(intervals_of(spotted), intervals_of(truth))
  look = functools.partial(recognised, model, video, jitter=options.jitter)
  return {'seed': seed, 'fps': fps,
          'true_intervals': [look(one, one) for one in truth],
          'matched_intervals': [look(spotted[i], truth[j]) for i, j in pairs]}


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
  parser.add_argument('--measured', default='', metavar='DIR')
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
