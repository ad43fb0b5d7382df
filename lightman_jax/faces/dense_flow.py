"""Dense optical flow between two grey pictures, and the strain of a flow field.

u is horizontal (to the right), v vertical (down), both in pixels of the given pictures;
strain has no unit. Dense flow is OpenCV's.
"""

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.errors import InputError

# Part of every result: what OpenCV is called with.
FARNEBACK = dict(pyr_scale=.5, levels=3, winsize=15, iterations=3, poly_n=5,
                 poly_sigma=1.2, flags=0)
# DIS 'medium' with its finest scale set to full resolution: at half of it, as the
# preset has it, motions of a pixel or two on a small face are lost.
DIS = dict(preset='medium', finest_scale=0)
TVL1 = dict(tau=.25, lambda_=.15, theta=.3, nscales=5, warps=5, epsilon=.01,
            innnerIterations=30, outerIterations=10, scaleStep=.8, gamma=0.,
            medianFiltering=5, useInitialFlow=False)


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
        'TV-L1 flow is in no plain OpenCV: install opencv-contrib-python-headless in '
        'place of opencv-python-headless (pip uninstall it first), or use '
        'inputs.algorithm=dis')


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
