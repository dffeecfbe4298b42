# The machines: a master at an address that is known beforehand, and workers. Nothing about them changes while a run is
# under way; another `run` makes both groups anew.

data "aws_ssm_parameter" "image" {
  for_each = var.ami_id == null ? toset(values(local.architectures)) : toset([])
  name     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${each.key}"
}

locals {
  master_port = 5557
  groups      = { for role in local.roles : role => "${var.name}-${role}" }
  types       = { master = var.master_instance_type, worker = var.worker_instance_type }
  images = {
    for role in local.roles : role => coalesce(
      var.ami_id, try(nonsensitive(data.aws_ssm_parameter.image[local.architectures[role]].value), null)
    )
  }
  architectures = { for role, type in data.aws_ec2_instance_type.fleet : role => type.supported_architectures[0] }

  sides = var.command == "gate" ? ["--baseline", "--candidate"] : ["--target"]
  words = concat(
    [var.command, var.scenario], flatten([for side in local.sides : [side, "target.toml"]]),
    [for word in var.arguments : can(regex("^[\\w./:=,%+@-]+$", word)) ? word : "'${replace(word, "'", "'\"'\"'")}'"]
  )

  # As terraform/fleet/lib.sh reads it: one NAME=value a line, taken as it is.
  environment = {
    AWS_REGION           = local.region
    LOADKIT_BUCKET       = aws_s3_bucket.results.id
    LOADKIT_COMMAND      = join(" ", local.words)
    LOADKIT_INPUT        = "inputs"
    LOADKIT_MASTER       = "${aws_network_interface.master.private_ip}:${local.master_port}"
    LOADKIT_MASTER_GROUP = local.groups["master"]
    LOADKIT_OUTPUT       = "results/${var.run}"
    LOADKIT_PROCESSES    = local.processes
    LOADKIT_SCENARIO     = var.scenario
    LOADKIT_SECRETS      = local.secrets == "none" ? "" : local.secrets
    LOADKIT_TOKEN        = aws_ssm_parameter.token.arn
    LOADKIT_WORKERS      = local.workers * local.processes
    LOADKIT_WORKER_GROUP = local.groups["worker"]
  }

  user_data = {
    for role in local.roles : role => templatefile("${path.module}/templates/user_data.sh.tftpl", {
      bucket      = aws_s3_bucket.results.id
      deadline    = local.deadline
      environment = local.environment
      offline     = !var.nat_gateway && local.own_network
      region      = local.region
      role        = role
      wheel       = "${local.wheel}%{if length(var.extras) > 0}[${join(",", var.extras)}]%{endif}"
    })
  }
}

# The master's address outlives its machine, so that workers find another one in its place.
resource "aws_network_interface" "master" {
  subnet_id       = local.subnets[0]
  description     = "Master of ${var.name}"
  security_groups = [aws_security_group.fleet.id]
  tags            = merge(local.tags, { Name = local.groups["master"] })
}

resource "aws_placement_group" "workers" {
  count    = var.placement_group ? 1 : 0
  name     = local.groups["worker"]
  strategy = "cluster"
  tags     = local.tags
}

resource "aws_launch_template" "machine" {
  for_each                             = local.roles
  name_prefix                          = "${local.groups[each.key]}-"
  description                          = "A ${each.key} of ${var.name}"
  image_id                             = local.images[each.key]
  instance_type                        = local.types[each.key]
  instance_initiated_shutdown_behavior = "terminate"
  update_default_version               = true
  user_data                            = base64encode(local.user_data[each.key])
  tags                                 = local.tags

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      delete_on_termination = true
      encrypted             = true # by the account's key for EBS, which Auto Scaling may use without more rights
      volume_size           = var.disk_gib
      volume_type           = "gp3"
    }
  }

  iam_instance_profile {
    arn = aws_iam_instance_profile.machine[each.key].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_put_response_hop_limit = 1
    http_tokens                 = "required"
  }

  monitoring {
    enabled = true
  }

  network_interfaces {
    device_index                = 0
    network_interface_id        = each.key == "master" ? aws_network_interface.master.id : null
    associate_public_ip_address = each.key == "master" ? null : false # the master's interface has none either
    delete_on_termination       = each.key == "worker"
    security_groups             = each.key == "master" ? null : [aws_security_group.fleet.id]
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])
    content {
      resource_type = tag_specifications.key
      tags          = merge(local.tags, { Name = local.groups[each.key] })
    }
  }
}

# An interface that exists goes by its zone, not by subnets.
resource "aws_autoscaling_group" "master" {
  name                      = local.groups["master"]
  availability_zones        = [local.first.availability_zone]
  desired_capacity          = 1
  health_check_type         = "EC2"
  max_size                  = 1
  min_size                  = 0
  suspended_processes       = ["AZRebalance"]
  wait_for_capacity_timeout = "15m"

  launch_template {
    id      = aws_launch_template.machine["master"].id
    version = aws_launch_template.machine["master"].latest_version
  }

  dynamic "tag" {
    for_each = local.tags
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  depends_on = [
    aws_iam_role_policy.machine, aws_s3_object.input, aws_s3_object.software, aws_s3_object.target,
    aws_s3_bucket_policy.results, aws_vpc_endpoint.s3, aws_vpc_endpoint.service, aws_route.private_out,
    aws_vpc_security_group_ingress_rule.workers_to_master, aws_vpc_security_group_egress_rule.https,
    aws_vpc_security_group_egress_rule.inside, aws_vpc_security_group_egress_rule.s3,
    aws_vpc_security_group_ingress_rule.fleet_to_endpoints, aws_route_table_association.private,
    aws_msk_single_scram_secret_association.fleet,
  ]

  lifecycle {
    ignore_changes       = [desired_capacity] # the end of a run sets it to zero
    replace_triggered_by = [terraform_data.start]
  }
}

# A machine that is lost is not replaced: a run goes on without it and says so, and the next one starts whole.
resource "aws_autoscaling_group" "worker" {
  name                      = local.groups["worker"]
  desired_capacity          = local.workers
  health_check_type         = "EC2"
  max_size                  = local.workers
  min_size                  = 0
  placement_group           = one(aws_placement_group.workers[*].name)
  suspended_processes       = ["AZRebalance", "ReplaceUnhealthy"]
  vpc_zone_identifier       = var.placement_group ? [local.subnets[0]] : local.subnets
  wait_for_capacity_timeout = "15m"

  mixed_instances_policy {
    instances_distribution {
      on_demand_percentage_above_base_capacity = var.worker_spot ? 0 : 100
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.machine["worker"].id
        version            = aws_launch_template.machine["worker"].latest_version
      }
    }
  }

  dynamic "tag" {
    for_each = local.tags
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  depends_on = [aws_autoscaling_group.master]

  lifecycle {
    ignore_changes       = [desired_capacity]
    replace_triggered_by = [terraform_data.start]
  }
}
