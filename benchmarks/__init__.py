"""How long a training step takes, how exact it is and what it needs, beside independent implementations of it.

Also how fast recordings are read. Run from the root of the repository: ``python -m benchmarks`` (see README.md).
"""
