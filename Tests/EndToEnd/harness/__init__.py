"""The real parts, as processes, and clients that talk to them."""
