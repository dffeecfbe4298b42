# What is true of every cluster and fleet, and what each choice changes. The provider is a mock: tests/infra applies it.

mock_provider "aws" {
  source = "./tests/mock"
}

run "as_it_comes" {
  assert {
    condition = alltrue([for rule in concat(
      [aws_vpc_security_group_ingress_rule.workers_to_master], aws_vpc_security_group_ingress_rule.fleet_to_endpoints,
      values(aws_vpc_security_group_ingress_rule.fleet_to_brokers)
    ) : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.referenced_security_group_id == aws_security_group.fleet.id])
    error_message = "Only the fleet comes in anywhere."
  }
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.https) == 0
    error_message = "Without a NAT gateway nothing goes out but to the network itself and S3."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.machine : template.metadata_options[0].http_tokens == "required"])
    error_message = "IMDSv2 only."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.machine : template.block_device_mappings[0].ebs[0].encrypted == "true"])
    error_message = "Disks are encrypted."
  }
  assert {
    condition = (
      alltrue([for subnet in aws_subnet.private : !subnet.map_public_ip_on_launch]) &&
      aws_launch_template.machine["worker"].network_interfaces[0].associate_public_ip_address == "false"
    )
    error_message = "No machine has a public address."
  }
  assert {
    condition     = strcontains(aws_msk_configuration.own[0].server_properties, "min.insync.replicas=2\n")
    error_message = "Two copies are in sync before a message is acknowledged."
  }
  assert {
    condition = (
      strcontains(aws_msk_configuration.own[0].server_properties, "default.replication.factor=3\n") &&
      strcontains(aws_msk_configuration.own[0].server_properties, "unclean.leader.election.enable=false\n")
    )
    error_message = "Three copies, and only those that have all messages lead."
  }
  assert {
    condition = (
      aws_msk_cluster.own[0].encryption_info[0].encryption_in_transit[0].client_broker == "TLS" &&
      aws_msk_cluster.own[0].encryption_info[0].encryption_in_transit[0].in_cluster
    )
    error_message = "TLS between clients and brokers, and between brokers."
  }
  assert {
    condition = (
      aws_msk_cluster.own[0].encryption_info[0].encryption_at_rest_kms_key_arn == aws_kms_key.own[0].arn &&
      aws_cloudwatch_log_group.brokers[0].kms_key_id == aws_kms_key.own[0].arn &&
      aws_ssm_parameter.token.type == "SecureString"
    )
    error_message = "What is stored is encrypted by the key."
  }
  assert {
    condition = (
      !aws_msk_cluster.own[0].client_authentication[0].unauthenticated &&
      aws_msk_cluster.own[0].client_authentication[0].sasl[0].iam
    )
    error_message = "Nobody comes in without a login."
  }
  assert {
    condition = (
      one(aws_s3_bucket_server_side_encryption_configuration.results.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" &&
      aws_s3_bucket_public_access_block.results.restrict_public_buckets &&
      aws_s3_bucket_public_access_block.results.block_public_policy
    )
    error_message = "The bucket is encrypted and closed."
  }
  assert {
    condition = (
      aws_autoscaling_schedule.deadline["master"].desired_capacity == 0 &&
      aws_autoscaling_schedule.deadline["worker"].desired_capacity == 0 &&
      toset(keys(aws_scheduler_schedule.deadline)) == toset(["cluster", "endpoints"])
    )
    error_message = "The deadline ends machines, cluster and endpoints."
  }
  assert {
    condition = (
      !strcontains(join("", values(output.user_data)), "password") &&
      strcontains(output.user_data["worker"], "LOADKIT_PROCESSES=4\n")
    )
    error_message = "User data holds no secret; a worker makes load with every core."
  }
}

run "a_sizing_report" {
  command = plan
  variables {
    kafka_version     = "3.9.1"
    broker_count      = 6
    broker_shape      = "m7g.large"
    broker_volume_gib = 1889
    broker_heap_mib   = 2048
    broker_properties = { "min.insync.replicas" = "2", "num.io.threads" = "8", "broker.rack" = "zone" }
    topics            = { orders = { partitions = 60, replication_factor = 3, config = { "min.insync.replicas" = "2" } } }
  }
  assert {
    condition = (
      aws_msk_cluster.own[0].kafka_version == "3.9.x.kraft" && aws_msk_cluster.own[0].number_of_broker_nodes == 6
    )
    error_message = "The version is MSK's with KRaft."
  }
  assert {
    condition = (
      aws_msk_cluster.own[0].broker_node_group_info[0].instance_type == "kafka.m7g.large" &&
      aws_msk_cluster.own[0].broker_node_group_info[0].storage_info[0].ebs_storage_info[0].volume_size == 1889
    )
    error_message = "Shape and disk are the report's."
  }
  assert {
    condition = (
      strcontains(aws_msk_configuration.own[0].server_properties, "num.io.threads=8\n") &&
      !strcontains(aws_msk_configuration.own[0].server_properties, "broker.rack")
    )
    error_message = "MSK gets the properties that it takes, and no others."
  }
}

run "express" {
  command = plan
  variables {
    broker_kind       = "express"
    broker_properties = { "message.max.bytes" = "2000000", "num.io.threads" = "8" }
  }
  assert {
    condition = (
      aws_msk_cluster.own[0].broker_node_group_info[0].instance_type == "express.m7g.large" &&
      length(aws_msk_cluster.own[0].broker_node_group_info[0].storage_info) == 0
    )
    error_message = "Express brokers have no disk to size."
  }
  assert {
    condition     = aws_msk_configuration.own[0].server_properties == "auto.create.topics.enable=false\nmessage.max.bytes=2000000\n"
    error_message = "Express brokers take few properties; the others are safe and read-only there."
  }
}

run "spot_close_together_behind_a_gateway" {
  variables {
    run             = "second" # groups are made anew
    authentication  = ["scram", "tls", "iam"]
    arguments       = ["--slo", "latency.p99 < 20ms"]
    keep_results    = true
    nat_gateway     = true
    placement_group = true
    worker_count    = 3
    worker_spot     = true

    certificate_authority_arns = ["arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/0f0f"]
  }
  assert {
    condition = (
      aws_autoscaling_group.worker.mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 0 &&
      aws_autoscaling_group.worker.desired_capacity == 3
    )
    error_message = "Three workers, all of them spot."
  }
  assert {
    condition = (
      length(aws_autoscaling_group.worker.vpc_zone_identifier) == 1 &&
      aws_placement_group.workers[0].strategy == "cluster"
    )
    error_message = "Close together is one zone."
  }
  assert {
    condition = (
      length(aws_vpc_endpoint.service) == 0 &&
      toset(keys(aws_scheduler_schedule.deadline)) == toset(["address", "cluster", "gateway"])
    )
    error_message = "A gateway takes the place of endpoints, and the deadline ends it."
  }
  assert {
    condition = (
      !aws_s3_bucket.results.force_destroy &&
      one(aws_s3_bucket_server_side_encryption_configuration.results.rule).apply_server_side_encryption_by_default[0].kms_master_key_id != aws_kms_key.own[0].arn
    )
    error_message = "A bucket that is kept does not depend on a key that goes."
  }
  assert {
    condition = (
      strcontains(output.target_toml, "\"sasl.password\" = \"$${password}\"") &&
      strcontains(output.target_toml, "b-1.loadkit:9096")
    )
    error_message = "The fleet logs in by the first way, and the password stands nowhere."
  }
  assert {
    condition     = strcontains(output.user_data["master"], "LOADKIT_COMMAND=run orders.py --target target.toml --slo 'latency.p99 < 20ms'\n")
    error_message = "Words with blanks are quoted."
  }
}

run "an_existing_cluster" {
  variables {
    existing_cluster_arn               = "arn:aws:kafka:eu-west-1:123456789012:cluster/shop/0f0f"
    existing_cluster_security_group_id = "sg-0123"
  }
  assert {
    condition = (
      length(aws_msk_cluster.own) == 0 && length(aws_vpc.own) == 0 && length(aws_scheduler_schedule.deadline) == 0
    )
    error_message = "What exists is not made, and not deleted at the deadline."
  }
  assert {
    condition = (
      aws_autoscaling_group.worker.vpc_zone_identifier == toset(["subnet-1", "subnet-2"]) &&
      aws_network_interface.master.subnet_id == "subnet-1"
    )
    error_message = "The fleet stands in the cluster's zones."
  }
  assert {
    condition = (
      alltrue([for rule in aws_vpc_security_group_ingress_rule.fleet_to_brokers : rule.security_group_id == "sg-0123" &&
      rule.cidr_ipv4 == null])
    )
    error_message = "The cluster's group lets the fleet in, and nobody else."
  }
  assert {
    condition     = strcontains(output.target_toml, "platform = \"msk-express\"\nbrokers = 6\nzones = 2\nshape = \"express.m7g.xlarge\"")
    error_message = "The target file tells what was found."
  }
}

run "any_cluster_by_a_target_file" {
  variables {
    target_file = "versions.tf"
    subnet_ids  = ["subnet-1"]
  }
  assert {
    condition = (
      output.target_toml == file("versions.tf") && output.cluster_arn == null &&
      length(aws_vpc_security_group_ingress_rule.fleet_to_brokers) == 0
    )
    error_message = "The target file is given to the fleet as it is."
  }
}
