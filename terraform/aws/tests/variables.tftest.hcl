# Every variable refuses what cannot work, before anything is made. `inputs`, `wheels` and `alarm_emails` come from the
# environment (TF_VAR_...), as tests/infra/aws_terraform.py sets them.

mock_provider "aws" {
  source = "./tests/mock"
}

run "wrong_one_by_one" {
  command = plan
  variables {
    name                     = "Load Kit"
    run                      = "First"
    inputs                   = "tests/nowhere"
    command                  = "fly"
    arguments                = ["--duration", "1m", "--target=embedded"]
    wheels                   = "tests/nowhere"
    deadline_hours           = 100
    budget_usd               = 0
    alarm_emails             = []
    results_days             = 0
    kms_key_arn              = "alias/mine"
    fleet_plan               = "main.tf"
    worker_processes         = 0
    worker_instance_type     = "c99.large"
    master_instance_type     = "t3.nano"
    ami_id                   = "newest"
    disk_gib                 = 1
    vpc_cidr                 = "10.0.0.0/28"
    cluster_cidr_blocks      = ["0.0.0.0/0"]
    existing_cluster_arn     = "my-cluster"
    authentication           = ["plain"]
    topic_prefix             = "*"
    broker_kind              = "cheap"
    broker_volume_throughput = 1
    kafka_version            = "2.8.1"
    count_unit               = "CKU"
    broker_volume_gib        = 0
    broker_properties        = { "min.insync.replicas" = "1" }
  }
  expect_failures = [
    var.name, var.run, var.inputs, var.command, var.arguments, var.wheels, var.deadline_hours,
    var.budget_usd, var.alarm_emails, var.results_days, var.kms_key_arn, var.fleet_plan, var.worker_processes,
    var.worker_instance_type, var.master_instance_type, var.ami_id, var.disk_gib, var.vpc_cidr,
    var.cluster_cidr_blocks, var.existing_cluster_arn, var.authentication, var.topic_prefix,
    var.broker_kind, var.broker_volume_throughput, var.kafka_version, var.count_unit,
    var.broker_volume_gib, var.broker_properties,
  ]
}

# Those that look at other variables are only judged where these are right.
run "wrong_one_by_one_beside_others" {
  command = plan
  variables {
    scenario     = "nowhere.py"
    subnet_ids   = ["vpc-1"]
    secrets_arn  = "my-secret"
    broker_shape = "kafka.zz.large"
    topics       = { orders = { partitions = 6, replication_factor = 2, config = {} } }
  }
  expect_failures = [var.scenario, var.subnet_ids, var.secrets_arn, var.broker_shape, var.topics]
}

run "five_zones" {
  command = plan
  variables {
    zone_count = 5
  }
  expect_failures = [var.zone_count]
}

run "a_target_file_without_subnets" {
  command = plan
  variables {
    target_file = "versions.tf"
  }
  expect_failures = [var.subnet_ids]
}

run "wrong_together" {
  command = plan
  variables {
    broker_count         = 4
    broker_kind          = "express"
    broker_shape         = "kafka.m7g.large"
    zone_count           = 3
    worker_count         = 0
    authentication       = ["iam", "tls"]
    existing_cluster_arn = "arn:aws:kafka:eu-west-1:123456789012:cluster/shop/0f0f"
    target_file          = "main.tf"
    broker_properties    = { "unclean.leader.election.enable" = "true" }
  }
  expect_failures = [
    var.broker_count, var.broker_shape, var.worker_count, var.authentication, var.target_file, var.broker_properties,
  ]
}

run "automatic_topics" {
  command = plan
  variables {
    broker_properties = { "auto.create.topics.enable" = "true" }
  }
  expect_failures = [var.broker_properties]
}

run "two_copies_by_default" {
  command = plan
  variables {
    broker_properties = { "default.replication.factor" = "2" }
  }
  expect_failures = [var.broker_properties]
}

run "scram_of_an_existing_cluster_without_its_secret" {
  command = plan
  variables {
    authentication       = ["scram"]
    existing_cluster_arn = "arn:aws:kafka:eu-west-1:123456789012:cluster/shop/0f0f"
  }
  expect_failures = [var.secrets_arn]
}

run "a_broker_is_no_worker" {
  command = plan
  variables {
    worker_instance_type = "kafka.m7g.large"
  }
  expect_failures = [var.worker_instance_type]
}
