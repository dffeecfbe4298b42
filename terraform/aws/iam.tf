# Who may do what. Master and workers differ: only the master writes results and scales the groups.

locals {
  roles   = toset(["master", "worker"])
  secrets = coalesce(var.secrets_arn, local.by == "scram" ? one(aws_secretsmanager_secret.scram[*].arn) : null, "none")

  keys = compact([local.key, var.secrets_kms_key_arn])

  # The names of an MSK cluster's things, without wildcards before the prefix.
  kafka = {
    for kind in ["topic", "group", "transactional-id"] : kind => replace(local.cluster_arn, ":cluster/", ":${kind}/")
  }
  scaling    = "${local.aws_prefix}:autoscaling:${local.region}:${local.account}"
  group_arns = "${local.scaling}:autoScalingGroup:*:autoScalingGroupName"
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "machine" {
  #checkov:skip=CKV_AWS_356:the actions of Session Manager know no resources
  #checkov:skip=CKV_AWS_111:the actions of Session Manager know no resources
  for_each = local.roles

  statement {
    sid = "Sessions"
    actions = [
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.results.arn]
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.results.arn}/*"]
  }

  statement {
    sid       = "Token"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.token.arn]
  }

  statement {
    sid       = "Keys"
    actions   = each.key == "master" ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
    resources = local.keys
  }

  dynamic "statement" {
    for_each = local.secrets == "none" ? [] : [local.secrets]
    content {
      sid       = "Secrets"
      actions   = strcontains(statement.value, ":ssm:") ? ["ssm:GetParameter"] : ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = each.key == "master" ? [1] : []
    content {
      sid       = "Results"
      actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      resources = ["${aws_s3_bucket.results.arn}/results/*"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "master" ? [1] : []
    content {
      sid       = "End"
      actions   = ["autoscaling:UpdateAutoScalingGroup"]
      resources = [for role in local.roles : "${local.group_arns}/${local.groups[role]}"]
    }
  }

  dynamic "statement" {
    for_each = local.by_iam ? [1] : []
    content {
      sid       = "Cluster"
      actions   = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster", "kafka-cluster:WriteDataIdempotently"]
      resources = [local.cluster_arn]
    }
  }

  dynamic "statement" {
    for_each = local.by_iam ? [1] : []
    content {
      sid = "Topics"
      actions = [
        "kafka-cluster:CreateTopic", "kafka-cluster:DeleteTopic", "kafka-cluster:DescribeTopic",
        "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData", "kafka-cluster:WriteData",
      ]
      resources = ["${local.kafka["topic"]}/${var.topic_prefix}*"]
    }
  }

  dynamic "statement" {
    for_each = local.by_iam ? [1] : []
    content {
      sid       = "Groups"
      actions   = ["kafka-cluster:AlterGroup", "kafka-cluster:DeleteGroup", "kafka-cluster:DescribeGroup"]
      resources = ["${local.kafka["group"]}/${var.topic_prefix}*"]
    }
  }

  dynamic "statement" {
    for_each = local.by_iam ? [1] : []
    content {
      sid       = "Transactions"
      actions   = ["kafka-cluster:AlterTransactionalId", "kafka-cluster:DescribeTransactionalId"]
      resources = ["${local.kafka["transactional-id"]}/${var.topic_prefix}*"]
    }
  }
}

resource "aws_iam_role" "machine" {
  for_each             = local.roles
  name_prefix          = "${var.name}-${each.key}-"
  description          = "Of a ${each.key} of ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
}

resource "aws_iam_role_policy" "machine" {
  for_each = local.roles
  name     = "fleet"
  role     = aws_iam_role.machine[each.key].id
  policy   = data.aws_iam_policy_document.machine[each.key].json
}

resource "aws_iam_instance_profile" "machine" {
  for_each    = local.roles
  name_prefix = "${var.name}-${each.key}-"
  role        = aws_iam_role.machine[each.key].name
  tags        = local.tags
}
