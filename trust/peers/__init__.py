"""loadkit beside Kafka's own performance tools: the same load on one cluster, in turn."""
