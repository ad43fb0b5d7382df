"""Takes the pictures of the report's page and of a video's page in docs/pictures/.

    python docs/screenshots.py

Two tiny runs on drawn faces, their report, and a drawn film's page, each shown by a
Chromium that is installed (`chromium`, or CHROMIUM=PROGRAM). Scores mean nothing.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

import lightman_jax as lm
from lightman_jax.report.page import command
from lightman_jax.synthetic import long
from lightman_jax.video import page

PICTURES = pathlib.Path(__file__).resolve().parent / 'pictures'
TINY = {'data.frames': 3, 'data.synthetic.faces': 'close', 'data.synthetic.subjects': 5,
        'data.synthetic.micro': 6, 'data.synthetic.macro': 3, 'episodes.folds': 2,
        'training.steps': 60, 'training.checkpoint_every': 60}


def report(folder: pathlib.Path) -> pathlib.Path:
  """The page of two methods' runs."""
  for method in ('supervised', 'protonet'):
    lm.run(lm.settings('synthetic:quick', method=method, encoder='mlp',
                       protocol='kfold', **TINY), folder / method)
  runs = command.read_runs([folder / 'supervised', folder / 'protonet'])
  return command.write(runs, folder / 'report')[0]


def film(folder: pathlib.Path) -> pathlib.Path:
  """The page of five seconds with two micro-expressions."""
  beside = long.Disturbances(blinks=15., glances=8., speech=0., turns=0., sway=.3)
  scene = long.plan_long(seed=33, seconds=5., micro=24., macro=0., disturbances=beside)
  frames, points = folder / 'film', []
  frames.mkdir()
  for shot in long.LongVideo(scene, fps=30., face_size=100, shape=(124, 160)):
    Image.fromarray(shot.picture).save(frames / f'{shot.number:04d}.png')
    points.append(shot.landmarks)
  video = lm.predict_video(frames, fps=30., landmarks=np.array(points))
  page.write_page(folder / 'film.html', video, frames=True, fps=30.)
  return folder / 'film.html'


def take(path: pathlib.Path, name: str, size: tuple[int, int]) -> None:
  """The top of a page as a picture in few colours.

  Args:
    path: of the page.
    name: of the picture.
    size: width and height in pixels.
  """
  place = PICTURES / name
  subprocess.run([os.environ.get('CHROMIUM', 'chromium'), '--headless', '--no-sandbox',
                  '--disable-gpu', '--hide-scrollbars', f'--screenshot={place}',
                  f'--user-data-dir={path.parent / "chromium"}',
                  f'--window-size={size[0]},{size[1]}', path.as_uri()],
                 check=True, stderr=subprocess.DEVNULL)
  Image.open(place).convert('RGB').quantize(128, dither=Image.Dither.NONE).save(
      place, optimize=True)
  print(f'{place}: {place.stat().st_size // 1024} KiB')


def main() -> int:
  """Takes both; returns the exit code."""
  PICTURES.mkdir(exist_ok=True)
  with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(folder)
    take(film(place), 'video.png', (900, 760))
    take(report(place), 'report.png', (900, 900))
  return 0


if __name__ == '__main__':
  sys.exit(main())
