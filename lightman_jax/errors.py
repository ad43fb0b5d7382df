"""The errors that are meant for a person: a wrong input, files that cannot be used."""



# The one error that is meant for the person at the keyboard.

class InputError(ValueError):
  """Something that the user gave cannot be used.

  The message is one clear sentence that names the file, row, clip or setting and
  says what to do; `launch.py` prints it without a traceback and exits with 2.

  Example:
    >>> try:                                                      # doctest: +SKIP
    ...   lm.settings('casme3')
    ... except lm.InputError as error:
    ...   print(error)
  """


# What is raised where a clip's files cannot be used.

class Unreadable(ValueError):
  """A picture, video or folder that cannot be used; names it and says why."""
