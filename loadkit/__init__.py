"""Open-loop load testing and capacity planning for clusters that speak the Kafka protocol."""

__version__ = "0.1.0"
