"""What a fitted model means: eigenvalues, vector fields, what is identified, and the labelled summary of a fit."""
