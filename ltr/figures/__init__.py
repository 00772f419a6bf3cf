"""Figures of a fit, one module each: labelled arrays in, a matplotlib Figure out; no files, no global style."""
