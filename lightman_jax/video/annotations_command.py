"""x"""
def annotations(arguments):
  """x"""
