"""One module a data set, each with get_config(arg); `named` finds them by name."""
