"""The profiles of simulations: which faults one has most, on which rails, and for how long."""

CALM_AFTER = {
    "": 70.0,
    "stops": 90.0,
    "silence": 140.0,
    "lateness": 70.0,
    "doubt": 70.0,
    "accounts": 90.0,
    "restored": 90.0,
    "clocks": 400.0,
    "calendar": 90.0,
    "connections": 70.0,
}
"""For how many virtual seconds there are faults, by the profile of a simulation: which faults it has most."""
OF_RAILS = {
    "accounts": ("sim",),
    "restored": ("sim",),
    "clocks": ("spei",),
    "calendar": ("spei",),
    "connections": ("spei", "fintoc"),
}
"""The rails that have a profile, where not every one has it."""
WRONG_CLOCKS = (-6 * 3600.0, -3600.0, -330.0, -100.0, 0.0, 100.0, 330.0, 3600.0, 6 * 3600.0)
"""By how many seconds a server's clock is wrong under the profile ``clocks``, until it is mended."""

STOP_POINTS = {
    "create_payment@create:after",
    "send:before",
    "record@resend:after",
    "status:after",
    "count_attempt@compare:after",
}
"""Points between a decision and its effect: where processes stop most under the profile ``stops``."""
