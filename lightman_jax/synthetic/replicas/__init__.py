"""Made-up data sets in the exact layout of the real ones, quirks of both included."""
