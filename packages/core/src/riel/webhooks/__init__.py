"""A provider's messages to us (``inbound``), ours to the operator (``outbound``), and what waits (``outbox``)."""
