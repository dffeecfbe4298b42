# One bucket: what machines need under software/ and inputs/, what runs leave under results/<run>/.

locals {
  target      = var.target_file == null ? local.msk_target : file(var.target_file)
  fleet       = "${path.module}/../fleet"
  wheel       = one(fileset(var.wheels, "loadkit-*.whl"))
  input_files = setsubtract(fileset(var.inputs, "**"), ["target.toml"])
  results     = "s3://${aws_s3_bucket.results.id}/results/${var.run}"
  software = merge(
    { for name in fileset(local.fleet, "*.sh") : name => "${local.fleet}/${name}" },
    { for name in fileset(var.wheels, "*.whl") : "wheels/${name}" => "${var.wheels}/${name}" },
  )
}

resource "aws_s3_bucket" "results" {
  #checkov:skip=CKV_AWS_18:who reads results is in CloudTrail; a second bucket of logs would stay behind
  #checkov:skip=CKV_AWS_144:results are copied home, not to another region
  #checkov:skip=CKV2_AWS_62:nothing waits for events of this bucket
  bucket_prefix = "${var.name}-"
  force_destroy = !var.keep_results
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "results" {
  bucket                  = aws_s3_bucket.results.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "results" {
  bucket = aws_s3_bucket.results.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "results" {
  bucket = aws_s3_bucket.results.id

  versioning_configuration {
    status = "Enabled"
  }
}

# A bucket that is kept must be readable without the key that goes with the rest: then the account's own for S3.
resource "aws_s3_bucket_server_side_encryption_configuration" "results" {
  bucket = aws_s3_bucket.results.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.keep_results ? var.kms_key_arn : local.key
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket     = aws_s3_bucket.results.id
  depends_on = [aws_s3_bucket_versioning.results]

  rule {
    id     = "old"
    status = "Enabled"

    filter {}

    expiration {
      days = var.results_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.results.arn, "${aws_s3_bucket.results.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "results" {
  bucket     = aws_s3_bucket.results.id
  policy     = data.aws_iam_policy_document.tls_only.json
  depends_on = [aws_s3_bucket_public_access_block.results]
}

# --- what machines need ----------------------------------------------------------------------------------------------

resource "aws_s3_object" "software" {
  for_each    = local.software
  bucket      = aws_s3_bucket.results.id
  key         = "software/${each.key}"
  source      = each.value
  source_hash = filemd5(each.value)
  tags        = local.tags
  depends_on  = [aws_s3_bucket_server_side_encryption_configuration.results]
}

resource "aws_s3_object" "input" {
  for_each    = local.input_files
  bucket      = aws_s3_bucket.results.id
  key         = "inputs/${each.key}"
  source      = "${var.inputs}/${each.key}"
  source_hash = filemd5("${var.inputs}/${each.key}")
  tags        = local.tags
  depends_on  = [aws_s3_bucket_server_side_encryption_configuration.results]
}

resource "aws_s3_object" "target" {
  bucket     = aws_s3_bucket.results.id
  key        = "inputs/target.toml"
  content    = local.target
  tags       = local.tags
  depends_on = [aws_s3_bucket_server_side_encryption_configuration.results]
}
