"""One self-contained page from a run folder: ``write_report(folder)``; from a sweep: ``write_cv_report(folder)``."""

from ltr.report.cv_result import write_cv_report
from ltr.report.page import write_report

__all__ = ["write_cv_report", "write_report"]
