"""The one style of all figures: on disk as PNG, on the page as SVG.

The same input gives the same bytes: matplotlib's own settings and these, no date, and
no identifier that is drawn. Text is never mathematics, whatever a label holds.
"""

from collections.abc import Iterable, Iterator
import contextlib
import functools
import io
import re
from typing import NamedTuple
import warnings
from xml.etree import ElementTree
import zlib

import anyascii

from lightman_jax.report.agg import (
  Figure,
  FigureCanvasSVG,
  FT2Font,
  cycler,
  font_manager,
  style,
)
from lightman_jax.report.templates import COLOURS

SERIES = tuple(COLOURS[f'c{n}'] for n in range(10))
INK, SOFT, LINE, PAPER = (COLOURS[name] for name in ('ink', 'soft', 'line', 'paper'))

FONT = 'DejaVu Sans'         # it comes with matplotlib
SETTINGS = {
    'font.size': 8.5, 'text.color': INK, 'text.parse_math': False,
    'axes.edgecolor': SOFT, 'axes.labelcolor': SOFT, 'axes.linewidth': .8,
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True,
    'axes.axisbelow': True, 'axes.prop_cycle': cycler(color=SERIES),
    'grid.color': LINE, 'grid.linewidth': .8, 'xtick.color': SOFT,
    'ytick.color': SOFT, 'xtick.major.size': 3, 'ytick.major.size': 3,
    'legend.frameon': False, 'legend.fontsize': 8, 'svg.fonttype': 'none',
    'svg.hashsalt': 'lightman_jax'}


class Lettering(NamedTuple):
  """How labels are drawn: in which fonts, and what no installed font has."""
  families: tuple[str, ...]
  missing: frozenset[str]      # characters

  def drawable(self, text: str) -> str:
    """The text, in Latin letters where a character of it is in no font."""
    text = printable(text)
    if not self.missing & set(text):
      return text
    return re.sub(r'\s+', ' ', anyascii.anyascii(text)).strip()

  def remark(self, texts: Iterable[str]) -> list[str]:
    """A line that says what was transliterated; none where nothing was."""
    pairs = {printable(text): self.drawable(text) for text in texts
             if self.missing & set(printable(text))}
    if not pairs:
      return []
    return ['In Latin letters, for no installed font has the others: '
            + ', '.join(f'{latin} ({_codes(text)})' for text, latin in pairs.items())]


def _codes(text: str) -> str:
  """A text that cannot be drawn, by the numbers of its characters."""
  return ' '.join(f'U+{ord(c):04X}' if ord(c) > 127 else c for c in text)


def lettering(texts: Iterable[str], base: str = FONT) -> Lettering:
  """Finds fonts for all characters of some texts.

  Args:
    texts: that are to be drawn.
    base: the family that is taken for whatever it has.

  Returns:
    The families in their order, and the characters that none of them has.
  """
  families, missing = [base], set()
  drawn = set(_characters(font_manager.findfont(base)))
  for character in sorted(set(map(ord, printable(' '.join(texts))))):
    if character not in drawn:
      family, path = _font_with(character)
      if family:
        families.append(family)
        drawn |= _characters(path)
      else:
        missing.add(chr(character))
  return Lettering(tuple(families), frozenset(missing))


def installed_fonts() -> list[tuple[str, str]]:
  """Family and path of each font of this machine, upright and regular ones first."""
  plain = lambda font: (font.style != 'normal', font.weight not in (400, 'normal'),
                        font.name, font.fname)
  return [(font.name, font.fname)
          for font in sorted(font_manager.fontManager.ttflist, key=plain)]


def _font_with(character: int) -> tuple[str, str]:
  for family, path in installed_fonts():
    # Every font has a picture of this one, which says that it lacks a character.
    if 'LastResort' not in path and 'Last Resort' not in family \
        and character in _characters(path):
      return family, path
  return '', ''


@functools.cache
def _characters(path: str) -> frozenset[int]:
  with contextlib.suppress(OSError, RuntimeError):    # pictures in place of outlines
    return frozenset(FT2Font(path).get_charmap())
  return frozenset()


@contextlib.contextmanager
def figure_style(texts: Iterable[str] = ()) -> Iterator[Lettering]:
  """Within it matplotlib draws in this style, with fonts that these texts need."""
  letters = lettering(texts)
  with style.context(['default', {**SETTINGS, 'font.family': list(letters.families)}]):
    yield letters


def printable(text: str) -> str:
  """One line without control characters."""
  return re.sub(r'\s+', ' ', ''.join(c for c in str(text)
                                     if c.isprintable() or c in '\n\t')).strip()


def short_label(text: str, most: int = 46) -> str:
  """At most so many characters, the last of them an ellipsis where more were there."""
  text = printable(text)
  return text if len(text) <= most else f'{text[:most - 1]}…'


def to_svg(figure: Figure, title: str) -> str:
  """An SVG element to stand in HTML: its text is text, its colours the page's.

  Args:
    figure: drawn within `figure_style`.
    title: what is read out in its place.
  """
  FigureCanvasSVG(figure)
  out = io.BytesIO()
  with warnings.catch_warnings():
    # The reader's own fonts draw it; here it is measured only.
    warnings.filterwarnings('ignore', 'Glyph .* missing from font', UserWarning)
    figure.savefig(out, format='svg', transparent=True, metadata={
        'Date': None, 'Creator': None, 'Format': None, 'Type': None})
  root = ElementTree.fromstring(out.getvalue())
  _plain_names(root)
  _own_names(root, f'f{zlib.crc32(out.getvalue() + title.encode()):08x}-')
  for element in root.iter():
    for name, value in element.attrib.items():
      element.set(name, _variables(_rounded(value)))
  root.set('role', 'img')
  root.attrib.pop('version', None)
  heading = ElementTree.Element('title')
  heading.text = printable(title)
  root.insert(0, heading)
  return ElementTree.tostring(root, encoding='unicode')


def _plain_names(root: ElementTree.Element) -> None:
  """Without namespaces, metadata and a style sheet, which a page has of its own."""
  for parent in list(root.iter()):
    parent.tag = parent.tag.rpartition('}')[2]
    parent.attrib.update({name.rpartition('}')[2]: parent.attrib.pop(name)
                          for name in list(parent.attrib) if '}' in name})
    for child in list(parent):
      if child.tag.rpartition('}')[2] in ('metadata', 'style'):
        parent.remove(child)


def _own_names(root: ElementTree.Element, prefix: str) -> None:
  """Identifiers that something refers to become the figure's own, others go."""
  values = [value for element in root.iter() for name, value in element.attrib.items()
            if name != 'id']
  used = set(re.findall(r'#([\w-]+)', ' '.join(
      value for value in values if value.startswith(('#', 'url(#')))))
  for element in root.iter():
    name = element.attrib.pop('id', None)
    if name in used:
      element.set('id', prefix + name)
    for key, value in element.attrib.items():
      if value.startswith(('#', 'url(#')):
        element.set(key, value.replace('#', f'#{prefix}', 1))


def _rounded(value: str) -> str:
  two_digits = lambda match: f'{float(match[0]):.2f}'.rstrip('0').rstrip('.')
  return re.sub(r'-?\d+\.\d{3,}', two_digits, value)


_NAMES = {colour: name for name, colour in COLOURS.items()}


def _variables(value: str) -> str:
  return re.sub(r'#[0-9a-f]{6}\b', lambda m: (
      f'var(--{_NAMES[m[0]]})' if m[0] in _NAMES else m[0]), value)
