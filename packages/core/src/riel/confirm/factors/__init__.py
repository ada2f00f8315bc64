"""The built-in factors. None is imported until it is chosen."""
