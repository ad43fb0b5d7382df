"""One file of facts a data set: its sheets, trees, class sets and counts."""
