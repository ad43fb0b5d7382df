"""One file a data set, each with get_config(arg); these are the user's own Python."""
