"""What lets a run that was killed go on: names, journal, table."""
