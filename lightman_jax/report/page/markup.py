"""HTML and SVG from nested calls; whatever is not made here is escaped."""

from collections.abc import Iterable
import html
from typing import Any

VOID = ('meta', 'img', 'br', 'link')


class Safe(str):
  """Markup that this module made; any other string is text."""


def tag(name: str, /, *children: Any, **attributes: Any) -> Safe:
  """An element; `class_` and `stroke_width` lose or turn their underscores.

  Children are markup, text, numbers, iterables of these, or None for nothing; an
  attribute that is None is left out.
  """
  given = ''.join(
      f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
      for key, value in attributes.items() if value is not None)
  if name in VOID:
    return Safe(f'<{name}{given}>')
  return Safe(f'<{name}{given}>{joined(children)}</{name}>')


def joined(children: Iterable[Any]) -> Safe:
  """Children side by side."""
  return Safe(''.join(_one(child) for child in children))


def trusted(text: str) -> Safe:
  """For constants of this package, such as its style sheet."""
  return Safe(text)


def _one(child: Any) -> str:
  if child is None:
    return ''
  if isinstance(child, Safe):
    return child
  if isinstance(child, str):
    # A control character is no part of a page, escaped or not.
    return html.escape(''.join(c for c in child if c.isprintable() or c in '\n\t'))
  if isinstance(child, (int, float)):
    return str(child)
  return joined(child)
