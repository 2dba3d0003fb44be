"""Replicas: which state of a primary each holds, how they are copied, and who keeps them up to date."""
