"""A multilayer perceptron: for examples that are rows of numbers, and no pictures."""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import layers


class MLP(nn.Module):
  """Rows (n, d) to embeddings (n, width): `depth` dense layers, each with GELU.

  Examples of any other shape are flattened. `dtype` is that of the activations, None
  that of the examples.
  """
  width: int = 32
  depth: int = 2
  dtype: jnp.dtype | None = None

  @nn.compact
  def __call__(self, x: Float[Array, 'n *example']) -> Float[Array, 'n d']:
    h = x.reshape(x.shape[0], -1).astype(self.dtype or x.dtype)
    for _ in range(self.depth):
      h = nn.gelu(layers.Dense(self.width,
                               kernel_init=nn.initializers.he_uniform())(h))
    return h.astype(x.dtype)
