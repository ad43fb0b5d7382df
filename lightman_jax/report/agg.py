"""matplotlib as this program uses it: on the Agg and SVG backends, whatever is set.

A notebook sets MPLBACKEND to a backend of its own for every program that it starts, and
matplotlib fails to be imported where that is not installed. Figures here are made
without pyplot and need none; a notebook's own figures keep the backend that it chose.
"""

import contextlib
import os

_chosen = os.environ.pop('MPLBACKEND', None)
try:
  import matplotlib
finally:
  if _chosen is not None:
    os.environ['MPLBACKEND'] = _chosen
if _chosen:
  with contextlib.suppress(ValueError):      # it is not installed
    matplotlib.rcParams['backend'] = _chosen

from matplotlib import colormaps, font_manager, patches, style, ticker
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.rcsetup import cycler

__all__ = ['FT2Font', 'Figure', 'FigureCanvasAgg', 'FigureCanvasSVG', 'colormaps',
           'cycler', 'font_manager', 'patches', 'style', 'ticker']
