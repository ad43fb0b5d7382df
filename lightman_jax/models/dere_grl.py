"""DeRe-GRL: movements of facial landmarks, decomposed into actions that relate.

Known of the paper is its abstract: a graph model over landmarks gives geometric
movement features; the action decomposition module divides them by facial key component
into sub-features and learns a map matrix to several action features; the relation
reconstruction module learns weights over all action features; then classification.
All else here is our reading of it.
"""

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.models import layers

CONTOURS = (
    (*landmarks.JAW,), (*landmarks.LEFT_BROW,), (*landmarks.RIGHT_BROW,),
    (*landmarks.NOSE_BRIDGE, 33), (*landmarks.NOSTRILS,),
    (*landmarks.LEFT_EYE, 36), (*landmarks.RIGHT_EYE, 42),
    (*landmarks.OUTER_LIPS, 48), (*landmarks.INNER_LIPS, 60))
"""The lines of a face as walks along landmarks; closed ones end where they begin."""


def contour_graph() -> Float[np.ndarray, '68 68']:
  """Neighbours along a contour and each landmark itself, symmetrically normalised.

  D^-1/2 (A + I) D^-1/2 (Kipf and Welling 2017, eq. 2).
  """
  linked = np.eye(landmarks.COUNT)
  for walk in CONTOURS:
    for a, b in zip(walk, walk[1:]):
      linked[a, b] = linked[b, a] = 1.
  root = np.sqrt(linked.sum(1))
  return linked / root[:, None] / root


def pooling(by_component: bool) -> Float[np.ndarray, 'C 68']:
  """P: the mean over each facial key component, or every landmark by itself.

  Args:
    by_component: False for the identity.
  """
  if not by_component:
    return np.eye(landmarks.COUNT)
  return np.stack([np.isin(np.arange(landmarks.COUNT), part) / len(part)
                   for part in landmarks.COMPONENTS.values()])


class Graph(nn.Module):
  """Graph convolutions over landmarks: H' = ReLU(norm(A H U + H V)).

  A is one learned matrix for all layers, free in sign and size, which begins as
  `contour_graph`. A landmark's own features also go by weights V of their own. Group
  normalisation is over all landmarks of one clip.
  """
  width: int = 32
  depth: int = 2

  @nn.compact
  def __call__(self, h: Float[Array, 'n 68 c']) -> Float[Array, 'n 68 d']:
    graph = self.param('adjacency',
                       lambda _: jnp.asarray(contour_graph(), jnp.float32))
    dense = lambda: layers.Dense(self.width, use_bias=False,
                                 kernel_init=nn.initializers.he_uniform())
    for _ in range(self.depth):
      around = layers.einsum('ij,njc->nic', graph.astype(h.dtype), h)
      h = layers.GroupNorm(relu=True)(dense()(around) + dense()(h))
    return h


class DeReGRL(nn.Module):
  """Landmark movements (n, T, 68, 2) to action features (n, A, d).

  Backbone: `Graph`, a landmark's features being its displacements in all frames.
  Action decomposition: sub-features S = P H of the components, the same however the
  landmarks of one are ordered, and action features F = M S by a learned map matrix M
  (A, C). Relation reconstruction: R = softmax(F Q (F K)^T / sqrt(d)) of each clip, and
  F + R F. Behind the backbone all is linear but R, so a linear head's logits are sums
  over actions, relations and components: see `explanation.explain`.

  `decompose=False` takes the division by component out: M maps single landmarks
  (A, 68). `relate=False` takes the relations out. `dtype` is that of the backbone's
  activations, None that of the movements, which all behind it has.
  """
  width: int = 32
  depth: int = 2
  actions: int = 8
  decompose: bool = True
  relate: bool = True
  dtype: jnp.dtype | None = None

  @nn.compact
  def __call__(self, x: Float[Array, 'n T 68 2']) -> Float[Array, 'n A d']:
    n, t, points, _ = x.shape
    h = jnp.moveaxis(x, 2, 1).reshape(n, points, t * 2)
    h = Graph(self.width, self.depth)(h.astype(self.dtype or x.dtype)).astype(x.dtype)
    pool = jnp.asarray(pooling(self.decompose), h.dtype)
    parts = jnp.einsum('cp,npd->ncd', pool, h)
    to_actions = self.param('map', nn.initializers.lecun_uniform(1, 0),
                            (self.actions, len(pool)))
    features = jnp.einsum('ac,ncd->nad', to_actions, parts)
    relations = self._relations(features)
    for name, value in (('parts', parts), ('relations', relations)):
      self.sow('intermediates', name, value)
    return features + relations @ features if self.relate else features

  def _relations(self, features: Float[Array, 'n A d']) -> Float[Array, 'n A A']:
    if not self.relate:
      return jnp.zeros((*features.shape[:2], self.actions), features.dtype)
    dense = lambda name: nn.Dense(self.width, use_bias=False, name=name,
                                  kernel_init=nn.initializers.lecun_uniform())
    # Parameters keep the names by which checkpoints know them, and their draws.
    query, key = dense('ask')(features), dense('answer')(features)
    return jax.nn.softmax(query @ key.swapaxes(1, 2) / np.sqrt(self.width))
