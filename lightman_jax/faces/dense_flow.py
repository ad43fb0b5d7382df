"""Dense optical flow between two grey pictures, and the strain of a flow field.

u is horizontal (to the right), v vertical (down), both in pixels of the given pictures;
strain has no unit. Dense flow is OpenCV's.
"""

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks

# Part of every result: what OpenCV is called with.
FARNEBACK = dict(pyr_scale=.5, levels=3, winsize=15, iterations=3, poly_n=5,
                 poly_sigma=1.2, flags=0)
# DIS 'medium' with its finest scale set to full resolution: at half of it, as the
# preset has it, motions of a pixel or two on a small face are lost.
DIS = dict(preset='medium', finest_scale=0)
TVL1 = dict(tau=.25, lambda_=.15, theta=.3, nscales=5, warps=5, epsilon=.01,
            innnerIterations=30, outerIterations=10, scaleStep=.8, gamma=0.,
            medianFiltering=5, useInitialFlow=False)
# Shares of the inter-ocular distance: the width of the strip along the ridge of the
# nose, and how far an eye's mask goes beyond its lids.
NOSE_WIDTH, EYE_MARGIN = .15, .1


def grey(frames: UInt8[np.ndarray, 'T h w c']) -> UInt8[np.ndarray, 'T h w']:
  """Luminance of RGB frames; a single channel stays as it is."""
  if frames.shape[-1] == 1:
    return frames[..., 0]
  return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])


def has_tvl1() -> bool:
  """Whether this OpenCV holds TV-L1: only the 'contrib' distributions do."""
  return hasattr(getattr(cv2, 'optflow', None), 'DualTVL1OpticalFlow_create')


def check_algorithm(algorithm: str) -> None:
  """Refuses what this installation cannot compute.

  Raises:
    InputError: 'tvl1', and OpenCV does not hold it.
  """
  if algorithm == 'tvl1' and not has_tvl1():
    raise InputError(
        'TV-L1 flow is not in this OpenCV, which is not the one that this package '
        'asks for: pip install --force-reinstall opencv-contrib-python-headless, '
        'with no other opencv-* package beside it, or use inputs.algorithm=dis')


def optical_flow(first: UInt8[np.ndarray, 'h w'], second: UInt8[np.ndarray, 'h w'], *,
                 algorithm: str, finest_scale: int = DIS['finest_scale']
                 ) -> Float32[np.ndarray, 'h w 2']:
  """(u, v) that carries `first` to `second`.

  Args:
    first: a picture.
    second: a later one of the same size.
    algorithm: 'farneback' (Farneback 2003), 'dis' (Kroeger et al. 2016) or 'tvl1'
      (Zach et al. 2007), which takes twenty times as long.
    finest_scale: of 'dis': 0 is every pixel, 1 every other.

  Raises:
    InputError: as `check_algorithm`; or the pictures are too small for 'dis'.
  """
  if algorithm == 'farneback':
    return cv2.calcOpticalFlowFarneback(first, second, None, **FARNEBACK)
  if algorithm == 'tvl1':
    check_algorithm(algorithm)
    return cv2.optflow.DualTVL1OpticalFlow_create(*TVL1.values()).calc(
        first, second, None)
  if max(first.shape) < 12:
    height, width = first.shape
    raise InputError(
        f'the flow between pictures of {width} x {height} pixels cannot be computed by '
        'dis, which needs 12: use a data.size of 12 or more, or '
        'inputs.algorithm=farneback')
  method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
  method.setFinestScale(finest_scale)
  return method.calc(first, second, None)


def strain(flow: Float[np.ndarray, '*n h w 2']) -> Float[np.ndarray, '*n h w']:
  """Magnitude of the infinitesimal strain tensor (Shreve et al. 2011, eq. 5).

  sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), by central differences.

  Args:
    flow: (u, v) in pixels.

  Returns:
    No unit, at least 0.
  """
  u_y, u_x = np.gradient(flow[..., 0], axis=(-2, -1))
  v_y, v_x = np.gradient(flow[..., 1], axis=(-2, -1))
  return np.sqrt(u_x**2 + v_y**2 + (u_y + v_x)**2 / 2)


def stabilise(flow: Float32[np.ndarray, 't h w 2'], how: str,
              points: Float[np.ndarray, '68 2'] | None = None
              ) -> Float32[np.ndarray, 't h w 2']:
  """Flow fields less the motion of the head that is left after alignment.

  Args:
    flow: (u, v) in pixels, from the onset.
    how: 'none'; 'median', of u and of v over all pixels of a field; or 'nose', their
      means along the ridge of the nose, which no expression moves much (SOFTNet, Liong
      et al. 2021, takes 11 pixels of 128 around one of its points).
    points: landmarks of the onset in pixels, for 'nose'.
  """
  if how == 'none':
    return flow
  if how == 'median':
    return flow - np.median(flow, (1, 2), keepdims=True)
  ridge = np.clip(points[list(landmarks.NOSE_BRIDGE)], 0,
                  np.array(flow.shape[2:0:-1]) - 1)
  strip = np.zeros(flow.shape[1:3], np.uint8)
  width = NOSE_WIDTH * landmarks.inter_ocular_distance(points)
  cv2.polylines(strip, [np.rint(ridge).astype(np.int32)], False, 1,
                max(1, round(float(width))))
  return flow - flow[:, strip > 0].mean(1)[:, None, None]


def outside_eyes(points: Float[np.ndarray, '68 2'], shape: tuple[int, int]
                 ) -> Float32[np.ndarray, 'h w']:
  """0 in the eyes and around their lids, where a blink moves, and 1 elsewhere.

  Args:
    points: landmarks of the onset in pixels.
    shape: (h, w) of the picture.
  """
  inside = np.zeros(shape, np.uint8)
  for eye in (landmarks.LEFT_EYE, landmarks.RIGHT_EYE):
    cv2.fillPoly(inside, [np.rint(points[list(eye)]).astype(np.int32)], 1)
  reach = round(float(EYE_MARGIN * landmarks.inter_ocular_distance(points)))
  disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
  return 1 - cv2.dilate(inside, disc).astype(np.float32)
