"""Bytes to columns and back: knows Avro, knows no survey."""
