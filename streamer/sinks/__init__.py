"""Where results go: Kafka in one transaction, files by atomic rename."""
