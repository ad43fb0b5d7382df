"""State and step, devices, checkpoints, the loop over folds."""
