# Terraform variables for order stream (msk-standard), as planned on 2026-11-26 by loadkit.
# DEMONSTRATION: the figures come from a co-located or simulated target. They show the method, not your cluster.
kafka_version = "3.9.1"
broker_count = 9
count_unit = "broker"
zone_count = 3
broker_shape = "m7g.large"
broker_volume_gib = 1259
broker_heap_mib = 2048

broker_properties = {
  # auto.create.topics.enable: a misspelt topic is an error, not a topic with defaults
  "auto.create.topics.enable" = "false"
  # default.replication.factor: of topics made without one
  "default.replication.factor" = "3"
  # min.insync.replicas: acks=all means at least 2 copies, also for topics that do not say so
  #   gives up: writes stop while fewer brokers are in sync
  "min.insync.replicas" = "2"
  # unclean.leader.election.enable: a replica that lacks messages never becomes leader
  #   gives up: a partition stays offline until an in-sync replica is back
  "unclean.leader.election.enable" = "false"
  # compression.type: batches are kept as the producer compressed them
  "compression.type" = "producer"
  # replica.lag.time.max.ms: how long a follower may lag and count as in sync; clients' request.timeout.ms is longer
  "replica.lag.time.max.ms" = "30000"
  # offsets.topic.replication.factor: consumers' offsets are as safe as the data
  "offsets.topic.replication.factor" = "3"
  # offsets.retention.minutes: offsets of a group that is away outlive its absence
  "offsets.retention.minutes" = "10080"
  # transaction.state.log.replication.factor: transactions are as safe as the data
  "transaction.state.log.replication.factor" = "3"
  # transaction.state.log.min.isr: a committed transaction is on as many brokers as its data
  "transaction.state.log.min.isr" = "2"
  # transaction.max.timeout.ms: no transaction holds up readers for longer
  "transaction.max.timeout.ms" = "900000"
  # message.max.bytes: the largest batch of any topic
  "message.max.bytes" = "1048588"
  # replica.fetch.max.bytes: followers fetch no less than the largest batch
  "replica.fetch.max.bytes" = "1048588"
  # num.network.threads: half of 2 cores, at least 3; watch NetworkProcessorAvgIdlePercent
  "num.network.threads" = "3"
  # num.io.threads: one for each of 2 cores, at least 8; watch RequestHandlerAvgIdlePercent
  "num.io.threads" = "8"
  # num.replica.fetchers: followers keep up without one thread being the limit
  "num.replica.fetchers" = "1"
}

topics = {
  "orders" = {
    partitions = 63
    replication_factor = 3
    config = {
      # min.insync.replicas: acks=all means at least 2 copies
      #   gives up: writes stop while fewer brokers are in sync
      "min.insync.replicas" = "2"
      # unclean.leader.election.enable: a replica that lacks messages never becomes leader
      #   gives up: a partition stays offline until an in-sync replica is back
      "unclean.leader.election.enable" = "false"
      # cleanup.policy: old segments are deleted
      "cleanup.policy" = "delete"
      # retention.ms: required, and longer than consumers may be away
      "retention.ms" = "604800000"
      # retention.bytes: no limit by size: time alone decides, as required
      "retention.bytes" = "-1"
      # max.message.bytes: the largest batch, as planned
      "max.message.bytes" = "1048588"
      # compression.type: kept as the producer compressed it: the broker spends no CPU on it
      "compression.type" = "producer"
    }
  }
  "payments" = {
    partitions = 9
    replication_factor = 3
    config = {
      # min.insync.replicas: acks=all means at least 2 copies
      #   gives up: writes stop while fewer brokers are in sync
      "min.insync.replicas" = "2"
      # unclean.leader.election.enable: a replica that lacks messages never becomes leader
      #   gives up: a partition stays offline until an in-sync replica is back
      "unclean.leader.election.enable" = "false"
      # cleanup.policy: old segments are deleted
      "cleanup.policy" = "delete"
      # retention.ms: required, and longer than consumers may be away
      "retention.ms" = "1209600000"
      # retention.bytes: no limit by size: time alone decides, as required
      "retention.bytes" = "-1"
      # max.message.bytes: the largest batch, as planned
      "max.message.bytes" = "1048588"
      # compression.type: kept as the producer compressed it: the broker spends no CPU on it
      "compression.type" = "producer"
    }
  }
}
