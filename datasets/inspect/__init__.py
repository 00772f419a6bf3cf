"""What a source holds and how it could be fitted: columns judged by values and names, a command suggested."""
