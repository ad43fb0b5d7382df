"""The network: clip to embedding to logits, as pure functions over one pytree."""

from collections.abc import Callable
import functools
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from lightman_jax.models import frame
from lightman_jax.models import resnet
from lightman_jax.models import ststnet
from lightman_jax.models import temporal

Params = PyTree[Float[Array, '...']]


class ClipEncoder(nn.Module):
  """A 2D encoder shared by all frames, then a 3D module over their feature maps."""
  frame: nn.Module
  temporal: nn.Module

  def __call__(self, x: Float[Array, 'n t h w c']) -> Float[Array, 'n _h _w d']:
    n, t = x.shape[:2]
    maps = self.frame(x.reshape(n * t, *x.shape[2:]))
    return self.temporal(maps.reshape(n, t, *maps.shape[1:]))


class Network(NamedTuple):
  """Functions over params = {'encoder': ..., 'head': ...}."""
  init: Callable[[Key[Array, ''], tuple[int, ...]], Params]    # key, (*clip)
  maps: Callable[[Params, Array], Float[Array, 'n *place d']]  # params, (n, *clip)
  classify: Callable[[Params, Array], Float[Array, 'n K']]     # params, embeddings
  classes: int

  def embed(self, params: Params, x: Float[Array, 'n *clip']) -> Float[Array, 'n d']:
    """The flattened map: pooling it over the face would lose position."""
    return self.maps(params, x).reshape(len(x), -1)

  def logits(self, params: Params, x: Float[Array, 'n *clip']) -> Float[Array, 'n K']:
    """Of clips; the softmax of a row is a clip's probabilities."""
    return self.classify(params, self.embed(params, x))


def make_network(encoder: nn.Module, *, classes: int) -> Network:
  """`encoder` maps (n, *clip) to (n, *place, d), whatever the ranks of both."""
  # Uniform, not normal: the draws of a normal take seconds to compile.
  head = nn.Dense(classes, kernel_init=nn.initializers.lecun_uniform())

  def init(key, shape):
    key_encoder, key_head = jax.random.split(key)
    x = jnp.zeros((1, *shape))
    params = {'encoder': encoder.init(key_encoder, x)['params']}
    params['head'] = head.init(key_head, maps(params, x).reshape(1, -1))['params']
    return params

  maps = lambda params, x: encoder.apply({'params': params['encoder']}, x)
  classify = lambda params, z: head.apply({'params': params['head']}, z)
  return Network(init, maps, classify, classes)


def make_encoder(*, encoder: str, width: int, grid: int, temporal_width: int,
                 temporal_depth: int, conv: str) -> nn.Module:
  """The clip encoder of a configuration's `model` section."""
  frames = {
      'conv4': functools.partial(frame.Conv4, grid=grid),
      'resnet12': functools.partial(resnet.ResNet12, grid=grid),
      'resnet18': functools.partial(resnet.ResNet18, grid=grid),
      'ststnet': ststnet.STSTNet,
  }[encoder](width=width, conv=conv)
  return ClipEncoder(frames, temporal.Temporal(temporal_width, temporal_depth, conv))
