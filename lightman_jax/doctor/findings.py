"""What the doctor finds: plain records, and how they are shown in 80 columns."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
import fnmatch
import io
from typing import Any, NamedTuple

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lightman_jax.data.facts import Facts
from lightman_jax.data.plan import Item, Plan
from lightman_jax.data.rows import LeftOut
from lightman_jax.data.sheets import CORRECTIONS
from lightman_jax.errors import InputError, Kind, printable, printable_lines
from lightman_jax.units import counted

# What the doctor finds: plain records, which become JSON as they are.

USABLE, LOSSES, UNUSABLE = 0, 1, 2
VERDICTS = ('usable', 'usable with losses', 'not usable')


class Count(NamedTuple):
  """How many there are, and how many a complete copy holds."""
  name: str
  here: int
  expected: int | None = None       # None: not published, or not comparable


class Loss(NamedTuple):
  """A row of the sheet that gives no clip."""
  clip: str
  kind: str                 # the name of an `errors.Kind`, in lower case
  reason: str
  known: bool = False       # so in every copy of this data set, not only here
  shared: str = ''          # what is missing, where that may be missing to others, too


class Frames(NamedTuple):
  """An edition of the pictures that lies there."""
  edition: str
  root: str
  used: bool                # by a build that chooses for itself
  nested: bool              # unzipping put the tree into a folder too many


class Sheet(NamedTuple):
  """An edition of the annotations that lies there."""
  edition: str
  files: tuple[str, ...]
  used: bool


class Change(NamedTuple):
  """A table of corrections, and what it would do here."""
  name: str
  source: str
  reason: str
  changes: tuple[str, ...]          # a line each
  gained: tuple[str, ...]           # clips that only then can be used
  lost: tuple[str, ...]
  used: bool                        # chosen already


class Estimate(NamedTuple):
  """What a build would take on this machine, from a few clips that were read."""
  seconds: float
  bytes: int
  frames: int               # T
  size: int                 # side in pixels
  free: int                 # bytes there are


class Examination(NamedTuple):
  """One data set at one place."""
  name: str
  title: str
  path: str
  verdict: int
  why: str                  # where not usable: the one sentence that a build would say
  sheets: tuple[Sheet, ...] = ()
  frames: tuple[Frames, ...] = ()
  sheet_sha256: str = ''
  class_set: str = ''
  counts: tuple[Count, ...] = ()
  emotions: tuple[Count, ...] = ()
  class_sets: Mapping[str, Mapping[str, int]] = {}
  losses: tuple[Loss, ...] = ()
  outside: tuple[tuple[str, str], ...] = ()     # clips of other classes, and why
  remarks: tuple[str, ...] = ()
  corrections: tuple[Change, ...] = ()
  estimate: Estimate | None = None
  build: str = ''           # the command


class Composite(NamedTuple):
  """A data set that is made of others, all of which lie there."""
  name: str
  title: str
  clips: int
  subjects: int
  per_class: Mapping[str, int]
  differences: tuple[str, ...]      # from what was published; () where it agrees


def to_jsonable(value: Any) -> Any:
  """Records as mappings and lists, ready for `json.dump`."""
  if isinstance(value, tuple) and hasattr(value, '_asdict'):
    return {name: to_jsonable(part) for name, part in value._asdict().items()}
  if isinstance(value, Mapping):
    return {str(name): to_jsonable(part) for name, part in value.items()}
  if isinstance(value, list | tuple):
    return [to_jsonable(part) for part in value]
  return value


def is_lost_everywhere(entry: LeftOut, facts: Facts, edition: str) -> bool:
  """Whether a row is lost in every copy of the data set, not only in this one.

  Args:
    entry: the row, and why it is left out.
    facts: the data set.
    edition: of the frames.
  """
  cause = entry.cause
  if cause.reason.kind in (Kind.FOLDER, Kind.FRAMES):
    values = dict(cause.facts)
    place = str(values.get('names', values.get('folder', '')))
    return any(fnmatch.fnmatchcase(entry.clip, pattern)
               or fnmatch.fnmatchcase(f'/{place}', f'*/{pattern}')
               for pattern in facts.absent.get(edition, ()))
  return cause.reason.kind is Kind.ORDER and any(
      entry.clip == change.clip or entry.clip.startswith(f'{change.clip}/')
      for table in CORRECTIONS.values() if table.dataset == facts.name
      for change in table.changes)


def too_few_people(plan: Plan, items: Sequence[Item]) -> str:
  """Why a run of the defaults would be refused; '' where it begins.

  Args:
    plan: names the classes.
    items: those of its clips that are there; each class has one.
  """
  from lightman_jax.tasks.splits import check_people  # which imports jax
  test_items = [item for item in items if item.row.kind == 'micro'] or items
  pairs = [(item.label, item.row.subject) for item in test_items if item.label >= 0]
  try:
    check_people(*zip(*pairs), plan.classes)
  except InputError as error:
    return f'a run that holds out one person after another is refused: {error}'
  return ''


# What the doctor found, on a terminal or as plain text; it fits 80 columns.

STYLES = {USABLE: 'bold green', LOSSES: 'bold yellow', UNUSABLE: 'bold red'}
_IN_FULL = 12     # losses of a kind that are told one by one


def render_examination(result: Examination | Composite, *, width: int = 80) -> str:
  """The same as a plain string, for a log or a page.

  Args:
    result: of a data set, or of one that is made of others.
    width: of a line, in letters.
  """
  out = io.StringIO()
  console = Console(file=out, width=width, color_system=None, force_terminal=False)
  show = show_composite if isinstance(result, Composite) else show_examination
  show(result, console=console)
  return '\n'.join(line.rstrip() for line in out.getvalue().splitlines()) + '\n'


def show_examination(examination: Examination, *, console: Console) -> None:
  """Prints all there is to say of a data set."""
  console.print(_head(examination))
  for name, part in _parts(examination):
    console.print(Padding(Text(name, style='bold'), (1, 0, 0, 2)))
    console.print(Padding(part, (0, 0, 0, 4)))
  if examination.estimate:
    # To be copied: not cut, and not broken either.
    console.print(f'    {printable(examination.build)}', style='bold', soft_wrap=True,
                  markup=False, highlight=False)
  console.print()


def show_composite(composite: Composite, *, console: Console) -> None:
  """Prints what a data set holds that is made of others."""
  counts = ', '.join(f'{name} {n}' for name, n in composite.per_class.items())
  agrees = Text('as published', 'bold green') if not composite.differences else Text(
      'not as published', 'bold yellow')
  console.print(Text.assemble(
      (composite.title, 'bold'), (f'  {composite.name}  ', 'dim'),
      f'{counted(composite.clips, "clip")} of {counted(composite.subjects, "subject")} '
      f'({counts}), ', agrees))
  for line in composite.differences:
    console.print(Padding(Text(printable_lines(line)), (0, 0, 0, 4)))
  console.print()


def _head(examination: Examination) -> RenderableType:
  line = Table.grid(expand=True)
  line.add_column()
  line.add_column(justify='right', no_wrap=True)
  name = Text.assemble((examination.title, 'bold'), (f'  {examination.name}', 'dim'))
  verdict = examination.verdict
  line.add_row(name, Text(VERDICTS[verdict], style=STYLES[verdict]))
  facts = Table.grid(padding=(0, 2, 0, 0))
  facts.add_column(style='dim', no_wrap=True)
  facts.add_column(overflow='fold')
  facts.add_row('place', Text(printable(examination.path)))
  # Where nothing is used there is nothing beside which it could lie.
  chosen = any(entry.used for entry in (*examination.sheets, *examination.frames))
  for sheet in examination.sheets:
    words = f'{" + ".join(sheet.files)} ({sheet.edition})'
    facts.add_row('sheet', _used(words, sheet.used or not chosen))
  for frames in examination.frames:
    where = _below(frames.root, examination.path)
    words = f'{where} ({frames.edition}{", nested" if frames.nested else ""})'
    facts.add_row('frames', _used(words, frames.used or not chosen))
  parts = [line, Padding(facts, (0, 0, 0, 2))]
  if examination.why:
    why = Text(printable_lines(examination.why), style='red')
    parts.append(Padding(why, (1, 0, 0, 2)))
  return Group(*parts)


def _used(words: str, used: bool) -> Text:
  return Text(printable(words)) if used else Text(
      printable(words) + ', lies there too', style='dim')


def _parts(examination: Examination):
  if examination.counts:
    yield 'counts', _counts(examination.counts)
  if examination.emotions:
    yield 'emotions', _counts(examination.emotions)
  if examination.class_sets:
    yield 'class sets, and the clips that they would have', _class_sets(examination)
  if examination.losses:
    rows = counted(len(examination.losses), 'row', 'gives', 'give')
    yield f'{rows} no clip', _losses(examination)
  if examination.remarks:
    yield 'good to know', _lines(examination.remarks)
  if examination.corrections:
    yield ('corrections, of which none is used unless data.corrections names it',
           _corrections(examination))
  if examination.estimate:
    yield 'a build', _build(examination)


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


def _class_sets(examination: Examination) -> Table:
  table = Table.grid(padding=(0, 2, 0, 0))
  table.add_column(no_wrap=True)
  table.add_column(justify='right')
  table.add_column(overflow='fold')
  for name, classes in examination.class_sets.items():
    style = '' if name == examination.class_set else 'dim'
    text = ', '.join(f'{word} {n}' for word, n in classes.items() if n)
    cells = name, str(sum(classes.values())), text or 'this sheet does not tell'
    table.add_row(*(Text(cell, style=style) for cell in cells))
  return table


def _grouped(losses: tuple[Loss, ...]) -> list[tuple[str, list[Loss]]]:
  groups = defaultdict(list)
  for loss in losses:
    groups[loss.kind].append(loss)
  return sorted(groups.items(), key=lambda group: -len(group[1]))


def _causes(losses: list[Loss]) -> tuple[list[tuple[str, int]], list[Loss]]:
  """Causes that several losses share, with how many do; and the other losses."""
  groups = defaultdict(list)
  for loss in losses:
    groups[loss.shared].append(loss)
  shared = {part: group for part, group in groups.items() if part and len(group) > 1}
  return ([(f'{part} is not there', len(group)) for part, group in shared.items()],
          [loss for loss in losses if loss.shared not in shared])


def _losses(examination: Examination) -> Group:
  parts = []
  for kind, losses in _grouped(examination.losses):
    known_count = sum(loss.known for loss in losses)
    words = f'{len(losses)} {Kind[kind.upper()].value}'
    if known_count:
      words += ', so in every copy' if known_count == len(losses) else (
          f', {known_count} of them so in every copy')
    parts.append(Text(words, style='yellow'))
    causes, losses = _causes(losses)
    parts += [Padding(Text(f'{printable(cause)}: {counted(count, "clip")}'),
                      (0, 0, 0, 2))
              for cause, count in causes]
    if not losses:
      continue
    shown = losses if len(losses) <= _IN_FULL else losses[:3]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow='fold', max_width=30)
    table.add_column(overflow='fold')
    for loss in shown:
      table.add_row(Text(printable(loss.clip)),
                    Text(printable(_below(loss.reason, examination.path)), style='dim'))
    parts.append(Padding(table, (0, 0, 0, 2)))
    if len(shown) < len(losses):
      rest = ', '.join(printable(loss.clip) for loss in losses[len(shown):])
      parts.append(Padding(Text(f'and likewise {rest}'), (0, 0, 0, 2)))
  return Group(*parts)


def _lines(lines: tuple[str, ...]) -> Table:
  table = Table.grid(padding=(0, 1, 0, 0))
  table.add_column()
  table.add_column(overflow='fold')
  for line in lines:
    table.add_row('-', Text(printable(line)))
  return table


def _corrections(examination: Examination) -> Group:
  parts = []
  for change in examination.corrections:
    line = Text(change.name)
    line.append(', in use' if change.used else '', style='green')
    lines = [*change.changes]
    lines += [f'{", ".join(change.gained)} can be used then'] if change.gained else []
    lines += [f'{", ".join(change.lost)} cannot be used then'] if change.lost else []
    body = Text('\n'.join([*map(printable, lines), '']))
    body.append(printable(f'{change.reason} ({change.source})'), style='dim')
    parts += [line, Padding(body, (0, 0, 0, 2))]
  return Group(*parts)


def _build(examination: Examination) -> Text:
  estimate = examination.estimate
  text = (f'about {_duration(estimate.seconds)} and {_bytes(estimate.bytes)} for '
          f'{counted(estimate.frames, "frame")} of {estimate.size} x {estimate.size}')
  full = estimate.bytes > estimate.free
  text += f'; only {_bytes(estimate.free)} are free' if full else ''
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
