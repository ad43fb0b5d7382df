"""Frame numbers: reading them from text, and the order they must keep."""

import re

# More digits than a frame number can have would not fit where clips are stored.
_WHOLE = re.compile(r'([0-9]{1,9})(\.0+)?')


def whole(text: str) -> int | None:
  """Returns the whole number that `text` spells ('46', '46.0'), else None."""
  found = _WHOLE.fullmatch(text)
  return int(found[1]) if found else None


def disorder(onset: int, apex: int | None, offset: int) -> str:
  """Says how frame numbers break onset <= apex <= offset; '' where they keep it."""
  if onset > offset:
    return f'onset {onset} comes after offset {offset}'
  if apex is not None and not onset <= apex <= offset:
    return f'apex {apex} is not between onset {onset} and offset {offset}'
  return ''
