"""Meta-auxiliary learning for micro-expression recognition, in JAX."""

__version__ = '0.2.0'
