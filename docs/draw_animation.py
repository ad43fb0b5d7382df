"""Draws README's moving picture: a micro-expression, its flow, and the same magnified.

    python docs/draw_animation.py

Somebody who does not exist, drawn by this package. On the left as a camera would see
it, slowed down; in the middle the optical flow from the first frame, its direction as
colour and its length as strength; on the right the same expression, in which every
point moves three times as far.
"""

import pathlib
import sys

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lightman_jax.faces import dense_flow
from lightman_jax.synthetic import scenes

FILE = pathlib.Path(__file__).resolve().parent / 'pictures' / 'micro-expression.gif'
SIZE, FACTOR, SECONDS = 168, 3., .07        # pixels, times the motion, of a frame
PERSON, CLIP = 'sub03', 5                   # of seed 7: raises the brows


def scene() -> scenes.Scene:
  """A micro-expression at 60 frames a second, without what would fill a file."""
  calm = scenes.Difficulty(micro=(2., 3.), overlap=0., incidental=0., rest=.3,
                           framing=0., head=0., blink=0., noise=0., flicker=0.)
  plans = scenes.plan_scenes(seed=7, subjects=3, micro=6, macro=0, fps=60.,
                             difficulty=calm)
  return [one for one in plans if one.subject == PERSON][CLIP]


def flow_picture(first: np.ndarray, now: np.ndarray) -> np.ndarray:
  """The flow between two frames in colours, (h, w, 3) uint8; no motion is white."""
  grey = dense_flow.grey(np.stack([first, now]))
  u, v = np.moveaxis(dense_flow.optical_flow(*grey, algorithm='dis'), -1, 0)
  strength = np.clip(np.hypot(u, v) / 5., 0, 1)
  hue = (np.arctan2(v, u) + np.pi) / (2 * np.pi)
  colours = np.stack([179 * hue, 255 * strength, np.full_like(hue, 255)], -1)
  return cv2.cvtColor(colours.astype(np.uint8), cv2.COLOR_HSV2RGB)


def caption(words: str) -> np.ndarray:
  """A line of text above a picture, (h, w, 3) uint8."""
  line = Image.new('RGB', (SIZE, 20), 'white')
  ImageDraw.Draw(line).text((SIZE / 2, 10), words, 'black',
                            ImageFont.load_default(12), anchor='mm')
  return np.asarray(line)


def frames() -> list[np.ndarray]:
  """The pictures from first to last, three beside each other."""
  plan = scene()
  # The first is drawn at rest; then every other frame of what happens.
  numbers = tuple(dict.fromkeys((plan.onset, *range(plan.onset, plan.offset + 1, 2),
                                 plan.offset)))
  as_it_is, magnified = (
      scenes.render_scene(one, frames=numbers, size=SIZE).frames
      for one in (plan, plan._replace(amplitude=FACTOR * plan.amplitude)))
  gap = np.full((SIZE, 4, 3), 255, np.uint8)
  head = [caption(words) for words in ('slowed down', 'optical flow', 'magnified')]
  head = np.hstack([head[0], gap[:20], head[1], gap[:20], head[2]])
  shots = [np.vstack([head, np.hstack([
      now, gap, flow_picture(as_it_is[0], now), gap, strong])])
           for now, strong in zip(as_it_is, magnified)]
  return [shots[0]] * 4 + shots + [shots[-1]] * 3


def main() -> int:
  """Writes the picture; returns the exit code."""
  pictures = [Image.fromarray(shot) for shot in frames()]
  FILE.parent.mkdir(exist_ok=True)
  # One palette for all, or what stands still would flicker.
  palette = pictures[len(pictures) // 2].quantize(128, dither=Image.Dither.NONE)
  pictures = [one.quantize(palette=palette, dither=Image.Dither.NONE)
              for one in pictures]
  pictures[0].save(FILE, save_all=True, append_images=pictures[1:], loop=0,
                   duration=round(1000 * SECONDS), optimize=True)
  print(f'{FILE}: {len(pictures)} frames, {FILE.stat().st_size // 1024} KiB')
  return 0


if __name__ == '__main__':
  sys.exit(main())
