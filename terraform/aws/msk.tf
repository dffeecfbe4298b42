# The cluster: one that is made, or one that exists.

locals {
  make_cluster  = var.existing_cluster_arn == null && var.target_file == null
  cluster_arn   = coalesce(var.existing_cluster_arn, one(aws_msk_cluster.own[*].arn), "none")
  by            = try(var.authentication[0], "iam")
  by_iam        = var.target_file == null && local.by == "iam"
  broker_prefix = { express = "express.", standard = "kafka." }[var.broker_kind]
  broker_type   = "${local.broker_prefix}${trimprefix(var.broker_shape, local.broker_prefix)}"
  msk_version   = "${join(".", slice(split(".", var.kafka_version), 0, 2))}.x.kraft"

  # As loadkit's table of platforms has them. Express brokers have the other safe values built in, read-only.
  taken_properties = {
    standard = [
      "auto.create.topics.enable",
      "compression.type",
      "default.replication.factor",
      "message.max.bytes",
      "min.insync.replicas",
      "num.io.threads",
      "num.network.threads",
      "num.replica.fetchers",
      "offsets.retention.minutes",
      "offsets.topic.replication.factor",
      "replica.fetch.max.bytes",
      "replica.lag.time.max.ms",
      "transaction.max.timeout.ms",
      "transaction.state.log.min.isr",
      "transaction.state.log.replication.factor",
      "unclean.leader.election.enable",
    ]
    express = ["auto.create.topics.enable", "message.max.bytes"]
  }[var.broker_kind]
  safe_properties = {
    "auto.create.topics.enable"                = "false"
    "default.replication.factor"               = "3"
    "min.insync.replicas"                      = "2"
    "offsets.topic.replication.factor"         = "3"
    "transaction.state.log.min.isr"            = "2"
    "transaction.state.log.replication.factor" = "3"
    "unclean.leader.election.enable"           = "false"
  }
  properties = {
    for name, value in merge(local.safe_properties, var.broker_properties) : name => value
    if contains(local.taken_properties, name)
  }

  # MSK's ports: clients by each way, then the JMX and node exporters.
  way_ports = { iam = 9098, scram = 9096, tls = 9094 }
  ports = merge(
    { for way in var.authentication : way => [local.way_ports[way], local.way_ports[way]] },
    var.open_monitoring ? { exporters = [11001, 11002] } : {},
  )
  cluster_group = local.make_cluster ? aws_security_group.brokers[0].id : var.existing_cluster_security_group_id

  msk_target = var.target_file != null ? "" : templatefile("${path.module}/templates/target.toml.tftpl", {
    brokers   = local.brokers
    by        = local.by
    exporters = local.exporters
    kind      = startswith(local.shape, "express.") ? "express" : "standard"
    limits    = var.limits
    name      = local.cluster_name
    number    = try(local.existing.number_of_broker_nodes, var.broker_count)
    prefix    = var.topic_prefix
    shape     = local.shape
    user      = local.make_cluster ? local.user : null
    zones     = try(length(local.existing.broker_node_group_info[0].client_subnets), var.zone_count)
  })
  cluster      = one(concat(aws_msk_cluster.own, data.aws_msk_cluster.existing))
  existing     = one(data.aws_msk_cluster.existing)
  shape        = try(local.existing.broker_node_group_info[0].instance_type, local.broker_type)
  cluster_name = var.target_file != null ? "" : local.cluster.cluster_name
  brokers = var.target_file != null ? "" : {
    iam = local.cluster.bootstrap_brokers_sasl_iam, scram = local.cluster.bootstrap_brokers_sasl_scram
  }[local.by]
  hosts     = sort(flatten([for nodes in data.aws_msk_broker_nodes.exporters : nodes.node_info_list[*].endpoints]))
  exporters = [for host in local.hosts : "http://${host}:11001/metrics"]
}

data "aws_msk_cluster" "existing" {
  count        = var.existing_cluster_arn == null ? 0 : 1
  cluster_name = split("/", var.existing_cluster_arn)[1]

  lifecycle {
    postcondition {
      condition     = self.arn == var.existing_cluster_arn
      error_message = "The cluster of that name has another ARN: copy it from `aws kafka list-clusters-v2`."
    }
  }
}

data "aws_msk_broker_nodes" "exporters" {
  count       = var.target_file == null && var.open_monitoring ? 1 : 0
  cluster_arn = local.cluster_arn
}

resource "aws_msk_configuration" "own" {
  count             = local.make_cluster ? 1 : 0
  name              = var.name
  description       = "Safe defaults and what a sizing report asks for"
  server_properties = join("", [for name in sort(keys(local.properties)) : "${name}=${local.properties[name]}\n"])
}

resource "aws_cloudwatch_log_group" "brokers" {
  #checkov:skip=CKV_AWS_338:the logs go with the cluster, long before a year is over
  count             = local.make_cluster ? 1 : 0
  name              = local.log_group
  kms_key_id        = local.key
  retention_in_days = 14
  tags              = local.tags
}

resource "aws_security_group" "brokers" {
  count       = local.make_cluster ? 1 : 0
  name_prefix = "${var.name}-brokers-"
  description = "Brokers: the fleet comes in"
  vpc_id      = local.first.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-brokers" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "fleet_to_brokers" {
  for_each                     = local.make_cluster || var.existing_cluster_security_group_id != null ? local.ports : {}
  security_group_id            = local.cluster_group
  description                  = "The fleet ${var.name}: ${each.key}"
  referenced_security_group_id = aws_security_group.fleet.id
  ip_protocol                  = "tcp"
  from_port                    = each.value[0]
  to_port                      = each.value[1]
  tags                         = local.tags
}

resource "aws_msk_cluster" "own" {
  count                  = local.make_cluster ? 1 : 0
  cluster_name           = var.name
  kafka_version          = local.msk_version
  number_of_broker_nodes = var.broker_count
  enhanced_monitoring    = "PER_BROKER"
  tags                   = local.tags

  broker_node_group_info {
    client_subnets  = slice(local.subnets, 0, min(var.zone_count, length(local.subnets)))
    instance_type   = local.broker_type
    security_groups = [aws_security_group.brokers[0].id]

    dynamic "storage_info" {
      for_each = var.broker_kind == "standard" ? [var.broker_volume_gib] : []
      content {
        ebs_storage_info {
          volume_size = storage_info.value

          dynamic "provisioned_throughput" {
            for_each = var.broker_volume_throughput == null ? [] : [var.broker_volume_throughput]
            content {
              enabled           = true
              volume_throughput = provisioned_throughput.value
            }
          }
        }
      }
    }
  }

  client_authentication {
    unauthenticated = false

    sasl {
      iam   = contains(var.authentication, "iam")
      scram = contains(var.authentication, "scram")
    }

    dynamic "tls" {
      for_each = contains(var.authentication, "tls") ? [var.certificate_authority_arns] : []
      content {
        certificate_authority_arns = tls.value
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.own[0].arn
    revision = aws_msk_configuration.own[0].latest_revision
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = local.key

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers[0].name
      }
    }
  }

  open_monitoring {
    prometheus {
      jmx_exporter {
        enabled_in_broker = var.open_monitoring
      }

      node_exporter {
        enabled_in_broker = var.open_monitoring
      }
    }
  }

  lifecycle {
    precondition {
      condition     = local.own_network || length(local.subnets) == var.zone_count
      error_message = "Name one subnet for each of zone_count zones: brokers stand in each."
    }
  }
}
