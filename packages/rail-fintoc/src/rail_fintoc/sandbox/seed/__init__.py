"""What the pretend Fintoc holds when it starts: companies with funded accounts, and an example of every resource."""
