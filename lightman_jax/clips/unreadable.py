"""What is raised where a clip's files cannot be used."""


class Unreadable(ValueError):
  """A picture, video or folder that cannot be used; names it and says why."""
