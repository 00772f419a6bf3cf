"""One self-contained page from a run folder: ``write_report(folder)``."""

from ltr.report.page import write_report

__all__ = ["write_report"]
