"""What pages share: their colours, what a browser may do with them, and how they are
filled in.

All values are escaped, and a name that a template misspells is an error.
"""

from typing import Any

import jinja2
from markupsafe import Markup

from lightman_jax.units import counted

# No script runs and nothing is fetched, whatever a file or a run folder holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# Of light mode; in the page's SVG each is the variable of that name of its style sheet.
COLOURS = {'ink': '#1b2430', 'soft': '#5b6776', 'line': '#d9dee5', 'paper': '#fefefe',
           'c0': '#1f5fa8', 'c1': '#c4581a', 'c2': '#2b8a57', 'c3': '#8a4fb0',
           'c4': '#b3364d', 'c5': '#0e8a96', 'c6': '#8a6d1a', 'c7': '#5c6b7d',
           'c8': '#d0589f', 'c9': '#4a7a1e'}


def environment(*packages: str) -> jinja2.Environment:
  """What fills in the templates of packages.

  Args:
    packages: with a folder `templates`; the first that has a template gives it.
  """
  made = jinja2.Environment(
      loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in packages]),
      autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
      lstrip_blocks=True, keep_trailing_newline=True, finalize=_clean)
  made.filters['counted'] = counted
  made.globals.update(policy=POLICY, colours=COLOURS)
  return made


def _clean(value: Any) -> Any:
  """A control character is no part of a page, escaped or not."""
  if value is None:
    return ''
  if isinstance(value, str) and not isinstance(value, Markup):
    return ''.join(c for c in value if c.isprintable() or c in '\n\t')
  return value
