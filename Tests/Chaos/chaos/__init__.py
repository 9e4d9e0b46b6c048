"""Faults on the real stack under load, and a check of what every client was told against what is in Kafka."""
