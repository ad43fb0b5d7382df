"""Whole long videos of a replica: what its sheet codes is what is drawn, at its frames.

The pictures of a replica's clips are drawn once and shown often, and there are none
between clips. Here a video is drawn from one second before its first expression to one
after its last, with blinks, glances, speech and a head that moves beside.
"""

from collections.abc import Callable, Iterator, Sequence
import csv
import hashlib
import pathlib

import numpy as np

from lightman_jax.files import write_atomically
from lightman_jax.synthetic import face, long, scenes
from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Clip, Film

RATES = {'casme_squared': 30., 'casme_cubed': 30., 'samm_long': 200.,
         'smic_long': 100.}
LANDMARKS = 'landmarks.csv'
_HEADER = ('folder', 'frame', *(f'{axis}_{k}' for axis in 'xy' for k in range(68)))
_STEP = 25              # of the sides that a drawn face can have, in pixels


def films_of_videos(films: Sequence[Film], count: int) -> tuple[Film, ...]:
  """The films of some videos, all that lie in their folders; of as many people as can.

  Args:
    films: of a data set of long videos.
    count: of the videos.
  """
  seen: dict[str, int] = {}
  rank = {}
  for film in films:
    if film.folder and film.folder not in rank:
      seen[film.clip.subject] = seen.get(film.clip.subject, 0) + 1
      rank[film.folder] = seen[film.clip.subject], len(rank)
  chosen = set(sorted(rank, key=rank.get)[:count])
  return tuple(film for film in films if film.folder in chosen)


def write_videos(
    place: pathlib.Path, films: Sequence[Film], *, fps: float, seed: str,
    size: tuple[int, int], progress: Callable[[str, int, int], None],
) -> None:
  """Draws the videos, and writes the landmarks of every frame beside the tree.

  Args:
    place: of the tree.
    films: of whole videos.
    fps: frames a second.
    seed: another seed, other people and other blinks.
    size: width and height of a frame in pixels.
    progress: called with 'videos', how many are drawn, and how many there are.
  """
  videos: dict[str, list[Film]] = {}
  for film in films:
    videos.setdefault(film.folder, []).append(film)
  with write_atomically(place.parent / LANDMARKS) as file:
    table = csv.writer(file, lineterminator='\n')
    table.writerow(_HEADER)
    for done, (folder, of_video) in enumerate(videos.items()):
      progress('videos', done, len(videos))
      (place / folder).mkdir(parents=True, exist_ok=True)
      for number, name, code, points in _frames(
          of_video, fps, f'{seed}/{folder}', size):
        (place / folder / name).write_bytes(code)
        table.writerow([folder, number, *(
            f'{value:.3f}' for value in points.T.ravel())])
  progress('videos', len(videos), len(videos))


def _frames(films: Sequence[Film], fps: float, seed: str, size: tuple[int, int]
            ) -> Iterator[tuple[int, str, bytes, np.ndarray]]:
  """Number, file name, content and landmarks of every frame of a video."""
  clips = [film.clip for film in films]
  first, last = _span(clips, round(fps))
  gone = frozenset().union(*(film.gone for film in films))
  width, height = size
  room = min(size) / (1. + 2. * face.MARGIN)
  video = long.LongVideo(
      _scene(clips, first, last, fps, seed), fps=fps, shape=(height, width),
      face_size=max(_STEP, int(room // _STEP) * _STEP))
  pattern, grey = films[0].pattern, films[0].grey
  for number in range(first, last + 1):
    if number not in gone:
      shot = video.shot(number - first)
      yield number, pattern.format(number), draw.encode(
          shot.picture, pathlib.PurePath(pattern).suffix, grey), shot.landmarks


def _span(clips: Sequence[Clip], margin: int) -> tuple[int, int]:
  """First and last frame: those that the sheet gives, or a margin about all clips."""
  first = min(clip.onset for clip in clips) - margin
  last = max(clip.offset for clip in clips) + margin
  for clip in clips:
    first = min(first, int(clip.overrides.get('first', first)))
    last = max(last, int(clip.overrides.get('last', last)))
  return max(first, 0), last


def _scene(clips: Sequence[Clip], first: int, last: int, fps: float, seed: str
           ) -> long.LongScene:
  """A scene in which each clip's expression is at the clip's own frames."""
  subject, difficulty = clips[0].subject, scenes.Difficulty()
  # Who is seen is the person's, what happens beside is the video's.
  person_seed, own = (int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], 'big')
                      for text in (seed.partition('/')[0], seed))
  person = scenes.person_of(person_seed, subject, difficulty)
  rng = np.random.default_rng(own)
  expressions = []
  for clip in sorted(clips, key=lambda clip: clip.onset):
    onset, apex, offset = ((number - first) / fps for number in (
        clip.onset, clip.apex, clip.offset))
    offset = max(offset, onset + 2. / fps)
    expressions.append(long.plan_expression(
        rng, person, clip.kind, onset, offset - onset, difficulty,
        label=draw.mood_of(clip))._replace(
            apex=min(max(apex, onset + 1. / fps), offset - 1. / fps)))
  disturbances = long.Disturbances()
  seconds = (last - first + 1) / fps
  return long.LongScene(
      person_seed, subject, seconds, tuple(expressions),
      *long.plan_beside(rng, seconds, expressions, disturbances), disturbances,
      difficulty)
