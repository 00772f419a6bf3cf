"""One module per command of ``ltr``."""
