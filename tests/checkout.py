"""A scenario of one producing class and a target for it, for tests that run commands in a folder of their own."""

SCENARIO = """
from loadkit import ProducerUser, Topic, payloads
orders = Topic("orders", partitions=4)
class Checkout(ProducerUser):
    topic = orders
    rate = "1k/s"
    arrivals = "poisson"
    payload = payloads.constant(size="100B")
    config = {"linger.ms": 0}
"""
TARGET = "simulated?service_rate=5k/s&noise=0.2"
