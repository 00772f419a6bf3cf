"""Many fits of one recording: which settings to choose, and whether another fit would tell the same."""
