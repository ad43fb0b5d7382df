"""The faces of every frame: found, followed, told apart, smoothed, aligned and judged.

A face is looked for in the whole picture when somebody is missing, and every second;
in other frames the face model is put where the landmarks were in the frame before, as
MediaPipe does (Kartynnik et al. 2019). What is kept is what the next frame needs, so
time and memory for a frame do not depend on how many there were.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import cv2
from jaxtyping import Float
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.faces import detection, landmarks as faces
from lightman_jax.units import short_repr
from lightman_jax.video import people, quality
from lightman_jax.video.faces import Break, Face, FaceReason
from lightman_jax.video.people import Track, box_of, overlap
from lightman_jax.video.reading import Frame

# Where landmarks come from.


class Candidate(NamedTuple):
  """A face in one frame, before it is known whose; `score` from 0 to 1."""
  points: Float[np.ndarray, '68 2']
  score: float
  square: detection.Square | None = None
  __repr__ = short_repr


_MOVES = .06          # of a square's side, in a frame: a face that moves
_RESTS = .1           # share of the way that the square goes where a face rests
_FOLLOWS = .5         # score of the face model under which nobody is followed


class ModelFinder:
  """The two graphs that `python -m lightman_jax fetch` brings.

  Args:
    model: as `detection.load_model` returns it.
    everybody: small faces are looked for as well, in parts of the picture.
  """

  def __init__(self, model: detection.Model, *, everybody: bool = False):
    self._model = model
    self._everybody = everybody

  def search(self, frame: Frame, *, thorough: bool) -> list[Candidate]:
    """All faces, the largest first.

    Args:
      frame: to look at.
      thorough: faces that fill the picture and small ones are looked for as well.
    """
    squares: list[detection.Square] = []
    for face in self._detections(frame.picture, squares, thorough):
      square = detection.settle_square(self._model, frame.picture, face)
      if square is not None and not any(_same_square(square, s) for s in squares):
        squares.append(square)
    squares.sort(key=lambda square: -square.side)
    return [candidate for square in squares
            if (candidate := self.follow(frame, square)) is not None]

  def _detections(self, picture: np.ndarray, squares: Sequence[detection.Square],
                  thorough: bool) -> Iterator[detection.Face]:
    """Until one has become a square, where the largest is enough."""
    for view in detection.VIEWS if thorough else detection.VIEWS[:1]:
      yield from detection.detect_faces(self._model.detect, picture, view=view)
      if squares and not self._everybody:
        return
    if not thorough:
      return
    height, width = picture.shape[:2]
    side = max(height, width) // 2
    for top in _starts(height, side):
      for left in _starts(width, side):
        part = picture[top:top + side, left:left + side]
        for face in detection.detect_faces(self._model.detect, part, view=1.):
          yield face._replace(x=face.x + left, y=face.y + top)

  def follow(self, frame: Frame, square: detection.Square | None) -> Candidate | None:
    """The face within a square; None where there is none."""
    if square is None:
      return None
    mesh, score = detection.fit_mesh(self._model, frame.picture, square)
    if score < _FOLLOWS:
      return None
    points = faces.landmarks_of(mesh).astype(np.float64)
    return Candidate(points, score, _eased(square, detection.square_of(mesh)))


def _eased(before: detection.Square, now: detection.Square) -> detection.Square:
  """The next square: most of the way to `now` if the face moves, little if it rests.

  The mesh depends a little on its square, and the square on the mesh: let alone, the
  two wander about a face that rests.
  """
  turn = (now.angle - before.angle + np.pi) % (2 * np.pi) - np.pi
  away = max(np.hypot(now.x - before.x, now.y - before.y) / before.side,
             abs(np.log(now.side / before.side)), abs(turn))
  share = float(np.clip(away / _MOVES, _RESTS, 1))
  change = (now.x - before.x, now.y - before.y, now.side - before.side, turn)
  return detection.Square(*(float(a + share * b) for a, b in zip(before, change)))


def _starts(length: int, side: int) -> list[int]:
  """Where parts of a side begin that overlap by half and cover a length."""
  if length <= side:
    return [0]
  count = int(np.ceil((length - side) / (.5 * side)))
  return [round((length - side) * k / count) for k in range(count + 1)]


def _same_square(one: detection.Square, other: detection.Square) -> bool:
  away = np.hypot(one.x - other.x, one.y - other.y)
  return bool(away < .25 * max(one.side, other.side))


# (68, 2) or (people, 68, 2) of each frame; what is of another shape is refused.
Landmarks = Mapping[int, np.ndarray] | np.ndarray


class KnownFinder:
  """Landmarks that are known, of one or several people in every frame.

  Args:
    landmarks: by the number of a frame: (68, 2), or (people, 68, 2), in pixels; NaN, or
      no entry, where nobody is seen.
  """

  def __init__(self, landmarks: Landmarks):
    self._landmarks = landmarks

  def search(self, frame: Frame, *, thorough: bool = True) -> list[Candidate]:
    """All faces of a frame, the largest first; all searches are alike."""
    del thorough
    if isinstance(self._landmarks, Mapping):
      points = self._landmarks.get(frame.number)
    else:
      points = (self._landmarks[frame.number]
                if frame.number < len(self._landmarks) else None)
    if points is None:
      return []
    points = np.asarray(points, np.float64)
    if points.shape[-2:] != (faces.COUNT, 2):
      raise InputError(f'the landmarks of frame {frame.number} are {points.shape} in '
                       'shape; (68, 2), or (people, 68, 2), are wanted')
    chosen = [p for p in points.reshape(-1, faces.COUNT, 2)
              if np.isfinite(p).all() and np.ptp(p[list(faces.STABLE)]) > 0]
    chosen.sort(key=lambda p: -float(np.prod(np.ptp(p, axis=0))))
    return [Candidate(p, 1.) for p in chosen]

  def follow(self, frame: Frame, square: detection.Square | None) -> None:
    """Known landmarks are not followed: each frame has its own."""
    del frame, square


# One frame after another.

_PERIOD = 1.          # seconds after which everybody is looked for
_SOON = .2            # the same, while nobody is there, or somebody was a moment ago
_SAME_FACE = .5       # of the distance between the eyes: two meshes on one face
_NEAR = .3            # overlap of a face with the same one in the frame before
_STRANGER = .2        # likeness under which somebody else is in a person's place
SIZE = 128


class Tracker:
  """Follows people through frames that come one at a time.

  Args:
    finder: what finds faces.
    largest: only the largest face is followed, until it is lost.
    size: side of the aligned faces in pixels.
  """

  def __init__(self, finder: ModelFinder | KnownFinder, *, largest: bool = True,
               size: int = SIZE):
    self._finder = finder
    self._largest = largest
    self._size = size
    self._known = isinstance(finder, KnownFinder)
    self._tracks: list[Track] = []
    self._memory = people.Memory()
    self._cuts = people.CutFinder()
    self._count = 0
    self._time: float | None = None

  def step(self, frame: Frame) -> list[Face]:
    """The faces of the next frame, by person.

    Args:
      frame: the one after that of the call before.
    """
    before, self._time = self._time, frame.time
    step = 0. if before is None else frame.time - before
    if self._cuts.is_cut(frame.picture):
      self._tracks = []
      self._memory = people.Memory()
      first = Break.CUT
    else:
      first = Break.FIRST
    self._memory.forget(frame.time)
    if frame.gap:
      for track in self._tracks:
        track.interrupt(Break.GAP)
    pairs = self._follow(frame)
    due, soon = (before is None or int(frame.time / period) != int(before / period)
                 for period in (_PERIOD, _SOON))
    missing = len(pairs) < len(self._tracks)
    expected = due or (soon and bool(self._memory))
    if not pairs or missing or (expected and not self._largest):
      pairs = self._search(frame, pairs, first, thorough=missing or due or soon
                           or first is Break.CUT)
    self._memory.keep(track for track in self._tracks if not _among(track, pairs))
    self._tracks = [track for track, _, _ in pairs]
    rows = [self._face(frame, *pair, step) for pair in pairs]
    return sorted(rows, key=lambda face: face.person)

  # Each pair: whose face, where it is, and its portrait.

  def _follow(self, frame: Frame) -> list[tuple[Track, Candidate, np.ndarray]]:
    if frame.gap:
      return []         # where people were says little of where they are
    pairs = []
    for track in self._tracks:
      candidate = self._finder.follow(frame, track.square)
      if candidate is None or _jumps(track.points, candidate.points):
        continue
      seen = people.portrait(frame.picture, candidate.points)
      if people.likeness(track.portrait, seen) > _STRANGER:
        pairs.append((track, candidate, seen))
    return _one_each(pairs)

  def _search(self, frame: Frame, pairs: list, first: Break, *, thorough: bool
              ) -> list:
    """Who is new, or back, or, where landmarks are known, still there."""
    candidates: list[Candidate] = []
    for candidate in self._finder.search(frame, thorough=thorough):
      others = [c for _, c, _ in pairs] + candidates
      if not any(_same_face(candidate.points, c.points) for c in others):
        candidates.append(candidate)
    left = [track for track in self._tracks if not _among(track, pairs)]
    named, rest = _match(frame, left, candidates)
    pairs = pairs + named
    self._memory.keep(track for track in left if not _among(track, pairs))
    for candidate in rest:
      if self._largest and pairs:
        break
      seen = people.portrait(frame.picture, candidate.points)
      track = self._memory.recall(candidate.points, seen)
      if track is None:
        track = Track(self._count, candidate.points, candidate.square, frame.time,
                      seen, cut=first)
        self._count += 1
      pairs.append((track, candidate, seen))
    return _one_each(pairs)

  def _face(self, frame: Frame, track: Track, candidate: Candidate, seen: np.ndarray,
            step: float) -> Face:
    picture, raw = frame.picture, candidate.points
    track.points, track.square, track.time = raw, candidate.square, frame.time
    unit = float(faces.inter_ocular_distance(raw))
    points = track.smooth(frame.time, raw, unit)
    pose = quality.estimate_pose(points)
    matrix = faces.fit_similarity(points, faces.canonical_landmarks(self._size))
    colour = faces.warp_frames(picture[None], matrix, self._size)[0]
    grey = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
    blur = quality.blur_of(grey)
    score = candidate.score
    # Who was seen uncovered before, and still looks alike, has a face.
    if self._known and not track.blur and not quality.looks_like_face(grey):
      score = 0.
    value, reason = quality.judge(points, pose, blur, usual_blur=track.blur,
                                  score=score, shape=picture.shape)
    visible: Mapping[str, bool] = {}
    if reason in (None, FaceReason.BLURRED):
      visible = track.appearance.look(colour, frame.time, pose)
      if reason is None and not any(visible[name] for name in ('eyes', 'mouth')):
        value, reason = 0., FaceReason.COVERED
    if reason is None and all(visible.values()):
      track.learn(seen, step, blur)
    cut, track.cut = track.cut, None
    return Face(frame.number, frame.time, track.person, box_of(points),
                points.astype(np.float32), pose, value, reason, grey, cut, visible,
                frame.repeated)


def _among(track: Track, pairs: Sequence[tuple]) -> bool:
  return any(track is pair[0] for pair in pairs)


def _same_face(one: np.ndarray, other: np.ndarray) -> bool:
  unit = max(map(float, map(faces.inter_ocular_distance, (one, other))))
  return float(np.linalg.norm(one - other, axis=1).mean()) < _SAME_FACE * unit


def _jumps(before: np.ndarray, now: np.ndarray) -> bool:
  return overlap(box_of(before), box_of(now)) < _NEAR


def _one_each(pairs: Sequence[tuple[Track, Candidate, np.ndarray]]) -> list:
  """Where two people are on one face, it is whose portrait it clearly is.

  Where it is clearly nobody's, both are lost: whoever is found there is numbered anew.
  """
  dropped: set[int] = set()
  for i, (one, a, seen) in enumerate(pairs):
    for j, (other, b, _) in enumerate(pairs[:i]):
      if not _same_face(a.points, b.points):
        continue
      margin = (people.likeness(one.portrait, seen)
                - people.likeness(other.portrait, seen))
      if margin < people.CLEARLY:
        dropped.add(i)
      if margin > -people.CLEARLY:
        dropped.add(j)
  return [pair for k, pair in enumerate(pairs) if k not in dropped]


def _match(frame: Frame, tracks: Sequence[Track], candidates: Sequence[Candidate]
           ) -> tuple[list, list[Candidate]]:
  """Faces of people who were there in the frame before, and those of others.

  By overlap, and only where the face looks like the person's; of two people who could
  have a face, the one whom it clearly looks like.
  """
  seen = [people.portrait(frame.picture, c.points) for c in candidates]
  pairs, taken = [], set()
  for track in tracks:
    near = [k for k, c in enumerate(candidates)
            if k not in taken and overlap(track.box, box_of(c.points)) > _NEAR]
    rivals = [other for other in tracks if other is not track]
    for k in sorted(near, key=lambda k: -people.likeness(track.portrait, seen[k])):
      own = people.likeness(track.portrait, seen[k])
      others = max((people.likeness(other.portrait, seen[k]) for other in rivals
                    if overlap(other.box, box_of(candidates[k].points)) > _NEAR),
                   default=-1.)
      if own > _STRANGER and own - others >= people.CLEARLY:
        pairs.append((track, candidates[k], seen[k]))
        taken.add(k)
        break
  return pairs, [c for k, c in enumerate(candidates) if k not in taken]


def track_faces(frames: Iterable[Frame], *, model: detection.Model | None = None,
                landmarks: Landmarks | None = None, largest: bool = True,
                size: int = SIZE) -> Iterator[tuple[Frame, list[Face]]]:
  """Every frame with the faces in it; a frame in which nobody is found has none.

  Args:
    frames: of one video, in order.
    model: that finds faces; None loads the one that was fetched.
    landmarks: that are known, instead of a model.
    largest: only the largest face is followed, until it is lost; else everybody.
    size: side of the aligned faces in pixels.

  Raises:
    InputError: neither landmarks are given nor is the model there.
  """
  finder = (KnownFinder(landmarks) if landmarks is not None else
            ModelFinder(model or detection.load_model(), everybody=not largest))
  tracker = Tracker(finder, largest=largest, size=size)
  for frame in frames:
    yield frame, tracker.step(frame)
