"""Writes the picture of the imports between rooms into code.md.

    python docs/draw_imports.py

An arrow goes from a room to one that it imports from; where other arrows lead there,
too, it is left out.
"""

import ast
import collections
import pathlib

DOCS = pathlib.Path(__file__).resolve().parent
PACKAGE = DOCS.parent / 'lightman_jax'
PAGE = DOCS / 'code.md'
BEGIN, END = '<!-- rooms -->\n', '<!-- end of rooms -->\n'
BASIS = 'basis'      # all modules beside the rooms that any room may import


def imports() -> dict[str, set[str]]:
  """Each room with those that its modules import from; the modules beside them are one.

  The door and the commands import from everywhere, and nothing imports them.
  """
  rooms = {path.name for path in PACKAGE.iterdir() if (path / '__init__.py').is_file()}
  room_of = lambda name: name if name in rooms else BASIS
  edges = collections.defaultdict(set)
  for path in sorted(PACKAGE.rglob('*.py')):
    own = room_of(path.relative_to(PACKAGE).parts[0])
    if own == BASIS and path.stem.startswith('__'):
      continue
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
      names = []
      if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
      elif isinstance(node, ast.ImportFrom):
        names = [f'{node.module}.{alias.name}' for alias in node.names]
      for name in names:
        first, _, rest = name.partition('.')
        if first == PACKAGE.name and rest:
          edges[own].add(room_of(rest.split('.')[0]))
  return {room: targets - {room} for room, targets in edges.items()}


def without_detours(edges: dict[str, set[str]]) -> dict[str, set[str]]:
  """The same rooms, without an arrow where others lead there, too.

  Args:
    edges: room -> rooms that it imports from, without a circle.
  """
  def reached(room):
    targets = set(edges.get(room, ()))
    return targets.union(*map(reached, targets))
  return {room: {target for target in targets
                 if not any(target in reached(other) for other in targets - {target})}
          for room, targets in edges.items()}


def mermaid() -> str:
  """The picture as Mermaid's text, which GitHub and GitLab draw."""
  lines = [f'  {room} --> {target}'
           for room, targets in sorted(without_detours(imports()).items())
           for target in sorted(targets)]
  return '\n'.join(['```mermaid', 'graph BT', *lines, '```', ''])


def page_with_picture(text: str) -> str:
  """The page with the picture of now between its marks.

  Args:
    text: of the page.
  """
  before, _, rest = text.partition(BEGIN)
  _, _, after = rest.partition(END)
  return f'{before}{BEGIN}{mermaid()}{END}{after}'


if __name__ == '__main__':
  PAGE.write_text(page_with_picture(PAGE.read_text(encoding='utf-8')), encoding='utf-8')
