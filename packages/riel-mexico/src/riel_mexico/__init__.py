"""What rails of Mexico share: the CLABE, the account number of the country. It knows neither riel nor any rail."""

from riel_mexico.clabe import CLABE_DIGITS, Clabe, check_digit, clabe

__all__ = ["CLABE_DIGITS", "Clabe", "check_digit", "clabe"]
