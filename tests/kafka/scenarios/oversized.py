"""One message in fifty is larger than its topic takes; each travels in a batch of its own."""

from loadkit import ConsumerUser, ProducerUser, Topic, payloads, sizes

notes = Topic("notes", partitions=1, config={"max.message.bytes": 2000})


class Writer(ProducerUser):
    topic = notes
    rate = "200/s"
    payload = payloads.random(size=sizes.choice({"300B": 0.98, "5000B": 0.02}))
    config = {"batch.num.messages": 1}


class Reader(ConsumerUser):
    topic = notes
