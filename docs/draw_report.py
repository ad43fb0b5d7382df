"""Draws README's picture of a report page: its top, as a browser shows it.

    python docs/draw_report.py RUN [RUN ...]

The page is made of finished runs; Chromium, which has to be there, opens it without a
window. Which runs the picture that is kept is of stands in docs/results/reproduce.md.
"""

import io
import pathlib
import shutil
import subprocess
import sys
import tempfile

from PIL import Image

from lightman_jax.report.page import command

FILE = pathlib.Path(__file__).resolve().parent / 'pictures' / 'report.png'
WIDTH, HEIGHT = 1000, 1250      # of the window, in pixels
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


def picture(page: pathlib.Path, browser: str) -> Image.Image:
  """The top of a page, as a browser draws it.

  Args:
    page: an HTML file.
    browser: its program, of the Chromium family.
  """
  shot = page.with_suffix('.png')
  subprocess.run(
      [browser, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
       f'--window-size={WIDTH},{HEIGHT}', f'--screenshot={shot}', page.as_uri()],
      check=True, stderr=subprocess.DEVNULL)
  return Image.open(io.BytesIO(shot.read_bytes())).convert('RGB')


def main(runs: list[str]) -> int:
  """Writes the picture; returns the exit code."""
  browser = next(filter(None, map(shutil.which, BROWSERS)), None)
  if not browser or not runs:
    print(__doc__ if browser else f'none of {", ".join(BROWSERS)} is installed',
          file=sys.stderr)
    return 2
  with tempfile.TemporaryDirectory() as folder:
    if code := command.report([*runs, f'--out={folder}']):
      return code
    shown = picture(pathlib.Path(folder, 'report.html'), browser)
  shown.quantize(64, dither=Image.Dither.NONE).save(FILE, 'PNG', optimize=True)
  print(f'{FILE}: {FILE.stat().st_size // 1024} KiB')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
