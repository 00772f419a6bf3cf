"""Fanthomme and Monasson (2021).

"Low-dimensional manifolds support multiplexed integrations in recurrent neural networks".
"""
