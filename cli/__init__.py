"""The command ``ltr``: inspect a recording, fit it, rebuild a report, simulate data."""
