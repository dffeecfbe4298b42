"""A TCP proxy of known behaviour before Kafka brokers, which logs when what it carried had left."""
