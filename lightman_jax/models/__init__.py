"""Layers, frame encoders, the temporal module and the network of them."""
