"""Settings of producers and consumers: `Producer({**PRODUCER, "bootstrap.servers": ...})`."""

# confluent-kafka-python for order stream (msk-standard), as planned on 2026-11-26 by loadkit.
# DEMONSTRATION: the figures come from a co-located or simulated target. They show the method, not your cluster.


# producer of orders, payments
PRODUCER = {
    # acks: acknowledged only once every in-sync replica has it; with min.insync.replicas that is at least two brokers
    #   gives up: the latency of one more hop within the cluster
    #   note: librdkafka prints -1, which is all
    "acks": 'all',
    # enable.idempotence: retries neither double nor reorder; written out, since a client that is left to its default
    #     drops it in silence when another setting conflicts
    #   note: librdkafka's is off unless asked for
    "enable.idempotence": True,
    # max.in.flight.requests.per.connection: the most that keeps order with idempotence
    #   gives up: more requests in the air, which long round trips could use
    #   note: librdkafka caps it to 5 with idempotence
    "max.in.flight.requests.per.connection": 5,
    # retries: time bounds a delivery, not a count: see delivery.timeout.ms
    "retries": 2147483647,
    # request.timeout.ms: longer than a follower may lag (30 s) before it leaves the in-sync replicas, so that a slow
    #     follower causes no needless retries
    #   gives up: 15 s until a dead broker's requests are tried again
    "request.timeout.ms": 45000,
    # delivery.timeout.ms: how long a message is tried before the application hears that it failed and must handle it:
    #     longer than one request and its linger
    #   note: alias message.timeout.ms; 0 is no limit in librdkafka
    "delivery.timeout.ms": 120000,
    # partitioner.ignore.keys=false is left out: no equivalent in librdkafka; partitioner = murmur2_random never ignores a
    #     key
    # linger.ms: lets batches fill; Java's default since 4.0 (KIP-1030)
    #   effect: measured by librdkafka 2.16.0, reports/sizing/sweep: -98.7 % (-98.7 % to -98.7 %) latency.p99 against
    #     linger.ms=0
    #   gives up: up to this long at low load
    #   note: Java's was 0 before 4.0 (KIP-1030)
    "linger.ms": 5,
    # batch.size: fewer, fuller requests
    #   effect: measured by librdkafka 2.16.0, reports/sizing/sweep: -0.0495 % (-0.0495 % to -0.0495 %) latency.p99
    #     against batch.size=131072
    #   gives up: memory for each partition
    #   note: librdkafka counts a whole batch with its frame, and ends it at batch.num.messages too
    "batch.size": 16384,
    # compression.type: less network and disk for little CPU
    #   effect: assumed: reports/sizing/max, reports/sizing/sweep; as in the trials that were measured; it was not varied
    #   gives up: CPU of producers and consumers
    "compression.type": 'lz4',
    # buffer.memory: two batches for each of 63 partitions, at least 32 MiB
    #   gives up: memory of the application
    #   note: in KiB, rounded up; librdkafka's queue holds messages that Java counts after compression
    "queue.buffering.max.kbytes": 32768,
    # max.block.ms=60000 is left out: no equivalent in librdkafka; produce() never waits: it fails at once with
    #     _QUEUE_FULL, and the application polls and tries again
    # max.request.size: no message above the smallest max.message.bytes of its topics (1048588), which would be refused
    #   note: librdkafka takes it for the largest request too
    "message.max.bytes": 1048500,
    # partitioner: the hash that Java's default uses; librdkafka's own default (consistent_random, CRC32) sends the same
    #     key to another partition. On a topic that is already written with another hash, changing it moves keys: drain it
    #     first
    "partitioner": 'murmur2_random',
    # batch.num.messages: batches end by bytes alone, as in Java
    "batch.num.messages": 1000000,
    # queue.buffering.max.messages: the queue is bounded by bytes alone, as in Java
    "queue.buffering.max.messages": 2147483647,
}


# consumer of orders, payments
CONSUMER_BILLING = {
    # group.id: the group
    "group.id": 'billing',
    # group.instance.id: a restart within session.timeout.ms moves no partitions; one for each instance: change the number
    #     at the end in each
    "group.instance.id": 'billing-1',
    # enable.auto.commit: offsets are committed by the application once it has processed the messages: a crash repeats
    #     some, never skips any
    #   gives up: you call commit yourself
    #   note: librdkafka commits what it has handed over, processed or not
    "enable.auto.commit": False,
    # auto.offset.reset: where there is no offset (a new partition, an expired one) reading begins at the oldest message
    #     instead of skipping to the newest
    #   gives up: a group that starts anew reads all that is retained
    #   note: Java's none is librdkafka's error
    "auto.offset.reset": 'earliest',
    # isolation.level: aborted transactions are never seen; written out, since the clients' defaults differ
    #   gives up: messages wait until their transaction has ended
    #   note: the defaults differ: one application sees aborted messages in Java only
    "isolation.level": 'read_committed',
    # allow.auto.create.topics: a misspelt topic is an error, not a new topic with defaults
    "allow.auto.create.topics": False,
    # partition.assignment.strategy: a rebalance stops only the partitions that move
    #   gives up: to move a running group from another strategy takes two rolling restarts (KIP-429)
    #   note: cooperative-sticky is the class CooperativeStickyAssignor
    "partition.assignment.strategy": 'cooperative-sticky',
    # session.timeout.ms: how long a dead member keeps its partitions
    "session.timeout.ms": 45000,
    # heartbeat.interval.ms: at most a third of the session timeout: two may get lost
    "heartbeat.interval.ms": 3000,
    # max.poll.records=500 is left out: no equivalent in librdkafka; poll() hands over one message,
    #     consume(num_messages=N) up to N
    # max.poll.interval.ms: twice what 500 messages take at worst, at least 5 min: a member that is only slow is not
    #     thrown out
    #   gives up: a member that hangs is noticed later
    #   note: at most 24 h in librdkafka
    "max.poll.interval.ms": 300000,
    # max.partition.fetch.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory for each partition
    #   note: alias fetch.message.max.bytes
    "max.partition.fetch.bytes": 1048588,
    # fetch.max.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory of the application
    "fetch.max.bytes": 52428800,
    # fetch.queue.backoff.ms: a consumer that catches up waits 10 ms, not 1 s, when its queue is full
    "fetch.queue.backoff.ms": 10,
}


# consumer of orders
CONSUMER_FULFILMENT = {
    # group.id: the group
    "group.id": 'fulfilment',
    # group.instance.id: a restart within session.timeout.ms moves no partitions; one for each instance: change the number
    #     at the end in each
    "group.instance.id": 'fulfilment-1',
    # enable.auto.commit: offsets are committed by the application once it has processed the messages: a crash repeats
    #     some, never skips any
    #   gives up: you call commit yourself
    #   note: librdkafka commits what it has handed over, processed or not
    "enable.auto.commit": False,
    # auto.offset.reset: where there is no offset (a new partition, an expired one) reading begins at the oldest message
    #     instead of skipping to the newest
    #   gives up: a group that starts anew reads all that is retained
    #   note: Java's none is librdkafka's error
    "auto.offset.reset": 'earliest',
    # isolation.level: aborted transactions are never seen; written out, since the clients' defaults differ
    #   gives up: messages wait until their transaction has ended
    #   note: the defaults differ: one application sees aborted messages in Java only
    "isolation.level": 'read_committed',
    # allow.auto.create.topics: a misspelt topic is an error, not a new topic with defaults
    "allow.auto.create.topics": False,
    # partition.assignment.strategy: a rebalance stops only the partitions that move
    #   gives up: to move a running group from another strategy takes two rolling restarts (KIP-429)
    #   note: cooperative-sticky is the class CooperativeStickyAssignor
    "partition.assignment.strategy": 'cooperative-sticky',
    # session.timeout.ms: how long a dead member keeps its partitions
    "session.timeout.ms": 45000,
    # heartbeat.interval.ms: at most a third of the session timeout: two may get lost
    "heartbeat.interval.ms": 3000,
    # max.poll.records=500 is left out: no equivalent in librdkafka; poll() hands over one message,
    #     consume(num_messages=N) up to N
    # max.poll.interval.ms: twice what 500 messages take at worst, at least 5 min: a member that is only slow is not
    #     thrown out
    #   gives up: a member that hangs is noticed later
    #   note: at most 24 h in librdkafka
    "max.poll.interval.ms": 300000,
    # max.partition.fetch.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory for each partition
    #   note: alias fetch.message.max.bytes
    "max.partition.fetch.bytes": 1048588,
    # fetch.max.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory of the application
    "fetch.max.bytes": 52428800,
    # fetch.queue.backoff.ms: a consumer that catches up waits 10 ms, not 1 s, when its queue is full
    "fetch.queue.backoff.ms": 10,
}


# consumer of orders
CONSUMER_SEARCH_INDEX = {
    # group.id: the group
    "group.id": 'search-index',
    # group.instance.id: a restart within session.timeout.ms moves no partitions; one for each instance: change the number
    #     at the end in each
    "group.instance.id": 'search-index-1',
    # enable.auto.commit: offsets are committed by the application once it has processed the messages: a crash repeats
    #     some, never skips any
    #   gives up: you call commit yourself
    #   note: librdkafka commits what it has handed over, processed or not
    "enable.auto.commit": False,
    # auto.offset.reset: where there is no offset (a new partition, an expired one) reading begins at the oldest message
    #     instead of skipping to the newest
    #   gives up: a group that starts anew reads all that is retained
    #   note: Java's none is librdkafka's error
    "auto.offset.reset": 'earliest',
    # isolation.level: aborted transactions are never seen; written out, since the clients' defaults differ
    #   gives up: messages wait until their transaction has ended
    #   note: the defaults differ: one application sees aborted messages in Java only
    "isolation.level": 'read_committed',
    # allow.auto.create.topics: a misspelt topic is an error, not a new topic with defaults
    "allow.auto.create.topics": False,
    # partition.assignment.strategy: a rebalance stops only the partitions that move
    #   gives up: to move a running group from another strategy takes two rolling restarts (KIP-429)
    #   note: cooperative-sticky is the class CooperativeStickyAssignor
    "partition.assignment.strategy": 'cooperative-sticky',
    # session.timeout.ms: how long a dead member keeps its partitions
    "session.timeout.ms": 45000,
    # heartbeat.interval.ms: at most a third of the session timeout: two may get lost
    "heartbeat.interval.ms": 3000,
    # max.poll.records=500 is left out: no equivalent in librdkafka; poll() hands over one message,
    #     consume(num_messages=N) up to N
    # max.poll.interval.ms: twice what 500 messages take at worst, at least 5 min: a member that is only slow is not
    #     thrown out
    #   gives up: a member that hangs is noticed later
    #   note: at most 24 h in librdkafka
    "max.poll.interval.ms": 300000,
    # max.partition.fetch.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory for each partition
    #   note: alias fetch.message.max.bytes
    "max.partition.fetch.bytes": 1048588,
    # fetch.max.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory of the application
    "fetch.max.bytes": 52428800,
    # fetch.queue.backoff.ms: a consumer that catches up waits 10 ms, not 1 s, when its queue is full
    "fetch.queue.backoff.ms": 10,
}


# consumer of orders
CONSUMER_ANALYTICS = {
    # group.id: the group
    "group.id": 'analytics',
    # group.instance.id: a restart within session.timeout.ms moves no partitions; one for each instance: change the number
    #     at the end in each
    "group.instance.id": 'analytics-1',
    # enable.auto.commit: offsets are committed by the application once it has processed the messages: a crash repeats
    #     some, never skips any
    #   gives up: you call commit yourself
    #   note: librdkafka commits what it has handed over, processed or not
    "enable.auto.commit": False,
    # auto.offset.reset: where there is no offset (a new partition, an expired one) reading begins at the oldest message
    #     instead of skipping to the newest
    #   gives up: a group that starts anew reads all that is retained
    #   note: Java's none is librdkafka's error
    "auto.offset.reset": 'earliest',
    # isolation.level: aborted transactions are never seen; written out, since the clients' defaults differ
    #   gives up: messages wait until their transaction has ended
    #   note: the defaults differ: one application sees aborted messages in Java only
    "isolation.level": 'read_committed',
    # allow.auto.create.topics: a misspelt topic is an error, not a new topic with defaults
    "allow.auto.create.topics": False,
    # partition.assignment.strategy: a rebalance stops only the partitions that move
    #   gives up: to move a running group from another strategy takes two rolling restarts (KIP-429)
    #   note: cooperative-sticky is the class CooperativeStickyAssignor
    "partition.assignment.strategy": 'cooperative-sticky',
    # session.timeout.ms: how long a dead member keeps its partitions
    "session.timeout.ms": 45000,
    # heartbeat.interval.ms: at most a third of the session timeout: two may get lost
    "heartbeat.interval.ms": 3000,
    # max.poll.records=500 is left out: no equivalent in librdkafka; poll() hands over one message,
    #     consume(num_messages=N) up to N
    # max.poll.interval.ms: twice what 500 messages take at worst, at least 5 min: a member that is only slow is not
    #     thrown out
    #   gives up: a member that hangs is noticed later
    #   note: at most 24 h in librdkafka
    "max.poll.interval.ms": 300000,
    # max.partition.fetch.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory for each partition
    #   note: alias fetch.message.max.bytes
    "max.partition.fetch.bytes": 1048588,
    # fetch.max.bytes: no less than the largest batch of its topics (1048588)
    #   gives up: memory of the application
    "fetch.max.bytes": 52428800,
    # fetch.queue.backoff.ms: a consumer that catches up waits 10 ms, not 1 s, when its queue is full
    "fetch.queue.backoff.ms": 10,
}
