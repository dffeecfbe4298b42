"""How loadkit compares with its peers: `python -m bench --pairs 5`, interleaved, on one embedded Kafka."""
