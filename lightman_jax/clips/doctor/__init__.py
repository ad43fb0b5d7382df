"""The layout doctor: which data set lies there, what of it can be used, and why not."""
