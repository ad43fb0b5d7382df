"""What others wrote into sheets and file names, shown without obeying it."""


def clean(text: str) -> str:
  """Text that cannot act on a terminal: what does not print is spelt out."""
  return ''.join(
      mark if mark.isprintable() else mark.encode(
          'unicode_escape', 'surrogatepass').decode('ascii') for mark in text)


def clean_lines(text: str) -> str:
  """The same for text of several lines, which stay lines."""
  return '\n'.join(map(clean, text.split('\n')))
