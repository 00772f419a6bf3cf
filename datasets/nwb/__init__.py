"""NWB files: opened safely, their tables, events, units and signals read, sessions and results written."""
