"""Labels are drawn in a font that has their letters, or in Latin ones, which is said."""

import cv2
import numpy as np
import pytest

from lightman_jax.report import figures, style


def test_a_font_that_has_the_letters_is_taken():
  letters = style.lettering(['Ярость', 'anger'], base='cmr10')   # has no Cyrillic
  assert letters.families[0] == 'cmr10' and len(letters.families) == 2
  assert letters.missing == frozenset() and letters.drawable('Ярость') == 'Ярость'
  assert letters.remark(['Ярость']) == []
  assert style.lettering(['anger']).families == (style.FONT,)


def test_without_such_a_font_letters_are_latin_and_a_remark_says_so(monkeypatch):
  monkeypatch.setattr(style, 'installed_fonts', list)
  letters = style.lettering(['惊讶', 'anger'])
  assert letters.drawable('惊讶') == 'JingYa' and letters.drawable('anger') == 'anger'
  (remark,) = letters.remark(['惊讶', 'anger'])
  assert 'JingYa (U+60CA U+8BB6)' in remark and 'anger' not in remark


@pytest.mark.parametrize('name', ['惊讶', '$\\frac{1}{0}$', 'a\x00\nb', '\ud800', ''])
def test_a_figure_on_disk_draws_any_label(name, monkeypatch, tmp_path):
  monkeypatch.setattr(style, 'installed_fonts', list)
  for file in 'ab':
    figures.confusion_matrix(tmp_path / file, np.eye(2, dtype=int), classes=[name, 'x'],
                             title=name, caption=[name])
  assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
  assert cv2.imread(str(tmp_path / 'a')) is not None


def test_short_labels():
  assert style.short_label('a\n b') == 'a b'
  assert style.short_label('x' * 50, 10) == 'x' * 9 + '…'
