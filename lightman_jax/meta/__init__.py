"""Losses, the inner loop, outer gradients, and the learners made of these."""
