"""A topic of a team's own, used as it is."""

from loadkit import ConsumerUser, ProducerUser, Topic, payloads

team = Topic("team-topic", partitions=2, existing=True)


class Guest(ProducerUser):
    topic = team
    rate = "300/s"
    payload = payloads.json_like(size="200B")


class Reader(ConsumerUser):
    topic = team
