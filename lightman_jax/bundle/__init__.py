"""A trained model that can be carried: written, checked, read, exported."""
