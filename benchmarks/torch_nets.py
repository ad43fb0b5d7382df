"""The package's networks in PyTorch, with its weights, as functions of parameters.

Parameters are a flat dictionary under the names that flax gives them
('encoder.frame.Conv_0.kernel'); kernels are turned to PyTorch's layout once, when they
are copied. The embedding is flattened with the channels last, as in the package.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

Params = dict[str, torch.Tensor]
GROUPS = 4


def from_flax(tree: Mapping[str, Any], prefix: str = '') -> Params:
  """Nested arrays -> leaves that require a gradient."""
  arrays = {}
  for name, leaf in tree.items():
    if isinstance(leaf, Mapping):
      arrays |= from_flax(leaf, f'{prefix}{name}.')
      continue
    x = torch.tensor(np.asarray(leaf))
    if name == 'kernel':      # (*window, c, d) -> (d, c, *window); (c, d) -> (d, c)
      x = x.permute(-1, -2, *range(x.dim() - 2))
    arrays[prefix + name] = x.contiguous().requires_grad_()
  return arrays


def to_flax_order(grads: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
  """The reverse of `from_flax`, flat."""
  turned = {}
  for name, x in grads.items():
    if name.endswith('kernel'):
      x = x.permute(*range(2, x.dim()), 1, 0)
    turned[name] = x.detach().cpu().numpy()
  return turned


def _norm(params: Params, name: str, x, *, groups: int = GROUPS):
  return F.group_norm(x, groups, params[f'{name}.scale'], params[f'{name}.bias'])


def _conv(params: Params, name: str, x):
  kernel = params[f'{name}.kernel']
  how = F.conv2d if kernel.dim() == 4 else F.conv3d
  return how(x, kernel, padding=[size // 2 for size in kernel.shape[2:]])


def conv4(params: Params, x, *, grid: int, prefix: str = 'encoder.frame.'):
  for n in range(4):
    x = _conv(params, f'{prefix}Conv_{n}', x)
    x = F.relu(_norm(params, f'{prefix}GroupNorm_{n}', x))
    if min(x.shape[2:]) >= 2 * grid:
      x = F.max_pool2d(x, 2)
  return x


def resnet12(params: Params, x, *, grid: int, prefix: str = 'encoder.frame.'):
  def conv(number, x):
    x = _conv(params, f'{prefix}Conv_{number}', x)
    return _norm(params, f'{prefix}GroupNorm_{number}', x)
  for n in range(0, 16, 4):
    y = F.relu(conv(n + 1, x))
    y = F.relu(conv(n + 2, y))
    x = F.relu(conv(n + 3, y) + conv(n, x))
    if min(x.shape[2:]) >= 2 * grid:
      x = F.max_pool2d(x, 2)
  return x


def ststnet(params: Params, x, *, grid: int = 0, prefix: str = 'encoder.frame.'):
  """Its three convolutions as one of 16 channels, which is faster here as well."""
  del grid
  x = F.conv2d(x, params[f'{prefix}Conv_0.kernel'], params[f'{prefix}Conv_0.bias'],
               padding=2)
  x = _norm(params, f'{prefix}GroupNorm_0', F.relu(x))
  return F.avg_pool2d(F.max_pool2d(x, 3, 3, 1), 2)


def temporal(params: Params, x, *, depth: int, prefix: str = 'encoder.temporal.'):
  """(n, t, c, h, w) -> (n, d, h, w)."""
  x = x.transpose(1, 2)
  for n in range(depth):
    x = _conv(params, f'{prefix}Conv_{n}', x)
    x = F.relu(_norm(params, f'{prefix}GroupNorm_{n}', x))
  return x.mean(2)


FRAMES: Mapping[str, Callable] = {
    'conv4': conv4, 'resnet12': resnet12, 'ststnet': ststnet}


def logits(params: Params, x: torch.Tensor, *, encoder: str, depth: int,
           grid: int = 4) -> torch.Tensor:
  """(n, t, c, h, w) -> (n, K)."""
  n, t = x.shape[:2]
  maps = FRAMES[encoder](params, x.reshape(n * t, *x.shape[2:]), grid=grid)
  maps = temporal(params, maps.reshape(n, t, *maps.shape[1:]), depth=depth)
  z = maps.permute(0, 2, 3, 1).reshape(n, -1)
  return F.linear(z, params['head.kernel'], params['head.bias'])


def clips(x: np.ndarray) -> torch.Tensor:
  """(..., h, w, c) -> (..., c, h, w)."""
  return torch.tensor(np.moveaxis(x, -1, -3)).contiguous()
