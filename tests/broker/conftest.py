"""The broker tests' fixtures: a real Kafka for the session, another one that may be killed, topics of one's own."""

from tests.broker.fixtures import kafka, mortal_kafka, names

__all__ = ["kafka", "mortal_kafka", "names"]
