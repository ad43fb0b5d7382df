"""Made-up data sets in the exact layout of the real ones, quirks of both included.

The people in them are synthetic faces. Every data set's facts stand at the top of its
own module; the readers never import these, nor these the readers' tables, so a replica
can contradict a reader.
"""
