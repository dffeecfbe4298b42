# What ends the bill: the groups go to zero, then what bills by the hour is deleted, whether or not anybody looks. A
# later `terraform destroy` clears away the rest. And an alarm, which AWS sends with up to a day's delay.

locals {
  deadline = timeadd(terraform_data.start.output, "${var.deadline_hours * 60}m")
  later    = timeadd(local.deadline, "60m") # an address is free when its gateway is gone

  # Calls of the AWS API by EventBridge Scheduler: action and what it is about.
  deletions = merge(
    { for cluster in aws_msk_cluster.own : "cluster" => {
      call  = "kafka:deleteCluster", action = "kafka:DeleteCluster", at = local.deadline,
      input = { ClusterArn = cluster.arn }, arns = [cluster.arn],
    } },
    length(local.endpoints) == 0 ? {} : { endpoints = {
      call  = "ec2:deleteVpcEndpoints", action = "ec2:DeleteVpcEndpoints", at = local.deadline,
      input = { VpcEndpointIds = [for name in sort(local.endpoints) : aws_vpc_endpoint.service[name].id] },
      arns  = [for name in sort(local.endpoints) : aws_vpc_endpoint.service[name].arn],
    } },
    { for gateway in aws_nat_gateway.out : "gateway" => {
      call  = "ec2:deleteNatGateway", action = "ec2:DeleteNatGateway", at = local.deadline,
      input = { NatGatewayId = gateway.id },
      arns  = ["${local.aws_prefix}:ec2:${local.region}:${local.account}:natgateway/${gateway.id}"],
    } },
    { for address in aws_eip.nat : "address" => {
      call  = "ec2:releaseAddress", action = "ec2:ReleaseAddress", at = local.later,
      input = { AllocationId = address.allocation_id }, arns = [address.arn],
    } },
  )
}

resource "aws_autoscaling_schedule" "deadline" {
  for_each               = { master = aws_autoscaling_group.master.name, worker = aws_autoscaling_group.worker.name }
  scheduled_action_name  = "${each.value}-deadline"
  autoscaling_group_name = each.value
  desired_capacity       = 0
  max_size               = 0
  min_size               = 0
  start_time             = local.deadline

  lifecycle {
    replace_triggered_by = [terraform_data.start]
  }
}

resource "aws_scheduler_schedule" "deadline" {
  for_each                     = local.deletions
  name                         = "${var.name}-${each.key}"
  description                  = "Deadline of ${var.name}: ${each.value.action}"
  schedule_expression          = "at(${formatdate("YYYY-MM-DD'T'hh:mm:ss", each.value.at)})"
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = local.key

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "${local.aws_prefix}:scheduler:::aws-sdk:${each.value.call}"
    input    = jsonencode(each.value.input)
    role_arn = aws_iam_role.deadline.arn

    retry_policy {
      maximum_event_age_in_seconds = 86400
      maximum_retry_attempts       = 100
    }
  }

  depends_on = [aws_iam_role_policy.deadline]
}

data "aws_iam_policy_document" "assume_deadline" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "deadline" {
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [local.key]
  }

  dynamic "statement" {
    for_each = local.deletions
    content {
      actions   = [statement.value.action]
      resources = statement.value.arns
    }
  }
}

resource "aws_iam_role" "deadline" {
  name_prefix          = "${var.name}-deadline-"
  description          = "Deletes what bills by the hour at the deadline of ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.assume_deadline.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "deadline" {
  name   = "deadline"
  role   = aws_iam_role.deadline.id
  policy = data.aws_iam_policy_document.deadline.json
}

# Counts what bears the tag `loadkit`, once that is a cost allocation tag of the account.
resource "aws_budgets_budget" "alarm" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = format("%.1f", var.budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  tags         = local.tags

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:loadkit$%s", var.name)]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    notification_type          = "ACTUAL"
    subscriber_email_addresses = var.alarm_emails
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    notification_type          = "FORECASTED"
    subscriber_email_addresses = var.alarm_emails
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
  }
}
