"""What is measured, and against whom. ``python -m benchmarks`` prints a table of ratios, each with its peer in the same run."""
