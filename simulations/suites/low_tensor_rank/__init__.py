"""Pellegrino, Cayco-Gajic and Chadwick (2023), "Low tensor rank learning of neural dynamics"."""
