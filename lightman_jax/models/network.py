"""The network: clip to embedding to logits, as pure functions over one pytree."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from lightman_jax import registry, sections
from lightman_jax.errors import InputError
from lightman_jax.models import ststnet
from lightman_jax.models.temporal import ClipEncoder as ClipEncoder
from lightman_jax.units import short_repr

Params = PyTree[Float[Array, '...']]

# Where params of a training step hold what dropout multiplies the embedding by.
DROPOUT_MASK = 'dropout_mask'
UNIT_HEAD = 'unit_head'
# Of weights. Uniform, not normal: the draws of a normal take seconds to compile.
UNIFORM = nn.initializers.lecun_uniform()


class Network(NamedTuple):
  """Functions over params = {'encoder': ..., 'head': ...}, with a 'projection' or not.

  An encoder with running statistics has them beside these, as 'statistics'; its
  network alone has `train`: (params, clips, key) to logits by the batch's statistics,
  and these. With a head for macro clips, 'macro_head', there is `classify_macro`, with
  one for action units, 'unit_head', `classify_units`.

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
  label_smoothing: float = 0.       # in every loss of its logits
  multi_label: bool = False         # a logit is of its class against its absence
  # Params, flattened maps (n, d) and their clips to what the head sees: with a skip,
  # the local means of a clip beside its map; in training with dropout, a part of that.
  beside: Callable[[Params, Array, Array], Float[Array, 'n _d']] = (
      lambda params, z, x: z)
  # Of embeddings, a logit for each action unit that is learned beside the classes.
  classify_units: Callable[[Params, Array], Float[Array, 'n U']] | None = None
  __repr__ = short_repr

  def embed(self, params: Params, x: Float[Array, 'n *clip']) -> Float[Array, 'n d']:
    """What the head sees: pooling the map over the face would lose position."""
    return self.beside(params, self.maps(params, x).reshape(x.shape[0], -1), x)

  def logits(self, params: Params, x: Float[Array, 'n *clip']) -> Float[Array, 'n K']:
    """Of clips; the softmax of a row is a clip's probabilities.

    With `multi_label` the sigmoid of each number is that of its class.
    """
    return self.classify(params, self.embed(params, x))


def local_means(x: Float[Array, 'n t h w c'], side: int) -> Float[Array, 'n _d']:
  """Means over time and squares of pictures, flattened: what a linear model takes.

  Args:
    x: clips.
    side: about how many squares lie along a side; rows and columns that fill none at
      the lower and right border are left out.
  """
  n, _, h, w, c = x.shape
  size = max(h // side, 1)
  rows, columns = h // size, w // size
  squares = x.mean(1)[:, :rows * size, :columns * size].reshape(
      n, rows, size, columns, size, c)
  return squares.mean((2, 4)).reshape(n, -1)


def unit_rms(x: Float[Array, 'n *clip']) -> Float[Array, 'n *clip']:
  """Each clip divided by its own root mean square.

  Args:
    x: clips.
  """
  squares = jnp.square(x).mean(tuple(range(1, x.ndim)), keepdims=True)
  return x * jax.lax.rsqrt(squares + 1e-16)


def make_network(encoder: nn.Module, *, classes: int, macro_head: bool = False,
                 unit_clips: bool = False, skip: int = 0, label_smoothing: float = 0.,
                 multi_label: bool = False, units: int = 0, projection: int = 0
                 ) -> Network:
  """`encoder` maps (n, *clip) to (n, *place, d), whatever the ranks of both.

  Args:
    encoder: of clips.
    classes: of micro clips, and of macro clips.
    macro_head: macro clips have a head of their own over the embedding.
    unit_clips: each clip is divided by its own root mean square before the encoder.
    skip: cells along a side of the picture that the head sees beside the maps; 0: none.
    label_smoothing: of every loss of its logits.
    multi_label: a label is a set of classes; see `tasks.action_units`.
    units: action units that are learned beside the classes, with a head of their own.
    projection: numbers that a learned linear map makes of what the head would see; 0:
      there is none.
  """
  scaled = unit_rms if unit_clips else lambda x: x
  head = nn.Dense(classes, kernel_init=UNIFORM)
  draw_projection, beside = _make_beside(skip, projection, scaled)

  def init(key, shape):
    if not isinstance(key, jax.Array):
      raise InputError(f'the key of init is {key!r}; give jax.random.key(0), and '
                       'the shape of one clip behind it')
    key_encoder, key_head = jax.random.split(key)
    x = jnp.zeros((1, *shape))
    variables = encoder.init(key_encoder, x)
    params = {'encoder': variables['params']}
    if 'statistics' in variables:
      params['statistics'] = variables['statistics']
    z = maps(params, x).reshape(1, -1)
    params = draw_projection(params, jax.random.fold_in(key_head, 3), z, x)
    z = beside(params, z, x)
    heads = {'head': key_head}
    if macro_head:
      heads['macro_head'] = jax.random.fold_in(key_head, 1)
    return params | {name: head.init(key, z)['params'] for name, key in heads.items()}

  def train(params, x, key):
    # A pair, for what is mutable.
    pair: Any = encoder.apply(_variables_of(params), x, training=True,
                              rngs={'dropout': key}, mutable=['statistics'])
    features, seen = pair
    z = beside(params, features.reshape(len(x), -1), x)
    return classify(params, z), seen['statistics']

  def maps(params, x) -> Any:
    return encoder.apply(_variables_of(params), scaled(x))

  def classify(params, z, name='head') -> Any:
    return head.apply({'params': params[name]}, z)
  net = Network(init, maps, classify, classes,
                train if isinstance(encoder, ststnet.PublishedSTSTNet) else None,
                (lambda params, z: classify(params, z, 'macro_head')) if macro_head
                else None, label_smoothing, multi_label, beside)
  return _with_unit_head(net, units) if units else net


def _make_beside(skip: int, projection: int, scaled: Callable
                 ) -> tuple[Callable, Callable]:
  """Parameters with a projection drawn; and what the head sees of maps and clips."""
  project = nn.Dense(projection, use_bias=False, kernel_init=UNIFORM)

  def with_skip(z, x):
    return jnp.concatenate([z, local_means(scaled(x), skip)], -1) if skip else z

  def draw_projection(params, key, z, x):
    if not projection:
      return params
    return {**params, 'projection': project.init(key, with_skip(z, x))['params']}

  def beside(params, z, x) -> Any:
    z = with_skip(z, x)
    if projection:
      z = project.apply({'params': params['projection']}, z)
    return z * params[DROPOUT_MASK] if DROPOUT_MASK in params else z
  return draw_projection, beside


def _variables_of(params: Params) -> dict[str, Any]:
  """What flax calls the weights and running statistics of an encoder."""
  running = {name: params[name] for name in ('statistics',) if name in params}
  return {'params': params['encoder'], **running}


def _with_unit_head(net: Network, units: int) -> Network:
  """The network with a head for action units, drawn beside all else."""
  head = nn.Dense(units, kernel_init=UNIFORM)

  def init(key, shape):
    params, x = net.init(key, shape), jnp.zeros((1, *shape))
    drawn = head.init(jax.random.fold_in(key, 2), net.embed(params, x))
    return {**params, UNIT_HEAD: drawn['params']}

  def classify(params, z) -> Any:
    return head.apply({'params': params[UNIT_HEAD]}, z)
  return net._replace(init=init, classify_units=classify)


def check_clips(net: Network, clip: tuple[int, ...], encoder: str) -> None:
  """Refuses an encoder from outside that cannot take a run's clips.

  Args:
    net: around that encoder.
    clip: the shape of one.
    encoder: its name.

  Raises:
    InputError: what it raised, or made.
  """
  def logits(key):
    return net.logits(net.init(key, clip), jnp.zeros((2, *clip)))

  where = f'encoder={encoder} cannot take clips {clip}'
  try:
    shape = jax.eval_shape(logits, jax.random.key(0)).shape
  except registry.RAISED as error:
    raise InputError(f'{where} ({registry.describe(error)})') from error
  if shape != (2, net.classes):
    raise InputError(f'{where}: of two it makes logits {shape}; an encoder maps '
                     '(n, *clip) to (n, *place, d)')


def make_encoder(*, encoder: str, **options: Any) -> nn.Module:
  """The clip encoder of a configuration's `model` section.

  Args:
    encoder: in the table, or code from outside that was allowed.
    options: what it can be set to, and of the section what is about code from outside
      or set around a whole run (`matmul_precision`, see `training.numerics.pinned`). A
      setting of other encoders changes nothing: one of 0.1.0 has those of all.

  Raises:
    InputError: it is no flax module, or its weights cannot be read.
    TypeError: no encoder has such a setting.
  """
  own = sections.options_of('encoder', encoder)
  for name in options.keys() - own.keys() - {
      *sections.AROUND['encoder'], sections.HASH}:
    if not sections.owners('encoder', name):
      raise TypeError(f'no encoder has a setting {name!r}')
  module = sections.build('encoder', encoder, {
      name: value for name, value in options.items() if name in own})
  if not isinstance(module, nn.Module):
    raise InputError(f'encoder={encoder} makes {type(module).__name__}; an encoder is '
                     'a flax.linen.Module that takes clips (n, *clip)')
  return module
