"""Where messages come from: Kafka, archives, the simulator."""
