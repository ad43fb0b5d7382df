"""Encoders and the network, as pure functions over one pytree of params."""
