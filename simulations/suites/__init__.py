"""The claims themselves, one folder a paper, one file a claim."""
