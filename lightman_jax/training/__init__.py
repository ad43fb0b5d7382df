"""States, steps, checkpoints and devices: how folds are trained."""
