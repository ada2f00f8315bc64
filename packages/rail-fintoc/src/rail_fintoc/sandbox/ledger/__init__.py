"""What the pretend Fintoc keeps: one organisation's accounts, transfers, payments and refunds, and their balances."""
