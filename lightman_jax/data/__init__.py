"""From sheets, folders and videos to a built data set of clips."""
