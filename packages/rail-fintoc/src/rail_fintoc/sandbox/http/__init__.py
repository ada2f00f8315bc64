"""The HTTP side of the pretend Fintoc: requests, their checks, and what happens to an answer on its way out."""
