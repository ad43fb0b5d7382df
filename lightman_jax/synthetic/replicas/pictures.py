"""The pictures of a replica: synthetic faces, drawn once and shown often.

A person's face in a mood is drawn at a few instants (a reel); a frame of a clip is the
nearest of them. So a thousand clips cost no more than their files.
"""

from collections.abc import Callable, Sequence
import functools
import hashlib
import pathlib

import cv2
from jaxtyping import UInt8
import numpy as np

from lightman_jax.synthetic import emotions, scenes
from lightman_jax.synthetic.replicas.draw import common_word
from lightman_jax.synthetic.replicas.replica import Clip, Film

Show = Callable[[Film, Sequence[int]], list[bytes]]

_SIDES = 48, 160        # in which a face is drawn; larger ones are enlarged
_MOODS = {'happiness': 'positive', 'surprise': 'surprise', 'fear': 'surprise'}


def share_pictures(
    people: Sequence[str], *, seed: int | str, size: tuple[int, int], aligned: bool,
    steps: int,
) -> Show:
  """Returns what shows a film's frames, encoded as its file names end.

  Clips of one person, kind and mood share their pictures.

  Args:
    people: all subjects; each has a face of their own.
    seed: another seed, other people.
    size: width and height in pixels.
    aligned: the face fills the picture; else it is in the middle of a grey room.
    steps: instants of a reel, odd: rest, ..., apex, ..., end.
  """
  stock = _stock(people, seed, takes=1)

  @functools.cache
  def reel(person: str, kind: str, mood: str, ending: str, grey: bool):
    scene = stock[person, kind, mood][0]._replace(
        onset=0, apex=steps // 2, offset=steps - 1)
    drawn = scenes.render_scene(scene, frames=tuple(range(steps)), size=_drawn(size))
    return tuple(_encoded(_framed(picture, size, aligned), ending, grey)
                 for picture in drawn.frames)

  def show(film: Film, numbers: Sequence[int]) -> list[bytes]:
    clip = film.clip
    pictures = reel(clip.subject, clip.kind, mood_of(clip),
                    pathlib.PurePath(film.pattern).suffix, film.grey)
    return [pictures[reel_instant(clip, number, steps)] for number in numbers]

  return show


def draw_pictures(
    people: Sequence[str], *, seed: int | str, size: tuple[int, int], aligned: bool,
    takes: int,
) -> Show:
  """As `share_pictures`, but every clip is drawn for itself, frame by frame: slow.

  Args:
    people, seed, size, aligned: as in `share_pictures`.
    takes: at least as many as there are clips of a person in one mood.
  """
  stock = _stock(people, seed, takes=takes)

  def show(film: Film, numbers: Sequence[int]) -> list[bytes]:
    clip = film.clip
    scene = stock[clip.subject, clip.kind, mood_of(clip)].pop()
    # The face needs time to rise and to fall, whatever the sheet says of its apex.
    onset, offset = clip.onset, max(clip.offset, clip.onset + 2)
    apex = min(max(clip.apex, onset + 1), offset - 1)
    scene = scene._replace(onset=onset, apex=apex, offset=offset)
    still = clip.onset == clip.offset
    drawn = scenes.render_scene(scene, frames=(apex,) if still else tuple(numbers),
                                size=_drawn(size))
    ending = pathlib.PurePath(film.pattern).suffix
    return [_encoded(_framed(picture, size, aligned), ending, film.grey)
            for picture in drawn.frames]

  return show


def mood_of(clip: Clip) -> str:
  """Returns which of the three classes of synthetic faces a clip shows."""
  return _MOODS.get(common_word(clip.emotion), 'negative')


def reel_instant(clip: Clip, number: int, steps: int) -> int:
  """Returns which of a reel's instants a frame shows; the first before onset.

  Args:
    clip: whose onset, apex and offset count.
    number: of the frame.
    steps: instants of the reel.
  """
  half = steps // 2
  if clip.onset == clip.offset:
    return half
  start, end = (clip.onset, clip.apex) if number <= clip.apex else (
      clip.apex, clip.offset)
  share = (min(max(number, start), end) - start) / max(1, end - start)
  return round(half * share) + (half if number > clip.apex else 0)


def _stock(people: Sequence[str], seed: int | str, *, takes: int):
  digest = hashlib.sha256(f'replica/{seed}'.encode()).digest()
  number = int.from_bytes(digest[:6], 'big')
  each = takes * len(emotions.CLASSES)
  stock: dict[tuple[str, str, str], list[scenes.Scene]] = {}
  # A rate at which a blink takes a few instants of a reel, not all of them.
  for index, scene in enumerate(scenes.plan_scenes(
      seed=number, subjects=len(people), micro=each, macro=each, fps=27.)):
    key = (people[index // (2 * each)], scene.kind,
           emotions.CLASS_OF[scene.emotion])
    stock.setdefault(key, []).append(scene)
  return stock


def _drawn(size: tuple[int, int]) -> int:
  return min(max(min(size), _SIDES[0]), _SIDES[1])


def _framed(
    picture: UInt8[np.ndarray, 's s 3'], size: tuple[int, int], aligned: bool,
) -> UInt8[np.ndarray, 'h w 3']:
  width, height = size
  if aligned:
    return cv2.resize(picture, size)
  side = 3 * min(size) // 4
  room = np.full((height, width, 3), 96, np.uint8)
  top, left = (height - side) // 2, (width - side) // 2
  room[top:top + side, left:left + side] = cv2.resize(picture, (side, side))
  return room


def _encoded(picture: UInt8[np.ndarray, 'h w 3'], ending: str, grey: bool) -> bytes:
  code = cv2.COLOR_RGB2GRAY if grey else cv2.COLOR_RGB2BGR
  options = [cv2.IMWRITE_JPEG_QUALITY, 95] if ending == '.jpg' else []
  return cv2.imencode(ending, cv2.cvtColor(picture, code), options)[1].tobytes()
