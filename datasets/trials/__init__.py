"""From a table of trials to those a recording is made of: filter, align events, windows, conditions, epochs."""
