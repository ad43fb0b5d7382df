"""What the doctor found, on a terminal or as plain text; it fits 80 columns."""

from collections import defaultdict
import io

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lightman_jax.data.doctor import findings
from lightman_jax.data.doctor.findings import (
  LOSSES,
  UNUSABLE,
  USABLE,
  VERDICTS,
  Composite,
  Count,
  Examination,
  Loss,
  clean_lines,
  printable,
)

STYLES = {USABLE: 'bold green', LOSSES: 'bold yellow', UNUSABLE: 'bold red'}
_IN_FULL = 12     # losses of a kind that are told one by one


def render(found: Examination | Composite, *, width: int = 80) -> str:
  """The same as a plain string, for a log or a page."""
  out = io.StringIO()
  console = Console(file=out, width=width, color_system=None, force_terminal=False)
  (show_composite if isinstance(found, Composite) else show)(found, console=console)
  return '\n'.join(line.rstrip() for line in out.getvalue().splitlines()) + '\n'


def show(found: Examination, *, console: Console) -> None:
  """Prints all there is to say of a data set."""
  console.print(_head(found))
  for name, part in _parts(found):
    console.print(Padding(Text(name, style='bold'), (1, 0, 0, 2)))
    console.print(Padding(part, (0, 0, 0, 4)))
  if found.estimate:
    # To be copied: not cut, and not broken either.
    console.print(f'    {printable(found.build)}', style='bold', soft_wrap=True,
                  markup=False, highlight=False)
  console.print()


def show_composite(found: Composite, *, console: Console) -> None:
  """Prints what a data set holds that is made of others."""
  counts = ', '.join(f'{name} {n}' for name, n in found.per_class.items())
  agrees = Text('as published', 'bold green') if not found.differences else Text(
      'not as published', 'bold yellow')
  console.print(Text.assemble(
      (found.title, 'bold'), (f'  {found.name}  ', 'dim'),
      f'{found.clips} clips of {found.subjects} subjects ({counts}), ', agrees))
  for line in found.differences:
    console.print(Padding(Text(clean_lines(line)), (0, 0, 0, 4)))
  console.print()


def brief(found: Examination) -> str:
  """One sentence, for those who are about to build."""
  if found.verdict == UNUSABLE:
    return f'{found.title}: not usable: {clean_lines(found.why)}'
  counts = {count.name: count for count in found.counts}
  rows, clips = counts['rows'].here, counts['clips'].here
  text = f'{found.title}: {clips} of {rows} rows can be used'
  groups = ', '.join(f'{len(losses)} {findings.title(kind)}'
                     for kind, losses in _grouped(found.losses))
  return f'{text} ({groups})' if groups else text


def _head(found: Examination) -> RenderableType:
  line = Table.grid(expand=True)
  line.add_column()
  line.add_column(justify='right', no_wrap=True)
  name = Text.assemble((found.title, 'bold'), (f'  {found.name}', 'dim'))
  line.add_row(name, Text(VERDICTS[found.verdict], style=STYLES[found.verdict]))
  facts = Table.grid(padding=(0, 2, 0, 0))
  facts.add_column(style='dim', no_wrap=True)
  facts.add_column(overflow='fold')
  facts.add_row('place', Text(printable(found.path)))
  # Where nothing is used there is nothing beside which it could lie.
  chosen = any(held.used for held in (*found.sheets, *found.frames))
  for sheet in found.sheets:
    words = f'{" + ".join(sheet.files)} ({sheet.edition})'
    facts.add_row('sheet', _used(words, sheet.used or not chosen))
  for frames in found.frames:
    where = _below(frames.root, found.path)
    words = f'{where} ({frames.edition}{", nested" if frames.nested else ""})'
    facts.add_row('frames', _used(words, frames.used or not chosen))
  parts = [line, Padding(facts, (0, 0, 0, 2))]
  if found.why:
    parts.append(Padding(Text(clean_lines(found.why), style='red'), (1, 0, 0, 2)))
  return Group(*parts)


def _used(words: str, used: bool) -> Text:
  return Text(printable(words)) if used else Text(
      printable(words) + ', lies there too', style='dim')


def _parts(found: Examination):
  if found.counts:
    yield 'counts', _counts(found.counts)
  if found.emotions:
    yield 'emotions', _counts(found.emotions)
  if found.class_sets:
    yield 'class sets, and the clips that they would have', _class_sets(found)
  if found.losses:
    yield f'{len(found.losses)} rows give no clip', _losses(found)
  if found.remarks:
    yield 'good to know', _lines(found.remarks)
  if found.corrections:
    yield ('corrections, of which none is used unless data.corrections names it',
           _corrections(found))
  if found.estimate:
    yield 'a build', _build(found)


def _counts(counts: tuple[Count, ...]) -> Table:
  table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False,
                show_edge=False, header_style='dim')
  table.add_column('')
  for head in ('here', 'expected', ''):
    table.add_column(head, justify='right' if head else 'left')
  for name, here, expected in counts:
    off = expected is not None and here != expected
    table.add_row(
        printable(name), _number(here), '-' if expected is None else _number(expected),
        Text(f'{here - expected:+}' if off else '', style='yellow'))
  return table


def _class_sets(found: Examination) -> Table:
  table = Table.grid(padding=(0, 2, 0, 0))
  table.add_column(no_wrap=True)
  table.add_column(justify='right')
  table.add_column(overflow='fold')
  for name, classes in found.class_sets.items():
    style = '' if name == found.class_set else 'dim'
    told = ', '.join(f'{word} {n}' for word, n in classes.items() if n)
    cells = name, str(sum(classes.values())), told or 'this sheet does not tell'
    table.add_row(*(Text(cell, style=style) for cell in cells))
  return table


def _grouped(losses: tuple[Loss, ...]) -> list[tuple[str, list[Loss]]]:
  groups = defaultdict(list)
  for loss in losses:
    groups[loss.kind].append(loss)
  return sorted(groups.items(), key=lambda group: -len(group[1]))


def _losses(found: Examination) -> Group:
  parts = []
  for kind, losses in _grouped(found.losses):
    known = sum(loss.known for loss in losses)
    words = f'{len(losses)} {findings.title(kind)}'
    if known:
      words += ', so in every copy' if known == len(losses) else (
          f', {known} of them so in every copy')
    parts.append(Text(words, style='yellow'))
    told = losses if len(losses) <= _IN_FULL else losses[:3]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow='fold', max_width=30)
    table.add_column(overflow='fold')
    for loss in told:
      table.add_row(Text(printable(loss.clip)),
                    Text(printable(_below(loss.reason, found.path)), style='dim'))
    parts.append(Padding(table, (0, 0, 0, 2)))
    if len(told) < len(losses):
      rest = ', '.join(printable(loss.clip) for loss in losses[len(told):])
      parts.append(Padding(Text(f'and likewise {rest}'), (0, 0, 0, 2)))
  return Group(*parts)


def _lines(lines: tuple[str, ...]) -> Table:
  table = Table.grid(padding=(0, 1, 0, 0))
  table.add_column()
  table.add_column(overflow='fold')
  for line in lines:
    table.add_row('-', Text(printable(line)))
  return table


def _corrections(found: Examination) -> Group:
  parts = []
  for change in found.corrections:
    line = Text(change.name)
    line.append(', in use' if change.used else '', style='green')
    told = [*change.changes]
    told += [f'{", ".join(change.gained)} can be used then'] if change.gained else []
    told += [f'{", ".join(change.lost)} cannot be used then'] if change.lost else []
    body = Text('\n'.join([*map(printable, told), '']))
    body.append(printable(f'{change.reason} ({change.source})'), style='dim')
    parts += [line, Padding(body, (0, 0, 0, 2))]
  return Group(*parts)


def _build(found: Examination) -> Text:
  of = found.estimate
  text = (f'about {_duration(of.seconds)} and {_bytes(of.bytes)} for {of.frames} '
          f'frames of {of.size} x {of.size}')
  full = of.bytes > of.free
  text += f'; only {_bytes(of.free)} are free' if full else ''
  return Text(text, style='red' if full else '')


def _below(text: str, folder: str) -> str:
  return text.replace(folder.rstrip('/') + '/', '')


def _number(count: int) -> str:
  return f'{count:,}'.replace(',', ' ')


def _duration(seconds: float) -> str:
  if seconds < 90:
    return f'{max(1, round(seconds))} s'
  minutes = round(seconds / 60)
  return f'{minutes} min' if minutes < 90 else f'{minutes / 60:.1f} h'


def _bytes(count: int) -> str:
  units = (('GB', 1e9), ('MB', 1e6), ('kB', 1e3))
  size, unit = next(((count / scale, unit) for unit, scale in units if count >= scale),
                    (count, 'bytes'))
  return f'{size:.1f} {unit}' if size < 10 else f'{size:.0f} {unit}'
