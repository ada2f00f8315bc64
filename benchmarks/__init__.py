"""What is measured, and against whom: ``python -m benchmarks`` prints ratios, each with its peer in the same run."""
