"""From the 468 points of a face mesh to the 68 landmarks of iBUG 300-W.

The mesh is that of MediaPipe (Kartynnik et al. 2019, "Real-time facial surface
geometry from monocular video on mobile GPUs"). Its points lie on the skin, so that
those of the jaw line are the nearest there are; the others are the same spots. Which
is which was settled on a photograph, against dlib's landmarks.
"""

from jaxtyping import Float
import numpy as np

POINTS = 468

# A landmark that lies between two points of the mesh is their middle: brows lie between
# the mesh's upper and lower edge of them.
_LEFT_HALF: dict[int, tuple[int, ...]] = {
    0: (127,), 1: (234, 93), 2: (93, 132), 3: (58,), 4: (172,), 5: (136, 150),
    6: (149,), 7: (148, 176), 17: (70, 46), 18: (63, 53), 19: (105, 52), 20: (66, 65),
    21: (107, 55), 31: (75,), 32: (97,), 36: (33,), 37: (160,), 38: (158,), 39: (133,),
    40: (153,), 41: (144,), 48: (61,), 49: (39, 40), 50: (37,), 58: (84,), 59: (91,),
    60: (78,), 61: (82,), 67: (87,)}
_MIDLINE: dict[int, tuple[int, ...]] = {
    8: (152,), 27: (168,), 28: (197,), 29: (5,), 30: (4,), 33: (2,), 51: (0,),
    57: (17,), 62: (13,), 66: (14,)}
_RIGHT_HALF: dict[int, tuple[int, ...]] = {
    16: (356,), 15: (454, 323), 14: (323, 361), 13: (288,), 12: (397,),
    11: (365, 379), 10: (378,), 9: (377, 400), 26: (300, 276), 25: (293, 283),
    24: (334, 282), 23: (296, 295), 22: (336, 285), 35: (305,), 34: (326,), 45: (263,),
    44: (387,), 43: (385,), 42: (362,), 47: (380,), 46: (373,), 54: (291,),
    53: (269, 270), 52: (267,), 56: (314,), 55: (321,), 64: (308,), 63: (312,),
    65: (317,)}
TABLE = {**_LEFT_HALF, **_MIDLINE, **_RIGHT_HALF}
"""Landmark of 300-W -> one or two points of the mesh."""

_FIRST = np.array([TABLE[index][0] for index in range(len(TABLE))])
_LAST = np.array([TABLE[index][-1] for index in range(len(TABLE))])


def landmarks_of(points: Float[np.ndarray, '*n 468 2']) -> Float[np.ndarray, '*n 68 2']:
  """The 68 landmarks of a mesh, in its coordinates."""
  return .5 * (points[..., _FIRST, :] + points[..., _LAST, :])
