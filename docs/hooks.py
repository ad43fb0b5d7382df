"""What the build of the site does beside mkdocs: figures, notebooks, and no other host.

The picture of the rooms is Mermaid's text in code.md, which GitHub draws; the site
draws it by matplotlib, for Mermaid would be a script from another host. The notebooks
of examples/ are pages of the site, as they lie there; GitHub shows them itself.
"""

import importlib.util
import io
import pathlib
import re

import griffe
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

DOCS = pathlib.Path(__file__).resolve().parent
EXAMPLES = DOCS.parent / 'examples'
# What a browser fetches without being asked.
FETCHED = re.compile(
    r'<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc="?(?:https?:)?//[^"\s>]+'
    r'|<link\b(?=[^>]*\brel="?(?:stylesheet|preload|preconnect|icon))'
    r'[^>]*\bhref="?(?:https?:)?//[^"\s>]+', re.I)


class Examples(griffe.Extension):
  """Has a docstring's `Example:` read as Python; griffe knows `Examples:` alone."""

  def on_instance(self, *, obj, **_):
    """Of each module, class, function and attribute that is read."""
    if obj.docstring:
      obj.docstring.value = re.sub(r'^(\s*)Example:$', r'\1Examples:',
                                   obj.docstring.value, flags=re.M)


def _rooms() -> str:
  """The rooms from first to last, with an arrow for each import between two, as SVG."""
  import matplotlib
  matplotlib.use('svg')
  from matplotlib import pyplot
  spec = importlib.util.spec_from_file_location('draw_imports',
                                                DOCS / 'draw_imports.py')
  draw = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(draw)
  edges = draw.without_detours(draw.imports())
  level = {}
  def depth(room):
    if room not in level:
      level[room] = 1 + max(map(depth, edges.get(room, ())), default=-1)
    return level[room]
  for room in edges:
    depth(room)
  rows = {}
  for room in sorted(level):
    rows.setdefault(level[room], []).append(room)
  place = {room: ((n + .5) / len(row), -number)
           for number, row in rows.items() for n, room in enumerate(row)}
  with matplotlib.rc_context({'svg.hashsalt': 'rooms', 'svg.fonttype': 'none'}):
    figure, axes = pyplot.subplots(figsize=(7, .62 * len(rows)))
    for room, targets in edges.items():
      for target in targets:
        axes.annotate('', place[target], place[room], arrowprops={
            'arrowstyle': '->', 'color': 'gray', 'shrinkA': 11, 'shrinkB': 11})
    for room, (x, y) in place.items():
      axes.text(x, y, room, ha='center', va='center', fontsize=10, bbox={
          'boxstyle': 'round', 'facecolor': 'white', 'edgecolor': 'teal'})
    axes.set_xlim(0, 1)
    axes.set_ylim(-len(rows) + .4, .6)
    axes.axis('off')
    file = io.StringIO()
    figure.savefig(file, format='svg', bbox_inches='tight', metadata={'Date': None})
    pyplot.close(figure)
  text = file.getvalue()
  return text[text.index('<svg'):].replace('\n', ' ')


def on_files(files, *, config, **_):
  """Adds a page for each notebook, and the pictures in it."""
  from nbconvert import MarkdownExporter
  for path in sorted(EXAMPLES.glob('*.ipynb')):
    text, resources = MarkdownExporter().from_filename(str(path))
    for name, content in resources['outputs'].items():
      new = f'{path.stem}-{name}'
      text = text.replace(f'({name})', f'({new})')
      files.append(File.generated(config, f'notebooks/{new}', content=content))
    text = text.replace('](../docs/', '](../')
    text = re.sub(r'\]\((\w+)\.ipynb\)', r'](\1.md)', text)
    files.append(File.generated(config, f'notebooks/{path.stem}.md', content=text))
  return files


def on_page_markdown(markdown, *, page, **_):
  """Points to pages of notebooks, and puts the drawn picture in Mermaid's place."""
  markdown = re.sub(r'\]\((?:\.\./)*examples/(\w+)\.ipynb\)',
                    '](' + '../' * page.file.src_uri.count('/') + r'notebooks/\1.md)',
                    markdown)
  if page.file.src_uri != 'code.md':
    return markdown
  return re.sub(r'```mermaid\n.*?```', lambda _: f'<div>{_rooms()}</div>', markdown,
                flags=re.S)


def on_post_page(output, *, page, **_):
  """Refuses a page that would ask another host for something."""
  if match := FETCHED.search(output):
    raise PluginError(f'{page.file.src_uri} asks another host: {match[0]}')
  return output
