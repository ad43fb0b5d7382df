"""How far spotted apexes lie from annotated ones, on clips whose apex is known.

The clips go the way of a build (`pixels.spot_and_read`), with their apex withheld.
"""

from collections.abc import Iterator, Sequence
import pathlib
import tempfile
from typing import NamedTuple

from jaxtyping import Shaped
import numpy as np

from lightman_jax.data import frames, planning, workers as cache
from lightman_jax.data.choice import Choice
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.pixels import SPOTTING
from lightman_jax.data.plan import Item, Pixels, fingerprint
from lightman_jax.data.rows import LeftOut, Row
from lightman_jax.data.synthetic_plan import read_settings, row_of
from lightman_jax.data.workers import Job, make_all
from lightman_jax.errors import Cause, InputError, Reason
from lightman_jax.faces import apex
from lightman_jax.synthetic import scenes

_FRAMES, _SIZE = 3, 8       # of what is stored: onset, apex, offset; hardly a picture


class Spotted(NamedTuple):
  """One clip; frame numbers as on disk."""
  row: Row              # with the annotated apex
  apex: int             # as spotted


class Error(NamedTuple):
  """Over some clips; distances in frames but where it is said otherwise."""
  clips: int
  mean: float
  median: float
  ninetieth: float      # percentile
  exact: float          # share of the clips
  share: float          # mean of distance / (offset - onset)
  far: float            # share of the clips that err by a fifth of their length or more
  seconds: float        # mean; NaN where the rate is unknown
  middle: float         # mean of what the middle of each clip would err by


def withhold_apexes(choice: Choice) -> tuple[list[tuple[Row, Item]], list[LeftOut]]:
  """The clips whose apex is known, as items whose apex must be spotted.

  Args:
    choice: the settings; frames, size and apex do not matter.

  Returns:
    Each clip's row with its annotated apex and the clip to spot it in; and the clips
    that are left out.

  Raises:
    InputError: the data set cannot be read, or none of its clips has an apex.
  """
  choice = choice._replace(frames=_FRAMES, size=_SIZE, apex='spotted')
  face = frames.find_face_model(choice.landmarks)
  if choice.name == 'synthetic':
    return _drawn(choice, face), []
  if choice.name not in TABLES:
    raise InputError(f'apexes are not measured on {choice.name}; name synthetic or one '
                     f'of {", ".join(TABLES)}')
  survey = planning.Survey(choice)
  known = [row for row in survey.listing.rows if row.apex is not None]
  if not known:
    raise InputError(f'{choice.name} gives no apex for any clip, so there is nothing '
                     'to measure spotted ones by')
  made = [(row, survey.item(row._replace(apex=None))) for row in known]
  return ([(row, item) for row, item in made if isinstance(item, Item)],
          [item for _, item in made if isinstance(item, LeftOut)])


def run_spotting(pairs: Sequence[tuple[Row, Item]], *, workers: int = 0
        ) -> Iterator[Spotted | LeftOut]:
  """Spots the apex of each clip, on all cores; a clip that cannot be read says why.

  Args:
    pairs: as `withhold_apexes` returns them.
    workers: processes; 0: one a core where that pays.
  """
  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    jobs = [Job(item, folder, (_FRAMES, _SIZE, _SIZE, 3)) for _, item in pairs]
    for number, trouble in make_all(jobs, workers=workers):
      row, item = pairs[number]
      pixels = None if trouble else cache.read_stored(folder, item)
      if pixels is None:
        yield LeftOut(row.clip, trouble or Cause(Reason.LOST))
      else:
        yield Spotted(row, pixels.numbers[_FRAMES // 2])


def error_of(spotted: Sequence[Spotted]) -> Error:
  """The error over clips; there must be at least one."""
  rows = [clip.row for clip in spotted]
  distance = np.array([abs(clip.apex - clip.row.apex) for clip in spotted])
  length = np.array([max(1, row.offset - row.onset) for row in rows])
  rate = np.array([row.fps or np.nan for row in rows])
  middle = np.array([abs((row.onset + row.offset) / 2 - row.apex) for row in rows])
  return Error(
      len(spotted), _mean(distance), float(np.median(distance)),
      float(np.quantile(distance, .9)), _mean(distance == 0), _mean(distance / length),
      _mean(distance >= .2 * length), _mean(distance / rate), _mean(middle))


def _mean(values: Shaped[np.ndarray, 'n']) -> float:
  return float(values.mean())


def _drawn(choice: Choice, face: frames.Face | None) -> list[tuple[Row, Item]]:
  settings, difficulty = read_settings(choice.synthetic)
  pairs = []
  for scene in scenes.plan_scenes(**settings._asdict(), difficulty=difficulty):
    row = row_of(scene)
    pairs.append((row, Item(row._replace(apex=None), -1, (), (), fingerprint(scene),
                            _Drawing(scene, face), '')))
  return pairs


class _Drawing(NamedTuple):
  """Draws a clip whole and spots its apex; stands for `pixels.spot_and_read`."""
  scene: scenes.Scene
  face: frames.Face | None

  def __call__(self) -> Pixels:
    numbers = range(self.scene.onset, self.scene.offset + 1)
    drawn = scenes.render_scene(self.scene, frames=tuple(numbers), size=SPOTTING).frames
    how, points = frames.place_onset(
        drawn[0], size=SPOTTING, crop=False, face=self.face)
    placed = np.stack([frames.warp_picture(picture, how) for picture in drawn])
    chosen = numbers[apex.spot_apex(placed, points)]
    return Pixels(np.zeros((_FRAMES, _SIZE, _SIZE, 3), np.uint8),
                  np.full((_FRAMES, 68, 2), np.nan, np.float32),
                  (numbers[0], chosen, numbers[-1]), 'spotted')
