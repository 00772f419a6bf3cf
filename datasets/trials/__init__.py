"""Tables of trials: filters, times on either clock, windows, condition and epoch labels. Knows no files."""
