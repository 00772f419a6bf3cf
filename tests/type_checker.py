"""The run-time checker of array shapes and types, switched on for the library in pyproject's pytest options."""

from beartype import BeartypeConf, beartype

# an int may stand where a float is asked for, as everywhere in Python
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
