# Terraform variables for order stream (msk-standard), as planned on 2026-11-26 by loadkit.
# DEMONSTRATION: the figures come from a co-located or simulated target. They show the method, not your cluster.

variable "kafka_version" {
  type        = string
  description = "Version of Kafka"
}

variable "broker_count" {
  type        = number
  description = "Brokers, or units of a platform that sells units"
}

variable "count_unit" {
  type        = string
  description = "What they are: broker, or what the platform sells"
}

variable "zone_count" {
  type        = number
  description = "Availability zones that they stand in"
}

variable "broker_shape" {
  type        = string
  description = "Machine of a broker, or name of a unit"
}

variable "broker_volume_gib" {
  type        = number
  description = "Data volume of a broker, GiB"
}

variable "broker_heap_mib" {
  type        = number
  description = "Java heap of a broker, MiB"
}

variable "broker_properties" {
  type        = map(string)
  description = "What every broker's server.properties says"
}

variable "topics" {
  type        = map(object({ partitions = number, replication_factor = number, config = map(string) }))
  description = "Topics"
}
