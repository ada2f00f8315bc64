"""Measurements of riel, each beside a peer in the same run: ``python -m benchmarks`` prints a table of ratios."""
