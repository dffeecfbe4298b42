#!/bin/sh
# Topics for order stream (msk-standard), as planned on 2026-11-26 by loadkit.
# DEMONSTRATION: the figures come from a co-located or simulated target. They show the method, not your cluster.
# It stops at the first topic that exists already; COMMAND_CONFIG may name a file with your admin's security.
set -eu
: "${BOOTSTRAP_SERVERS:?set it to your brokers, like b1:9092,b2:9092}"
KAFKA_BIN="${KAFKA_BIN:+$KAFKA_BIN/}"  # the folder of kafka-topics.sh, unless it is on the PATH

# orders: 63 partitions for 8.76 MB/s at peak, keyed: adding partitions later moves keys to other partitions and
#     breaks their order
# min.insync.replicas: acks=all means at least 2 copies
#   gives up: writes stop while fewer brokers are in sync
# unclean.leader.election.enable: a replica that lacks messages never becomes leader
#   gives up: a partition stays offline until an in-sync replica is back
# cleanup.policy: old segments are deleted
# retention.ms: required, and longer than consumers may be away
# retention.bytes: no limit by size: time alone decides, as required
# max.message.bytes: the largest batch, as planned
# compression.type: kept as the producer compressed it: the broker spends no CPU on it
"${KAFKA_BIN}kafka-topics.sh" --bootstrap-server "$BOOTSTRAP_SERVERS" ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"} \
  --create --topic 'orders' \
  --partitions 63 \
  --replication-factor 3 \
  --config 'min.insync.replicas=2' \
  --config 'unclean.leader.election.enable=false' \
  --config 'cleanup.policy=delete' \
  --config 'retention.ms=604800000' \
  --config 'retention.bytes=-1' \
  --config 'max.message.bytes=1048588' \
  --config 'compression.type=producer'

# payments: 9 partitions for 2.28 MB/s at peak, keyed: adding partitions later moves keys to other partitions and
#     breaks their order
# min.insync.replicas: acks=all means at least 2 copies
#   gives up: writes stop while fewer brokers are in sync
# unclean.leader.election.enable: a replica that lacks messages never becomes leader
#   gives up: a partition stays offline until an in-sync replica is back
# cleanup.policy: old segments are deleted
# retention.ms: required, and longer than consumers may be away
# retention.bytes: no limit by size: time alone decides, as required
# max.message.bytes: the largest batch, as planned
# compression.type: kept as the producer compressed it: the broker spends no CPU on it
"${KAFKA_BIN}kafka-topics.sh" --bootstrap-server "$BOOTSTRAP_SERVERS" ${COMMAND_CONFIG:+--command-config "$COMMAND_CONFIG"} \
  --create --topic 'payments' \
  --partitions 9 \
  --replication-factor 3 \
  --config 'min.insync.replicas=2' \
  --config 'unclean.leader.election.enable=false' \
  --config 'cleanup.policy=delete' \
  --config 'retention.ms=1209600000' \
  --config 'retention.bytes=-1' \
  --config 'max.message.bytes=1048588' \
  --config 'compression.type=producer'
