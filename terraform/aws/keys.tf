# The key of everything that is stored, and the secrets, which stand neither in plan nor state: AWS draws them, they
# pass through Terraform as ephemeral values, and are written by arguments that nothing reads back.

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:a key's policy speaks of that key alone, and the account must stay able to manage it
  #checkov:skip=CKV_AWS_111:in a key's policy the resource * is that key
  #checkov:skip=CKV_AWS_356:in a key's policy the resource * is that key
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["${local.aws_prefix}:iam::${local.account}:root"]
    }
  }

  statement {
    sid = "BrokerLogs"
    actions = [
      "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
    ]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.${local.region}.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["${local.aws_prefix}:logs:${local.region}:${local.account}:log-group:${local.log_group}"]
    }
  }
}

resource "aws_kms_key" "own" {
  count                   = var.kms_key_arn == null ? 1 : 0
  description             = "Stored data of ${var.name}"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = local.tags
}

locals {
  key       = var.kms_key_arn == null ? aws_kms_key.own[0].arn : var.kms_key_arn
  scram     = local.make_cluster && contains(var.authentication, "scram")
  user      = "loadkit"
  log_group = "/aws/vendedlogs/kafka/${var.name}" # a prefix that spares the account a policy for each log group
}

# --- what master and workers share -----------------------------------------------------------------------------------

module "token" {
  source = "./password"
}

resource "aws_ssm_parameter" "token" {
  name             = "/${var.name}/token"
  description      = "What master and workers of the fleet ${var.name} know each other by"
  type             = "SecureString"
  key_id           = local.key
  value_wo         = module.token.value
  value_wo_version = 1
  tags             = local.tags
}

# --- the cluster's user --------------------------------------------------------------------------------------------

module "scram" {
  source = "./password"
  count  = local.scram ? 1 : 0
}

# MSK takes secrets of this name, these two entries and a key of one's own only.
resource "aws_secretsmanager_secret" "scram" {
  #checkov:skip=CKV2_AWS_57:it goes with the cluster after hours, before any rotation would come
  count                   = local.scram ? 1 : 0
  name_prefix             = "AmazonMSK_${var.name}_"
  description             = "User of the cluster ${var.name}"
  kms_key_id              = local.key
  recovery_window_in_days = 0
  tags                    = local.tags
}

resource "aws_secretsmanager_secret_version" "scram" {
  count                    = local.scram ? 1 : 0
  secret_id                = aws_secretsmanager_secret.scram[0].id
  secret_string_wo_version = 1
  secret_string_wo = jsonencode({
    username = local.user
    password = module.scram[0].value
  })
}

data "aws_iam_policy_document" "scram" {
  count = local.scram ? 1 : 0

  statement {
    sid       = "AWSKafkaResourcePolicy"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.scram[0].arn]
    principals {
      type        = "Service"
      identifiers = ["kafka.amazonaws.com"]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "scram" {
  count      = local.scram ? 1 : 0
  secret_arn = aws_secretsmanager_secret.scram[0].arn
  policy     = data.aws_iam_policy_document.scram[0].json
}

resource "aws_msk_single_scram_secret_association" "fleet" {
  count       = local.scram ? 1 : 0
  cluster_arn = aws_msk_cluster.own[0].arn
  secret_arn  = aws_secretsmanager_secret.scram[0].arn
  depends_on  = [aws_secretsmanager_secret_policy.scram, aws_secretsmanager_secret_version.scram]
}
