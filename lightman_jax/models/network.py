"""The network: clip to embedding to logits, as pure functions over one pytree."""

from collections.abc import Callable
import functools
from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from lightman_jax.models import (
  conv4,
  dere_grl,
  mlp,
  off_apexnet,
  resnet,
  ststnet,
  tcn,
  temporal,
  vit,
  weights_files,
)

Params = PyTree[Float[Array, '...']]


class ClipEncoder(nn.Module):
  """A 2D encoder shared by all frames, then a 3D module over their feature maps.

  `after` is what an encoder has behind its maps, such as dense layers. `dtype` is that
  of all activations between clips and maps, and of their products with weights; None
  is that of the clips.
  """
  frame: nn.Module
  temporal: nn.Module
  after: nn.Module | None = None
  dtype: jnp.dtype | None = None

  def __call__(self, x: Float[Array, 'n t h w c']) -> Float[Array, 'n *place d']:
    (n, t), input_dtype = x.shape[:2], x.dtype
    x = x.astype(self.dtype or input_dtype)
    maps = self.frame(x.reshape(n * t, *x.shape[2:]))
    maps = self.temporal(maps.reshape(n, t, *maps.shape[1:]))
    return (self.after(maps) if self.after else maps).astype(input_dtype)


class Network(NamedTuple):
  """Functions over params = {'encoder': ..., 'head': ...}.

  An encoder with running statistics has them beside these, as 'statistics'; its
  network alone has `train`: (params, clips, key) to logits by the batch's statistics,
  and these. With a head for macro clips, 'macro_head', there is `classify_macro`.

  Example:
    >>> params = net.init(jax.random.key(0), (4, 16, 16, 3))      # doctest: +SKIP
    >>> logits = net.logits(params, x)                            # doctest: +SKIP
  """
  init: Callable[[Key[Array, ''], tuple[int, ...]], Params]    # key, (*clip)
  maps: Callable[[Params, Array], Float[Array, 'n *place d']]  # params, (n, *clip)
  classify: Callable[[Params, Array], Float[Array, 'n K']]     # params, embeddings
  classes: int
  train: Callable[[Params, Array, Key[Array, '']],
                  tuple[Float[Array, 'n K'], Params]] | None = None
  classify_macro: Callable[[Params, Array], Float[Array, 'm K']] | None = None

  def embed(self, params: Params, x: Float[Array, 'n *clip']) -> Float[Array, 'n d']:
    """The flattened map: pooling it over the face would lose position."""
    return self.maps(params, x).reshape(len(x), -1)

  def logits(self, params: Params, x: Float[Array, 'n *clip']) -> Float[Array, 'n K']:
    """Of clips; the softmax of a row is a clip's probabilities."""
    return self.classify(params, self.embed(params, x))


def make_network(encoder: nn.Module, *, classes: int, macro_head: bool = False,
                 unit_clips: bool = False) -> Network:
  """`encoder` maps (n, *clip) to (n, *place, d), whatever the ranks of both.

  Args:
    encoder: of clips.
    classes: of micro clips, and of macro clips.
    macro_head: macro clips have a head of their own over the embedding.
    unit_clips: each clip is divided by its own root mean square before the encoder.
  """
  # Uniform, not normal: the draws of a normal take seconds to compile.
  head = nn.Dense(classes, kernel_init=nn.initializers.lecun_uniform())

  def init(key, shape):
    key_encoder, key_head = jax.random.split(key)
    x = jnp.zeros((1, *shape))
    variables = encoder.init(key_encoder, x)
    params = {'encoder': variables['params']}
    if 'statistics' in variables:
      params['statistics'] = variables['statistics']
    z = maps(params, x).reshape(1, -1)
    heads = {'head': key_head}
    if macro_head:
      heads['macro_head'] = jax.random.fold_in(key_head, 1)
    return params | {name: head.init(key, z)['params'] for name, key in heads.items()}

  def variables_of(params):
    running = {name: params[name] for name in ('statistics',) if name in params}
    return {'params': params['encoder'], **running}

  def train(params, x, key):
    features, seen = encoder.apply(variables_of(params), x, training=True,
                                   rngs={'dropout': key}, mutable=['statistics'])
    return classify(params, features.reshape(len(x), -1)), seen['statistics']

  def maps(params, x):
    if unit_clips:
      squares = jnp.square(x).mean(tuple(range(1, x.ndim)), keepdims=True)
      x = x * jax.lax.rsqrt(squares + 1e-16)
    return encoder.apply(variables_of(params), x)

  classify = lambda params, z: head.apply({'params': params['head']}, z)
  macro = lambda params, z: head.apply({'params': params['macro_head']}, z)
  return Network(init, maps, classify, classes,
                 train if isinstance(encoder, ststnet.PublishedSTSTNet) else None,
                 macro if macro_head else None)


def make_encoder(*, encoder: str, width: int, grid: int, temporal_width: int,
                 temporal_depth: int, conv: str, norm: str = 'group', depth: int = 2,
                 dense: int = 1024, actions: int = 8, decompose: bool = True,
                 relate: bool = True, precision: str = 'float32',
                 matmul_precision: str = 'highest', weights: str = '') -> nn.Module:
  """The clip encoder of a configuration's `model` section.

  Args:
    encoder: 'dere_grl' takes landmark movements, 'mlp' any numbers, 'tcn' any series
      of them, all others take pictures.
    width: channels; OFF-ApexNet's are those of the paper.
    grid: cells along a side that pooling leaves, at least.
    temporal_width: of the temporal module; DeRe-GRL has none.
    temporal_depth: likewise.
    conv: how convolutions are computed.
    norm: 'batch' for STSTNet as it was published.
    depth: blocks of the vision transformer or of the TCN, graph convolutions of
      DeRe-GRL, layers of the MLP.
    dense: width of OFF-ApexNet's dense layers.
    actions: of DeRe-GRL.
    decompose: DeRe-GRL's action decomposition; False takes it out.
    relate: its relation reconstruction; False takes it out.
    precision: 'bfloat16' for activations of 8 significant bits; weights, normalisation
      and what comes out stay float32.
    matmul_precision: of products of float32. It is set around a whole run, not here;
      see `training.numerics.pinned`.
    weights: path of published weights, for the scaling of pictures that they declare;
      the weights themselves become parameters in `run.published_start`.

  Raises:
    InputError: the weights cannot be read.
  """
  dtype = {'float32': None, 'bfloat16': jnp.dtype('bfloat16')}[precision]
  if encoder == 'dere_grl':
    return dere_grl.DeReGRL(width, depth, actions, decompose, relate, dtype)
  if encoder in ('mlp', 'tcn'):
    return {'mlp': mlp.MLP, 'tcn': tcn.TCN}[encoder](width, depth, dtype)
  if norm == 'batch':
    scaling = weights_files.scaling_of(weights) if weights else None
    return ststnet.PublishedSTSTNet(conv, dtype, scaling)
  frames = {
      'conv4': functools.partial(conv4.Conv4, width, grid, conv),
      'resnet12': functools.partial(resnet.ResNet12, width, grid, conv),
      'resnet18': functools.partial(resnet.ResNet18, width, grid, conv),
      'ststnet': functools.partial(ststnet.STSTNet, width, conv),
      'off_apexnet': functools.partial(off_apexnet.Streams, conv),
      'vit': functools.partial(vit.VisionTransformer, width, grid, depth),
  }[encoder]()
  after = off_apexnet.Dense(dense) if encoder == 'off_apexnet' else None
  return ClipEncoder(frames, temporal.Temporal(temporal_width, temporal_depth, conv),
                     after, dtype)
