"""The HTTP client that a rail is handed, and what a failure of one of its requests means for the money."""
