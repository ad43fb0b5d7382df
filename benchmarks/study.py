"""Is a known difference between two conditions found in rendered videos?

    python benchmarks/study.py --people=15 --seconds=20 --out=DIR

renders two videos of each person (`lightman_jax.synthetic.long`, with blinks, glances
and a head that sways), one under each condition, with the renderer's landmarks in a
table, and looks at them as `predict --study` does. In the study `known` the condition
`film` has `--film` micro-expressions a minute and `rest` has `--rest`; in `none` both
have the mean of these, and nothing should be called. Printed are the true rates of what
was drawn and those that were counted, the tests, and the most memory that a process
took.
"""

import argparse
import csv
from fractions import Fraction
import pathlib
import resource
import sys

import av
import numpy as np

import lightman_jax as lm
from lightman_jax.synthetic import long
from lightman_jax.video import command

FPS = 30


def write_video(place: pathlib.Path, video) -> None:
  """A video of h264 with hardly a loss, and the table of its landmarks."""
  with av.open(str(place.with_suffix('.mp4')), 'w') as file, open(
      place.with_suffix('.csv'), 'w', newline='') as points:
    stream = file.add_stream('libx264', rate=FPS, options={'crf': '12'})
    stream.height, stream.width = video.shape
    stream.pix_fmt = 'yuv420p'
    stream.codec_context.time_base = Fraction(1, FPS)
    table = csv.writer(points)
    table.writerow(['frame', *(f'{axis}_{k}' for axis in 'xy' for k in range(68))])
    for shot in video:
      frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shot.picture),
                                         format='rgb24')
      frame.pts, frame.time_base = shot.number, Fraction(1, FPS)
      file.mux(stream.encode(frame))
      table.writerow([shot.number, *np.round(shot.landmarks.T.ravel(), 3).tolist()])
    file.mux(stream.encode())


def render(place: pathlib.Path, options, rates: dict[str, float]) -> dict[str, float]:
  """The videos of a study and its table; returns the rates that were drawn."""
  place.mkdir(parents=True, exist_ok=True)
  beside = long.Disturbances(blinks=12., glances=8., speech=0., turns=0., sway=.3)
  drawn = dict.fromkeys(rates, 0)
  with open(place / 'videos.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['video', 'person', 'condition', 'landmarks'])
    for person in range(options.people):
      for k, (condition, rate) in enumerate(rates.items()):
        scene = long.plan_long(
            seed=options.seed + 2 * person + k, subject=f'sub{person:02}',
            seconds=options.seconds, micro=rate, macro=0., disturbances=beside)
        drawn[condition] += len(scene.expressions)
        name = f'{condition}{person:02}'
        if not (place / f'{name}.csv').is_file():
          write_video(place / name, long.LongVideo(
              scene, fps=float(FPS), face_size=100, shape=(124, 160)))
        table.writerow([f'{name}.mp4', f'sub{person:02}', condition, f'{name}.csv'])
  minutes = options.people * options.seconds / 60.
  return {condition: count / minutes for condition, count in drawn.items()}


def main() -> None:
  """Runs it."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--people', type=int, default=15)
  parser.add_argument('--seconds', type=float, default=20.)
  parser.add_argument('--film', type=float, default=15., help='a minute')
  parser.add_argument('--rest', type=float, default=3., help='a minute')
  parser.add_argument('--seed', type=int, default=500)
  parser.add_argument('--processes', type=int, default=0)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  options = parser.parse_args()
  mean = .5 * (options.film + options.rest)
  for name, rates in (('known', {'film': options.film, 'rest': options.rest}),
                      ('none', {'film': mean, 'rest': mean})):
    place = options.out / name
    drawn = render(place, options, rates)
    code = command.predict([f'--study={place / "videos.csv"}', f'--out={place / "out"}',
                            f'--processes={options.processes}'])
    tests = lm.open_study(place / 'out').tests
    for k, kind in enumerate(tests['kind']):
      truth = ', '.join(f'{rate:.2f} a minute in {condition}'
                        for condition, rate in drawn.items())
      print(f'{name}, {kind}: drawn {truth if kind == "micro" else "none"}; counted '
            f'{tests["mean_first"][k]:.2f} and '
            f'{tests["mean_second"][k]:.2f}, p {tests["p"][k]:.4f}, adjusted '
            f'{tests["adjusted"][k]:.4f}: {tests["verdict"][k]}')
    if code:
      sys.exit(code)
  for words, who in (('this process', resource.RUSAGE_SELF),
                     ('the largest other', resource.RUSAGE_CHILDREN)):
    print(f'{words}: {resource.getrusage(who).ru_maxrss / 1024:.0f} MiB at most')


if __name__ == '__main__':
  main()
