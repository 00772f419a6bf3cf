"""Schuessler, Mastrogiuseppe, Dubreuil, Ostojic and Barak (2020).

"The interplay between randomness and structure during learning in RNNs".
"""
