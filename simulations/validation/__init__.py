"""Claims of papers, measured: what a claim is, how it is run, and what is left on disk."""
