"""Fintoc: transfers in Mexico and Chile, and its own 18 tools."""
