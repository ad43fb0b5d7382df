"""The 68 landmarks of iBUG 300-W, and how a face is brought to one place by them.

Frame: x to the right of the picture, y down; 'left' and 'right' in this module are
those of the *picture*, so index 36 is the outer corner of the eye at the picture's
left, which is the subject's right eye. Numbering: Sagonas et al., "300 Faces
in-the-Wild Challenge" (2013), counted from 0. The mean face is our own drawing; no
data set went into it.

The mesh is that of MediaPipe (Kartynnik et al. 2019, "Real-time facial surface
geometry from monocular video on mobile GPUs"). Its points lie on the skin, so that
those of the jaw line are the nearest there are; the others are the same spots. Which
is which was settled on a photograph, against dlib's landmarks.

Coordinates are (x, y) in pixels, pixel centres at whole numbers. A transform is a
2 x 3 matrix A: a point p goes to A[:, :2] p + A[:, 2].
"""

import cv2
from jaxtyping import Bool, Float, UInt8
import numpy as np

# The 68 facial landmarks of iBUG 300-W, and how a face mesh becomes them.

# The 68 facial landmarks of iBUG 300-W: what each index is, mirrored and averaged.

COUNT = 68

JAW = range(0, 17)
LEFT_BROW = range(17, 22)       # outer to inner end
RIGHT_BROW = range(22, 27)      # inner to outer end
NOSE_BRIDGE = range(27, 31)     # down to the tip
NOSTRILS = range(31, 36)
LEFT_EYE = range(36, 42)        # outer corner, upper lid, inner corner, lower lid
RIGHT_EYE = range(42, 48)       # inner corner, upper lid, outer corner, lower lid
OUTER_LIPS = range(48, 60)      # left corner, upper lip, right corner, lower lip
INNER_LIPS = range(60, 68)      # left corner, upper lip, right corner, lower lip

COMPONENTS: dict[str, tuple[int, ...]] = {
    'jaw': tuple(JAW),
    'brows': (*LEFT_BROW, *RIGHT_BROW),
    'nose': (*NOSE_BRIDGE, *NOSTRILS),
    'eyes': (*LEFT_EYE, *RIGHT_EYE),
    'mouth': (*OUTER_LIPS, *INNER_LIPS),
}
"""The facial key components, in an order that never changes."""

_MIDLINE = (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)
_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((i, 43 - i) for i in LEFT_BROW),
    (31, 35), (32, 34),
    (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46),
    (48, 54), (49, 53), (50, 52), (59, 55), (58, 56),
    (60, 64), (61, 63), (67, 65))


def _permutation() -> np.ndarray:
  mirror = np.arange(COUNT)
  for left, right in _PAIRS:
    mirror[left], mirror[right] = right, left
  mirror.setflags(write=False)
  return mirror


MIRROR = _permutation()
"""`MIRROR[i]` is the landmark that lies where `i` lay, once a face is mirrored."""


def mirror_landmarks(
    points: Float[np.ndarray, '*n 68 2'], *, width: float
) -> Float[np.ndarray, '*n 68 2']:
  """The landmarks of the picture turned left to right.

  Args:
    points: (x, y); with pixel centres at whole numbers, `width` is the picture's
      width in pixels less 1; in unit coordinates it is 1. For movements it is 0.
    width: what x and its mirror image add up to.
  """
  turned = points[..., MIRROR, :].copy()
  turned[..., 0] = width - turned[..., 0]
  return turned


def eye_centres(points: Float[np.ndarray, '*n 68 2']) -> Float[np.ndarray, '*n 2 2']:
  """The middle of each eye's six landmarks: the picture's left eye, then its right."""
  return np.stack([points[..., list(eye), :].mean(-2)
                   for eye in (LEFT_EYE, RIGHT_EYE)], axis=-2)


def inter_ocular_distance(
    points: Float[np.ndarray, '*n 68 2'],
) -> Float[np.ndarray, '*n']:
  """Distance between the outer corners of the eyes, as 300-W measures errors by."""
  return np.asarray(np.linalg.norm(points[..., 36, :] - points[..., 45, :], axis=-1))


_MEAN_LEFT_HALF = {
    0: (.118, .385), 1: (.122, .478), 2: (.134, .568), 3: (.157, .653),
    4: (.197, .733), 5: (.252, .803), 6: (.322, .858), 7: (.408, .896),
    17: (.178, .307), 18: (.228, .276), 19: (.288, .266), 20: (.350, .275),
    21: (.410, .297),
    31: (.424, .586), 32: (.460, .599),
    36: (.224, .388), 37: (.266, .360), 38: (.322, .358), 39: (.370, .395),
    40: (.324, .410), 41: (.268, .411),
    48: (.362, .727), 49: (.408, .705), 50: (.460, .693), 59: (.410, .756),
    58: (.456, .775), 60: (.380, .728), 61: (.450, .724), 67: (.450, .731)}
_MEAN_MIDLINE = {
    8: .908, 27: .372, 28: .432, 29: .492, 30: .548, 33: .607, 51: .700, 57: .781,
    62: .726, 66: .733}


def mean_face() -> Float[np.ndarray, '68 2']:
  """A neutral, symmetric face in the unit square of a closely cropped picture.

  (0, 0) is the picture's upper left corner and (1, 1) its lower right one; the lips
  are closed up to a line of half a pixel in 64.
  """
  face = np.zeros((COUNT, 2))
  for index, point in _MEAN_LEFT_HALF.items():
    face[index] = point
    face[MIRROR[index]] = 1. - point[0], point[1]
  for index, y in _MEAN_MIDLINE.items():
    face[index] = .5, y
  return face


# Regions of an aligned face, each a set of pixels that shares none with another.

# At the picture's left: landmarks, and weighted middles of some.
_LEFT_REGIONS: dict[str, tuple[int | dict[int, float], ...]] = {
    'brow': (17, 18, 19, 20, 21), 'eye': (36, 37, 38, 39, 40, 41),
    'cheek': ({41: .45, 48: .25, 3: .3}, {41: .45, 3: .4, 31: .15}, {48: .4, 3: .6}),
    'mouth corner': (48, 49, 59, 60)}
_MIDDLE_REGIONS: dict[str, tuple[int | dict[int, float], ...]] = {
    'nose': (*range(27, 36),), 'upper lip': (50, 51, 52, 61, 62, 63),
    'lower lip': (56, 57, 58, 65, 66, 67), 'chin': (7, 8, 9, {8: .5, 57: .5}),
    # As far above the brows as these are above the eyes, and farther.
    'forehead': ({19: 2., 37: -1.}, {24: 2., 44: -1.}, {19: 2.7, 37: -1.7},
                 {24: 2.7, 44: -1.7}, {21: 1.2, 22: 1.2, 39: -.7, 42: -.7})}
EDGE = 'edge of the picture'
_REACH = .14      # from a place of a region, in sides of the picture


def face_regions(height: int, width: int) -> dict[str, Bool[np.ndarray, 'h w']]:
  """The pixels of each region of the mean face; each pixel is of one region.

  A pixel is of the region that has the nearest place, and of the picture's edge where
  none is near.

  Args:
    height: of the picture in pixels.
    width: of the picture in pixels.
  """
  face, names, places = mean_face(), [], []
  sides = {'left': face, 'right': mirror_landmarks(face, width=1.)}
  for side, points in sides.items():
    for name, of in _LEFT_REGIONS.items():
      own = np.stack([_place(points, one) for one in of])
      places += list(own if side == 'left' else own * (-1., 1.) + (1., 0.))
      names += [f'{side} {name}'] * len(own)
  for name, of in _MIDDLE_REGIONS.items():
    places += [_place(face, one) for one in of]
    names += [name] * len(of)
  rows, columns = np.mgrid[:height, :width]
  pixels = np.stack([(columns + .5) / width, (rows + .5) / height], -1)
  far = np.linalg.norm(pixels[..., None, :] - np.stack(places), axis=-1)
  nearest = np.where(far.min(-1) <= _REACH, far.argmin(-1), len(names))
  of_place = np.array([*names, EDGE])[nearest]
  return {name: of_place == name for name in [*dict.fromkeys(names), EDGE]
          if (of_place == name).any()}


def _place(face: Float[np.ndarray, '68 2'], of: int | dict[int, float]) -> np.ndarray:
  parts = of if isinstance(of, dict) else {of: 1.}
  return sum((share * face[index] for index, share in parts.items()), np.zeros(2))


# From the 468 points of a face mesh to the 68 landmarks of iBUG 300-W.

POINTS = 468

# A landmark that lies between two points of the mesh is their middle: brows lie between
# the mesh's upper and lower edge of them.
_LEFT_HALF: dict[int, tuple[int, ...]] = {
    0: (127,), 1: (234, 93), 2: (93, 132), 3: (58,), 4: (172,), 5: (136, 150),
    6: (149,), 7: (148, 176), 17: (70, 46), 18: (63, 53), 19: (105, 52), 20: (66, 65),
    21: (107, 55), 31: (75,), 32: (97,), 36: (33,), 37: (160,), 38: (158,), 39: (133,),
    40: (153,), 41: (144,), 48: (61,), 49: (39, 40), 50: (37,), 58: (84,), 59: (91,),
    60: (78,), 61: (82,), 67: (87,)}
_MESH_MIDLINE: dict[int, tuple[int, ...]] = {
    8: (152,), 27: (168,), 28: (197,), 29: (5,), 30: (4,), 33: (2,), 51: (0,),
    57: (17,), 62: (13,), 66: (14,)}
_RIGHT_HALF: dict[int, tuple[int, ...]] = {
    16: (356,), 15: (454, 323), 14: (323, 361), 13: (288,), 12: (397,),
    11: (365, 379), 10: (378,), 9: (377, 400), 26: (300, 276), 25: (293, 283),
    24: (334, 282), 23: (296, 295), 22: (336, 285), 35: (305,), 34: (326,), 45: (263,),
    44: (387,), 43: (385,), 42: (362,), 47: (380,), 46: (373,), 54: (291,),
    53: (269, 270), 52: (267,), 56: (314,), 55: (321,), 64: (308,), 63: (312,),
    65: (317,)}
TABLE = {**_LEFT_HALF, **_MESH_MIDLINE, **_RIGHT_HALF}
"""Landmark of 300-W -> one or two points of the mesh."""

_FIRST = np.array([TABLE[index][0] for index in range(len(TABLE))])
_LAST = np.array([TABLE[index][-1] for index in range(len(TABLE))])


def landmarks_of(points: Float[np.ndarray, '*n 468 2']) -> Float[np.ndarray, '*n 68 2']:
  """The 68 landmarks of a mesh, in its coordinates.

  Args:
    points: of a mesh, in any coordinates.
  """
  return .5 * (points[..., _FIRST, :] + points[..., _LAST, :])


# A face is brought to one place, size and angle: once for a clip, by its onset frame.

STABLE = (36, 39, 42, 45, *NOSE_BRIDGE, *NOSTRILS)
"""Landmarks that hardly move in an expression: corners of the eyes, and the nose."""

_MOST = 16      # times as many pixels are drawn as are kept, at most


def canonical_landmarks(size: int) -> Float[np.ndarray, '68 2']:
  """The landmarks of `landmarks.mean_face` in a picture of size x size pixels.

  Args:
    size: the side in pixels.
  """
  return mean_face() * size - .5


def fit_similarity(
    points: Float[np.ndarray, '68 2'], target: Float[np.ndarray, '68 2'],
) -> Float[np.ndarray, '2 3']:
  """Shift, turn and scale that bring `points` nearest to `target`; never a mirror.

  Least squares over the `STABLE` landmarks (Umeyama 1991).

  Args:
    points: landmarks in pixels of a picture.
    target: where they should lie.

  Returns:
    The matrix A (2, 3) of the transform.

  Raises:
    ValueError: the landmarks all lie in one spot, or are unknown.
  """
  p, q = (face[list(STABLE)].astype(np.float64) @ (1, 1j) for face in (points, target))
  centre_p, centre_q = p.mean(), q.mean()
  spread = np.sum(np.abs(p - centre_p)**2)
  if not spread > 0:
    raise ValueError('these landmarks give a face no size')
  factor = np.sum(np.conj(p - centre_p) * (q - centre_q)) / spread
  move = centre_q - factor * centre_p
  return np.array([[factor.real, -factor.imag, move.real],
                   [factor.imag, factor.real, move.imag]])


def transform_points(points: Float[np.ndarray, '*n 2'], matrix: Float[np.ndarray, '2 3']
                     ) -> Float[np.ndarray, '*n 2']:
  """Where points of the original pictures lie in the warped ones.

  Args:
    points: in pixels of the original picture.
    matrix: from it to the warped one.
  """
  return (points @ matrix[:, :2].T + matrix[:, 2]).astype(points.dtype)


def align_points(points: Float[np.ndarray, '68 2'], size: int
                 ) -> Float[np.ndarray, '68 2']:
  """A face's landmarks in pixels of its own aligned picture.

  Args:
    points: in pixels of the picture.
    size: side of the aligned picture.
  """
  points = np.asarray(points, np.float64)
  return transform_points(points, fit_similarity(points, canonical_landmarks(size)))


def warp_frames(frames: UInt8[np.ndarray, 'T h w c'], matrix: Float[np.ndarray, '2 3'],
                size: int) -> UInt8[np.ndarray, 'T size size c']:
  """All frames through one transform, into pictures of size x size pixels.

  A picture that shrinks is averaged over areas, which keeps movements of less than a
  pixel. Beyond the border, its pixels repeat.

  Args:
    frames: of one clip.
    matrix: from the frames to the pictures.
    size: the side in pixels.
  """
  scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
  finer = int(np.clip(np.ceil(1 / scale), 1, _MOST))
  drawn = matrix * finer
  drawn[:, 2] += .5 * (finer - 1)
  pictures = []
  for frame in frames:
    picture = cv2.warpAffine(frame, drawn, (size * finer,) * 2, flags=cv2.INTER_LINEAR,
                             borderMode=cv2.BORDER_REPLICATE)
    pictures.append(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
  return np.stack(pictures).reshape(len(frames), size, size, frames.shape[-1])
