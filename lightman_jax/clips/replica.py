"""A made-up CASME II in the exact layout of the real one, for tests and for trying out.

The people in it are synthetic faces (`faces`). The facts come from `replica_facts`, a
table that the readers never import, so a replica can contradict a reader.
"""

from collections import Counter
import os
import pathlib

import cv2
from jaxtyping import UInt8
import numpy as np
import openpyxl

from lightman_jax.clips import replica_facts as facts
from lightman_jax.clips.faces import emotions, scenes
from lightman_jax.clips.replica_rows import Clip, rows, table
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.geometry.sampling import sample

_NEAREST = {'repression': 'negative', 'fear': 'surprise'}


def write_replica(
    folder: str | os.PathLike, *, edition: str = 'cropped',
    sheets: tuple[str, ...] = ('2014', '2019'), form: str = 'xlsx',
    per_class: int = 0, frames: int = 0, nested: bool = False,
    size: tuple[int, int] = (64, 78), seed: int = 0,
    progress=lambda stage, done, total: None,
) -> int:
  """Writes sheets and frames; returns the number of clips.

  Args:
    folder: an empty or new folder, to be given as `manual_dir`.
    edition: 'cropped' or 'raw'.
    sheets: which of '2014', '2019'.
    form: 'xlsx' or 'csv'.
    per_class: at most so many ordinary clips of each class beside the odd ones; 0 = all
      255 clips.
    frames: only those frames that a build with so many needs; 0 = onset to offset.
    nested: put the tree into a folder of its own name, as unzipping may.
    size: width and height of a frame in pixels.
    seed: another seed, other people and frame numbers.
    progress: called with 'replica', clips done, and clips in all.

  Raises:
    InputError: the folder is not empty.
  """
  folder = pathlib.Path(folder).expanduser()
  if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
    raise InputError(f'{folder} is not an empty folder; name a new one.')
  clips = _fewer(rows(seed), per_class) if per_class else rows(seed)
  root = folder / facts.TREES[edition]
  root = root / root.name if nested else root
  casts = _casts(clips, seed)
  for done, (clip, scene) in enumerate(zip(clips, casts)):
    progress('replica', done, len(clips))
    place = root / f'sub{clip.subject:02d}' / clip.name
    place.mkdir(parents=True)
    numbers = _numbers(clip, frames)
    pictures = scenes.render(scene, frames=numbers, size=max(64, min(size))).frames
    for number, picture in zip(numbers, pictures):
      name = facts.NAMES[edition].format(number)
      _write_picture(place / name, _framed(picture, size, edition))
  for sheet in sheets:
    _write_sheet(folder / f'{facts.SHEETS[sheet]}.{form}', table(clips, sheet))
  progress('replica', len(clips), len(clips))
  return len(clips)


def _fewer(clips: tuple[Clip, ...], per_class: int) -> tuple[Clip, ...]:
  """Keeps the odd rows and, spread over subjects, some of each class."""
  rank, taken, kept = Counter(), Counter(), set()
  order = []
  for clip in clips:
    rank[clip.subject] += 1
    order.append((rank[clip.subject], clip))
  for _, clip in sorted(order, key=lambda entry: entry[0]):
    if clip.odd or taken[clip.emotion] < per_class:
      kept.add(clip)
      taken[clip.emotion] += not clip.odd
  return tuple(clip for clip in clips if clip in kept)


def _casts(clips: tuple[Clip, ...], seed: int) -> list[scenes.Scene]:
  """Finds for every row a scene of its subject that shows a similar emotion."""
  most = 3 * max(facts.CLIPS_OF)
  stock: dict[tuple[str, str], list[scenes.Scene]] = {}
  for scene in scenes.plan(seed=seed, subjects=len(facts.CLIPS_OF), micro=most,
                           macro=0, fps=200.):
    key = scene.subject, emotions.CLASS_OF[scene.emotion]
    stock.setdefault(key, []).append(scene)
  cast = []
  for clip in clips:
    word = _NEAREST.get(clip.emotion, emotions.CLASS_OF.get(clip.emotion, 'negative'))
    subject = f'sub{clip.subject:02d}'
    middle = (clip.onset + clip.offset) // 2
    apex = clip.apex if isinstance(clip.apex, int) else middle
    # The face needs time to rise and to fall, whatever the sheet says of its apex.
    apex = min(max(apex, clip.onset + 1), clip.offset - 1)
    cast.append(stock[subject, word].pop()._replace(
        clip=f'{subject}/{clip.name}', onset=clip.onset, apex=apex,
        offset=clip.offset))
  return cast


def _numbers(clip: Clip, frames: int) -> tuple[int, ...]:
  if not frames:
    return tuple(range(clip.onset, clip.offset + 1))
  apex = clip.apex if isinstance(clip.apex, int) else clip.onset
  return tuple(dict.fromkeys(sample(clip.onset, apex, clip.offset, frames=frames)))


def _framed(
    picture: UInt8[np.ndarray, 's s 3'], size: tuple[int, int], edition: str,
) -> UInt8[np.ndarray, 'h w 3']:
  width, height = size
  if edition == 'cropped':
    return cv2.resize(picture, size)
  side = 3 * min(size) // 4
  scene = np.full((height, width, 3), 96, np.uint8)
  top, left = (height - side) // 2, (width - side) // 2
  scene[top:top + side, left:left + side] = cv2.resize(picture, (side, side))
  return scene


def _write_picture(path: pathlib.Path, picture: UInt8[np.ndarray, 'h w 3']) -> None:
  _, code = cv2.imencode('.jpg', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
                         [cv2.IMWRITE_JPEG_QUALITY, 95])
  path.write_bytes(code.tobytes())


def _write_sheet(path: pathlib.Path, lines: list[list[int | str]]) -> None:
  if path.suffix == '.csv':
    with write_atomically(path, 'wb') as file:
      text = '\r\n'.join(','.join(map(str, line)) for line in lines) + '\r\n'
      file.write(text.encode('utf-8-sig'))
    return
  book = openpyxl.Workbook()
  for line in lines:
    book.active.append([None if cell == '' else cell for cell in line])
  for _ in range(facts.EMPTY_SHEETS):
    book.create_sheet()
  with write_atomically(path, 'wb') as file:
    book.save(file)
