"""Candidate files of pulsar searches, read into records of ``schemas/pulsar_candidate``."""
