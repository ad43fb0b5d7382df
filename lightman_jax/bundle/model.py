"""A model that is carried: pictures, frames or a video in, probabilities out."""

from collections.abc import Callable, Sequence
import functools
import os
import pathlib
from typing import Any, NamedTuple

from jaxtyping import Float, UInt8
import numpy as np
from scipy.special import log_softmax

from lightman_jax.bundle import calibration, folder as bundle_folder, predictor
from lightman_jax.data import frames as placement
from lightman_jax.errors import InputError, Unreadable
from lightman_jax.evaluation import attribution
from lightman_jax.evaluation.attribution import Attribution
from lightman_jax.faces import landmarks as alignment
from lightman_jax.faces.apex import sample_frames
from lightman_jax.inputs import inputs
from lightman_jax.models.explanation import Explanation
from lightman_jax.training import compiled, numerics
from lightman_jax.units import counted, short_repr

OPEN = pathlib.Path(__file__).resolve().parent / 'open_model'
AT_ONCE = 64        # clips of one call; the program is made for 1, 2, 4 ... of them

# Frames by their numbers, counted from 0: an array, a sequence, or a function.
Frames = np.ndarray | Sequence[np.ndarray] | Callable[[int], np.ndarray]


class Prediction(NamedTuple):
  """What a model says of n clips."""
  logits: Float[np.ndarray, 'n K']
  probabilities: Float[np.ndarray, 'n K']     # at the model's temperature
  classes: tuple[str, ...]                    # the most probable one of each clip
  # Of each clip the classes that hold the true one at the level of the model, nine in
  # ten; all of them is "don't know". None where the model has no sets.
  sets: list[tuple[str, ...]] | None
  __repr__ = short_repr


class Alignment(NamedTuple):
  """What a picture has to become before it is a frame of a clip."""
  size: int                                   # side of a frame in pixels
  template: Float[np.ndarray, '68 2']         # where landmarks come to lie in it
  __repr__ = short_repr

  def warp(self, picture: UInt8[np.ndarray, 'h w *c'],
           points: Float[np.ndarray, '68 2']) -> UInt8[np.ndarray, 'size size 3']:
    """The face of a picture, upright and in its place, in RGB.

    Args:
      picture: RGB or grey.
      points: its landmarks in pixels, by which the face is moved, turned and scaled;
        only those that expressions hardly move count.
    """
    matrix = alignment.fit_similarity(points, self.template)
    return alignment.warp_frames(as_rgb(picture)[None], matrix, self.size)[0]


class Model:
  """A trained model without its run: see `load_model`.

  Attributes:
    classes: names, in the order of logits.
    about: what model.json holds: settings, scores to expect, whom it has seen.
    alignment: what a picture has to become before it is a frame of a clip.
    shape: of one clip for `predict`; None stands for any size.
    arrays: the weights of each seed; see `predictor`.
    learner: what adapts and predicts by them.
  """

  def __init__(self, bundle: bundle_folder.Bundle, *, like: 'Model | None' = None):
    """Takes what was read and checked; `like` lends its compiled programs."""
    self.about = bundle.about
    self._settings = bundle.about['settings']
    self.arrays = bundle.arrays
    self.classes: tuple[str, ...] = tuple(bundle.about['classes'])
    self._how = inputs.Settings(**self._settings['inputs'])
    size = bundle.about['size']
    self.alignment = Alignment(size, alignment.canonical_landmarks(size))
    count, side = (self._settings['data'][name] for name in ('frames', 'size'))
    self._frames = (count, side or None, side or None, 3)
    self.shape: tuple[int | None, ...] = (
        (count, alignment.COUNT, 2) if self._how.kind == 'landmarks' else
        self._frames[1:] if count == 1 else
        (None, None, 3) if self._how.kind == 'picture' else self._frames)
    if like is not None:
      self.learner, self._logits = like.learner, like._logits
      self._gradient = like._gradient
      return
    _, self.learner = predictor.make(self._settings, list(self.classes),
                                     bundle.about['scaling'])
    flip = predictor.mirror_of(self._settings, bundle.about['clip'][-1])
    logits = functools.partial(predictor.logits_of, self.learner, flip)
    self._logits = compiled.jit(logits)
    self._gradient = compiled.jit(lambda arrays, x, of: attribution.gradient_of(
        functools.partial(logits, arrays), x, of))

  def __repr__(self) -> str:
    return (f'<Model {self._settings["method"]["name"]} of {", ".join(self.classes)}, '
            f'trained on {bundle_folder.describe_people(self.about["seen"])}>')

  def predict(self, x: Any, *, encoded: bool = False) -> Prediction:
    """Predicts clips.

    Args:
      x: (n, *shape) as `shape` says, or one clip alone: uint8 RGB pictures of ready
        flow or of frames, onset first and apex in the middle; or landmarks in pixels.
        A model of flow pictures that were made of frames takes both.
      encoded: x are inputs as the network sees them (float32), as a run's `pool.x`.

    Raises:
      InputError: x is of another shape or kind, or holds what is no number.
    """
    return self._predict(self._encoded(x, encoded))

  def _encoded(self, x: Any, encoded: bool) -> Float[np.ndarray, 'n *clip']:
    """Clips as the network sees them, see `predict`."""
    if encoded:
      return _numbers(x, tuple(self.about['clip']))
    x = np.asarray(x)
    if self._how.kind == 'landmarks':
      clips = [self._encode(None, clip) for clip in _numbers(x, self.shape)]
      return np.stack(clips or [np.zeros(self.about['clip'], np.float32)])[:len(clips)]
    if x.dtype != np.uint8:
      raise InputError(f'x is {x.dtype}, and this model takes pictures of uint8, 0 to '
                       '255; or inputs of the network by predict(x, encoded=True)')
    x = x[None] if x.ndim == len(self.shape) else x
    if not _fits(x.shape[1:], self._frames if x.ndim == 5 else self.shape):
      raise InputError(f'x has clips of {x.shape[1:]}, and this model takes '
                       f'{self._say}; predict_frames takes frames of any size')
    frames = x[:, None] if x.ndim == 4 else x
    return (np.stack([self._encode(clip, None) for clip in frames])
            if len(x) else np.zeros((0, *self.about['clip']), np.float32))

  def adapt(self, clips: Any, labels: Sequence[str], groups: Sequence[Any] | str, *,
            encoded: bool = False) -> 'Model':
    """Adapts to a few labelled clips of a new person or laboratory.

    The inner loop of the method, from the initialisation that the model keeps; see
    `adaptation`. What was adapted to must not be scored.

    Args:
      clips: as `predict` takes them, one or more of every class.
      labels: the class of each clip, of `classes`.
      groups: whose each clip is: (data set, person), or a person's name alone; a name
        by itself is of all clips. They join `about['seen']`.
      encoded: as of `predict`.

    Returns:
      The adapted model, without scores to expect and sets; this one stays as it is.

    Raises:
      InputError: the method does not adapt, a class lacks a clip, or a label is none
        of the model's.

    Example:
      >>> mine = lm.load_model('MODEL').adapt(clips, labels, 'anna')  # doctest: +SKIP
      >>> mine.predict(others).classes                                # doctest: +SKIP
    """
    from lightman_jax.bundle import adaptation
    if isinstance(groups, str):
      groups = [groups] * len(labels)
    people = [(adaptation.OWN, str(one)) if isinstance(one, str) else
              (str(one[0]), str(one[1])) for one in groups]
    return adaptation.adapt(self, self._encoded(clips, encoded), list(labels), people)

  def before_adaptation(self) -> 'Model':
    """The same model at its initialisation: nothing has been adapted to.

    Raises:
      InputError: its method moves no weights.
    """
    if not any('draws' in own for own in self.arrays) or (
        self._settings['method']['name'] == 'protonet'):
      raise InputError(f'a model of method={self._settings["method"]["name"]} has no '
                       'weights that adaptation moves')
    arrays = [{name: own[name] for name in ('scale', 'params')} for own in self.arrays]
    return Model(bundle_folder.Bundle({**self.about, 'draws': 0}, arrays), like=self)

  def write(self, folder: str | os.PathLike) -> None:
    """Writes the model into a folder that `load_model` opens.

    Args:
      folder: which is not there yet.

    Raises:
      InputError: something lies there, or a class's mean would show its clips.
    """
    from lightman_jax.bundle import adaptation
    adaptation.check_written(self)
    bundle_folder.write(folder, self.about, self.arrays)

  def predict_frames(self, frames: Frames, *, onset: int, apex: int, offset: int,
                     landmarks: Any = None, aligned: bool = False) -> Prediction:
    """Predicts the one clip that some frames show.

    Args:
      frames: uint8, by number from 0, grey (h, w) or RGB (h, w, 3), all of one size:
        an array, a sequence, or a function that returns the frame of a number. Only
        those that the model looks at are asked for.
      onset: number of its frame.
      apex: likewise.
      offset: likewise.
      landmarks: (n, 68, 2) in pixels, of every frame; None: of raw frames they are
        looked for by the face model.
      aligned: frames are of the aligned face already, and are used whole.

    Raises:
      InputError: the numbers are not in order or out of range, or no face is there.
    """
    return self._predict(self._encode_frames(
        frames, onset, apex, offset, landmarks, aligned)[None])

  @property
  def explains(self) -> bool:
    """Whether `explain` can say anything: of pictures, or of DeRe-GRL's actions."""
    if self._how.kind != 'landmarks':
      return True
    return (self._settings['model']['encoder'] == 'dere_grl'
            and self._settings['method']['name'] != 'protonet')

  def explain(self, x: Any, *, of: str | None = None, encoded: bool = False,
              aligned: bool | None = None) -> Attribution | Explanation:
    """Where in clips their predictions come from, and whether that is so.

    Args:
      x: as of `predict`.
      of: the class whose score is looked into; None: of each clip the predicted one. Of
        DeRe-GRL all classes are.
      encoded: as of `predict`.
      aligned: whether x are of the face in its place, so that its regions have names;
        None: frames are, ready pictures are not known to be.

    Returns:
      Of pictures two maps, by gradients and by occlusion, the region that carried most,
      and what deleting that and random regions of its size does. Of DeRe-GRL its
      actions, whose contributions add up to the logit: see `models.explanation`.

    Raises:
      InputError: x is of another shape or kind; there is no such class; or the model
        sees landmarks by another encoder than DeRe-GRL.

    Example:
      >>> why = lm.load_model().explain(pictures)                 # doctest: +SKIP
      >>> why.regions[0], why.change[0], why.random_change[0]     # doctest: +SKIP
      ('row 3, column 2 of 4', 1.71, .44)
    """
    if aligned is None:
      # Of one picture a clip, it is not known where in it the face is.
      aligned = self._frames[0] > 1 and (
          encoded or len(self.shape) == 4 or np.ndim(x) == 5)
    return self._explain(self._encoded(x, encoded), of, aligned)

  def explain_frames(self, frames: Frames, *, onset: int, apex: int, offset: int,
                     landmarks: Any = None, aligned: bool = False,
                     of: str | None = None) -> Attribution | Explanation:
    """As `explain`, of the one clip that some frames show.

    Args:
      frames: as of `predict_frames`.
      onset: number of its frame.
      apex: likewise.
      offset: likewise.
      landmarks: as of `predict_frames`.
      aligned: as of `predict_frames`.
      of: as of `explain`.

    Raises:
      InputError: as `predict_frames` and `explain`.
    """
    return self._explain(self._encode_frames(
        frames, onset, apex, offset, landmarks, aligned)[None], of, True)

  def _explain(self, x: Float[np.ndarray, 'n *clip'], of: str | None, aligned: bool
               ) -> Attribution | Explanation:
    if of is not None and of not in self.classes:
      raise InputError(f'of={of!r} is no class of this model; there are '
                       f'{", ".join(self.classes)}')
    with numerics.pinned(self._settings['model']['matmul_precision']):
      if self._settings['model']['encoder'] == 'dere_grl':
        return predictor.explain_actions(self._settings, self.arrays, x)
      attribution.check_kind(self._how)
      which = (np.full(len(x), self.classes.index(of)) if of is not None else
               self._predict(x).probabilities.argmax(-1))
      return attribution.attribute(
          lambda x: self._mean(lambda arrays, x: attribution.above_mean(
              self._logits(arrays, x)), x),
          lambda x, of: self._mean(self._gradient, x, of), x, which,
          classes=self.classes, how=self._how, aligned=aligned)

  def _mean(self, call: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """Of all seeds: the mean of a function of clips."""
    if not len(arrays[0]):
      return np.zeros_like(arrays[0])
    return np.mean([attribution.in_calls(functools.partial(call, own), *arrays)
                    for own in self.arrays], 0)

  def predict_video(self, path: str | os.PathLike, *, onset: int, apex: int,
                    offset: int, landmarks: Any = None, aligned: bool = False
                    ) -> Prediction:
    """Predicts the one clip that a part of a video shows.

    Args:
      path: of the video.
      onset: number of its frame, counted from 0.
      apex: likewise.
      offset: likewise.
      landmarks: as of `predict_frames`.
      aligned: as of `predict_frames`.

    Raises:
      InputError: as `predict_frames`; or it is no video, or a shorter one.
    """
    unique = tuple(sorted(set(self._frame_numbers(onset, apex, offset))))
    try:
      pictures = dict(zip(unique, placement.read_video(path, unique)))
    except Unreadable as error:
      raise InputError(str(error)) from error
    return self.predict_frames(pictures.__getitem__, onset=onset, apex=apex,
                               offset=offset, landmarks=landmarks, aligned=aligned)

  @property
  def _say(self) -> str:
    words = ['1 to 16383' if size is None else str(size) for size in self.shape]
    return f'({", ".join(words)})'

  def _frame_numbers(self, onset: int, apex: int, offset: int) -> tuple[int, ...]:
    """The frames that the model looks at, the onset's first."""
    numbers = (onset, apex, offset)
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in numbers):
      raise InputError(f'onset, apex and offset are {numbers}; give numbers of frames, '
                       'counted from 0')
    if not onset <= apex <= offset:
      raise InputError(f'onset {onset}, apex {apex} and offset {offset} are not in '
                       'order')
    return sample_frames(int(onset), int(apex), int(offset),
                         frames=self.about['frames'])

  def _encode_frames(self, frames: Frames, onset: int, apex: int, offset: int,
                     landmarks: Any, aligned: bool) -> Float[np.ndarray, '*clip']:
    numbers = self._frame_numbers(onset, apex, offset)
    unique = list(dict.fromkeys(numbers))
    pictures = [_frame(frames, number) for number in unique]
    if len({picture.shape for picture in pictures}) > 1:
      raise InputError('the frames of a clip are of different sizes; give them alike')
    points = None if landmarks is None else _points(landmarks, unique)
    placed, points = self._place(pictures, points, aligned)
    order = [unique.index(number) for number in numbers]
    return self._encode(placed[order], points[order])

  def _place(self, pictures: Sequence[np.ndarray], points: np.ndarray | None,
             aligned: bool) -> tuple[np.ndarray, np.ndarray]:
    """Frames as a build makes them, and their landmarks; NaN where unknown."""
    names = [str(n) for n in range(len(pictures))]
    face: placement.Face | placement.KnownLandmarks | None = None
    if points is not None:
      face = placement.KnownLandmarks(dict(zip(names, points)))
    elif not aligned or self._how.kind == 'landmarks':
      face = placement.Face()
    try:
      return placement.place_clip(pictures, size=self.alignment.size, face=face,
                                  crop=not aligned, paths=names)
    except Unreadable as error:
      raise InputError(f'{error}; give its landmarks, or frames of the aligned face '
                       'with aligned=True') from error
    except ValueError as error:
      raise InputError(f'the landmarks of the onset are of no face ({error})'
                       ) from error

  def _encode(self, frames, points) -> Float[np.ndarray, '*clip']:
    if self._how.kind == 'landmarks' and not np.isfinite(points).all():
      raise InputError('a frame has no landmarks, and this model sees nothing else')
    if self._how.kind == 'picture' and self._how.holds != 'flow':
      frames = frames[len(frames) // 2:][:1]      # of a clip the apex
    return inputs.encode_clip(frames, points, self._how)

  def _predict(self, x: Float[np.ndarray, 'n *clip']) -> Prediction:
    logits = np.concatenate([np.zeros((0, len(self.classes)), np.float32), *(
        self._of_some(x[first:first + AT_ONCE])
        for first in range(0, len(x), AT_ONCE))])
    known = self.about['calibration']
    probabilities = np.exp(log_softmax(
        logits.astype(np.float64) / (known['temperature'] if known else 1.), -1))
    sets = None
    if known and known['threshold'] is not None:
      inside = calibration.in_sets(probabilities, known['threshold'])
      sets = [tuple(name for name, one in zip(self.classes, row) if one)
              for row in inside]
    return Prediction(logits, probabilities, tuple(
        self.classes[k] for k in probabilities.argmax(-1)), sets)

  def _of_some(self, x: Float[np.ndarray, 'n *clip']) -> Float[np.ndarray, 'n K']:
    """Of a few clips, padded to a power of two so that few programs are made."""
    padded = np.resize(x, (1 << (len(x) - 1).bit_length(), *x.shape[1:]))
    with numerics.pinned(self._settings['model']['matmul_precision']):
      parts = [np.asarray(self._logits(arrays, padded))[:len(x)]
               for arrays in self.arrays]
    return (parts[0] if len(parts) == 1 else
            np.mean([log_softmax(part, -1) for part in parts], 0))


def load_model(folder: str | os.PathLike | None = None) -> Model:
  """Opens a model that `train_final` has written.

  Args:
    folder: of the bundle; None: the open model, which comes with this package, and was
      trained on drawn faces alone.

  Returns:
    An object with `predict(x)`, `predict_frames`, `predict_video`, `classes` and
    `about`.

  Raises:
    InputError: it is no bundle, of another version, or damaged.

  Example:
    >>> model = lm.load_model()                                   # doctest: +SKIP
    >>> model.predict(pictures).probabilities.shape               # doctest: +SKIP
    (309, 3)
  """
  return Model(bundle_folder.read(OPEN if folder is None else folder))


def as_rgb(picture: UInt8[np.ndarray, 'h w *c']) -> UInt8[np.ndarray, 'h w 3']:
  """A picture in RGB; a grey one is repeated over three channels.

  Args:
    picture: grey (h, w) or (h, w, 1), or RGB.
  """
  if picture.ndim == 2:
    picture = picture[..., None]
  return np.repeat(picture, 3, -1) if picture.shape[-1] == 1 else picture


def _frame(frames: Frames, number: int) -> UInt8[np.ndarray, 'h w 3']:
  """The frame of a number, in RGB."""
  if not callable(frames) and number >= len(frames):
    raise InputError(f'there is no frame {number}: there are {len(frames)}, counted '
                     'from 0')
  picture = np.asarray(frames(number) if callable(frames) else frames[number])
  if (picture.dtype != np.uint8 or picture.ndim not in (2, 3) or not picture.size
      or (picture.ndim == 3 and picture.shape[-1] not in (1, 3))):
    raise InputError(f'frame {number} is {picture.dtype} {picture.shape}; give uint8, '
                     'grey (h, w) or RGB (h, w, 3)')
  return as_rgb(picture)


def _points(landmarks: Any, numbers: Sequence[int]) -> Float[np.ndarray, 'n 68 2']:
  """The landmarks of some frames."""
  points = np.asarray(landmarks)
  if points.ndim != 3 or points.shape[1:] != (alignment.COUNT, 2):
    raise InputError(f'landmarks are {points.shape}; give ({alignment.COUNT}, 2) of '
                     'every frame')
  if max(numbers) >= len(points):
    raise InputError(f'there are landmarks of {counted(len(points), "frame")}, and '
                     f'none of frame {max(numbers)}')
  points = points[list(numbers)].astype(np.float32)
  if not np.isfinite(points).all():
    raise InputError('landmarks are not finite; give those of every frame from onset '
                     'to offset')
  return points


def _fits(shape: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
  return len(shape) == len(wanted) and all(
      one in ((size,) if size else range(1, 2**14)) for one, size in zip(shape, wanted))


def _numbers(x: Any, shape: Sequence[int | None]) -> Float[np.ndarray, 'n *clip']:
  """Clips of finite numbers in float32; one clip alone is one of them."""
  try:
    x = np.asarray(x, np.float32)
  except (TypeError, ValueError) as error:
    raise InputError(f'x is no array of numbers ({error})') from error
  x = x[None] if x.ndim == len(shape) else x
  if not _fits(x.shape[1:], shape):
    raise InputError(f'x has clips of {x.shape[1:]}, and this model takes {(*shape,)}')
  if not np.isfinite(x).all():
    raise InputError('x is not finite; leave out clips with numbers that are missing')
  return x
