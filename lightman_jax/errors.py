"""The one error that is meant for the person at the keyboard."""


class InputError(ValueError):
  """Something that the user gave cannot be used.

  The message is one clear sentence that names the file, row, clip or setting and
  says what to do; `launch.py` prints it without a traceback and exits with 2.
  """
