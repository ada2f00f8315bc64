"""The webhooks of the pretend Fintoc: endpoints, and the sender that signs and repeats."""
