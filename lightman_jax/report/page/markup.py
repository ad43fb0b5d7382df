"""HTML and SVG from nested calls, escaped; and the page's style sheet."""

from collections.abc import Iterable
import html
from typing import Any

# The page's style sheet: light and dark, phone and paper, no font from elsewhere.

STYLE = '''
:root{color-scheme:light dark;--paper:#fff;--ink:#1b2430;--soft:#5b6776;--line:#d9dee5;
--wash:#f4f6f9;--accent:#1f5fa8;--good:#1d7a46;--bad:#a8442a;--warn:#8a6100;
--c0:#1f5fa8;--c1:#c4581a;--c2:#2b8a57;--c3:#8a4fb0;--c4:#b3364d;--c5:#0e8a96;
--c6:#8a6d1a;--c7:#5c6b7d;--c8:#d0589f;--c9:#4a7a1e}
@media(prefers-color-scheme:dark){:root{--paper:#12161c;--ink:#e4e9f0;--soft:#9aa7b7;
--line:#303946;--wash:#1a2029;--accent:#7db3ee;--good:#6cc993;--bad:#ee9a80;
--warn:#e0b75a;--c0:#7db3ee;--c1:#f0985f;--c2:#6cc993;--c3:#c39be4;--c4:#f0889b;
--c5:#5fc8d2;--c6:#d6b75c;--c7:#a5b2c2;--c8:#f09ccc;--c9:#a3cf72}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:68rem;padding:1.5rem 1rem 4rem;background:var(--paper);
color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums lining-nums;overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .4rem}
h2{font-size:1.3rem;line-height:1.25;margin:2.6rem 0 .5rem;padding-top:.7rem;
border-top:2px solid var(--line)}
h3{font-size:1.05rem;margin:1.6rem 0 .3rem}
h4{font-size:.92rem;margin:0 0 .25rem}
p{margin:.4rem 0;max-width:46rem}
.small,figcaption,.caption{color:var(--soft);font-size:.85rem}
a{color:var(--accent)}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;
margin:.8rem 0 0;font-size:.92rem}
/* A shadow at the side where a table goes on. */
.scroll{overflow-x:auto;margin:.6rem 0;-webkit-overflow-scrolling:touch;
--veil:var(--paper) 40%,transparent;--shade:rgba(128,128,128,.45),transparent;
background:
linear-gradient(to right,var(--veil)) left/3rem 100% no-repeat local,
linear-gradient(to left,var(--veil)) right/3rem 100% no-repeat local,
linear-gradient(to right,var(--shade)) left/.7rem 100% no-repeat,
linear-gradient(to left,var(--shade)) right/.7rem 100% no-repeat}
table{border-collapse:collapse;font-size:.9rem}
.scroll>table{min-width:100%}
th,td{padding:.32rem .7rem .32rem 0;text-align:left;vertical-align:middle;
overflow-wrap:normal}
thead th{font-weight:600;color:var(--soft);border-bottom:1px solid var(--ink);
vertical-align:bottom;font-size:.82rem}
tbody tr{border-bottom:1px solid var(--line)}
tbody th{font-weight:500;min-width:9rem;max-width:19rem;overflow-wrap:break-word}
td.n{white-space:nowrap}
td.words{min-width:8.5rem}
td.n b{color:var(--good)}
.range{color:var(--soft);margin-left:.35em}
tr.reference th{font-weight:400;font-style:italic}
tr.reference{color:var(--soft)}
tr.gap-top{border-top:2px solid var(--line)}
.better{color:var(--good);font-weight:600}
.worse{color:var(--bad);font-weight:600}
.mark{white-space:normal;font-size:.85rem}
.mark::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;
margin-right:.45em;background:var(--soft)}
.mark.honest::before{background:var(--good)}
.mark.chosen::before{background:var(--bad)}
.mark.likely::before{background:var(--warn)}
.notice{border-left:4px solid var(--warn);background:var(--wash);padding:.5rem .9rem;
margin:.7rem 0;max-width:46rem}
.grid-of{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21.3rem),
1fr));gap:1.2rem 1rem;margin:.8rem 0}
figure{margin:0;min-width:0;break-inside:avoid}
figure svg,figure img{display:block;max-width:100%;height:auto}
figure img{background:#fff;border-radius:4px}
svg{vertical-align:middle}
svg text{fill:var(--soft);font-size:11px;font-family:inherit;text-anchor:middle}
svg text.right{text-anchor:end}
svg .label{font-size:11.5px}
.grid{stroke:var(--line);stroke-width:1}
.axis{stroke:var(--soft);stroke-width:1}
.chance{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 2}
.interval{stroke:var(--c0);stroke-width:3;stroke-linecap:round;opacity:.5}
.seed{stroke:var(--c0);stroke-width:1}
.mean{fill:var(--c0)}
tr.reference .interval,tr.reference .seed{stroke:var(--soft)}
tr.reference .mean{fill:var(--soft)}
.dot{fill:var(--c0);fill-opacity:.55;stroke:var(--c0);stroke-width:.8}
.line{fill:none;stroke:var(--c);stroke-width:2}
.band{fill:var(--c);opacity:.13;stroke:none}
.point{fill:var(--c)}
.micro{fill:var(--c);fill-opacity:.45}
.micro.held{fill:var(--c);fill-opacity:1;stroke:var(--ink);stroke-width:1.3}
.macro{fill:none;stroke:var(--c);stroke-width:1.2}
.none{--c:var(--soft)}
''' + ''.join(f'.c{n}{{--c:var(--c{n})}}' for n in range(10)) + '''
.key{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;list-style:none;padding:0;
margin:.3rem 0;font-size:.85rem}
.key i{display:inline-block;width:.75em;height:.75em;border-radius:2px;
margin-right:.4em;background:var(--c)}
.key i.round{border-radius:50%;background:var(--soft)}
.key i.square{background:none;border:1.5px solid var(--soft);border-radius:0}
.key i.ring{border-radius:50%;background:var(--soft);border:2px solid var(--ink)}
.confusion{font-size:.85rem}
.confusion th{min-width:0;max-width:8rem;font-weight:500;padding-right:.6rem;
overflow-wrap:anywhere}
.confusion td{min-width:3.4rem;text-align:center;padding:.35rem .3rem;
background:color-mix(in srgb,var(--c0) calc(var(--share)*100%),var(--paper));
border:2px solid var(--paper)}
.confusion td b{display:block;font-weight:600}
.confusion td span{font-size:.78rem;opacity:.85}
.confusion td.dark{color:var(--paper)}
.confusion tbody tr{border:0}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent)}
pre{overflow-x:auto;background:var(--wash);padding:.7rem;font-size:.8rem;
white-space:pre-wrap}
@media(max-width:40rem){body{padding:1rem .9rem 3rem}h1{font-size:1.4rem}
.scroll tbody th,.scroll thead th:first-child{position:sticky;left:0;
background:var(--paper);z-index:1;max-width:9.5rem;min-width:7rem}
.confusion tbody th,.confusion thead th:first-child{position:static}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;
--line:#bbb;--wash:#f4f4f4;--accent:#1f5fa8;--good:#1d7a46;--bad:#a8442a;
--c0:#1f5fa8;--c1:#c4581a;--c2:#2b8a57;--c3:#8a4fb0;--c4:#b3364d;--c5:#0e8a96;
--c6:#8a6d1a;--c7:#5c6b7d;--c8:#d0589f;--c9:#4a7a1e}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
@page{margin:14mm}
body{max-width:none;padding:0;font-size:10pt}nav{display:none}
.scroll{overflow:visible}table{font-size:8pt}thead{display:table-header-group}
th,td{padding-right:.45rem}
h2,h3,h4,section>p{break-after:avoid}tr{break-inside:avoid}
.grid-of{grid-template-columns:repeat(2,1fr)}
details::details-content{content-visibility:visible;display:block}
summary{list-style:none;color:inherit}}
'''


# HTML and SVG from nested calls; whatever is not made here is escaped.

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
