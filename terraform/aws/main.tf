# A load-generator fleet next to a Kafka cluster: what all files share.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Also what refuses an instance type that the region does not have.
data "aws_ec2_instance_type" "fleet" {
  for_each      = { master = var.master_instance_type, worker = var.worker_instance_type }
  instance_type = each.value
}

locals {
  sizes        = "(large|(2|4|8|12|16)?xlarge)" # sizes of brokers
  type_pattern = "^[a-z]{1,4}[1-9][a-z]{0,4}(-flex)?\\.(medium|large|[1-9]?[0-9]?xlarge|metal(-[0-9]+xl)?)$"

  account    = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name
  aws_prefix = "arn:${local.partition}"
  tags       = merge(var.tags, { loadkit = var.name })

  plan      = var.fleet_plan == null ? null : jsondecode(file(var.fleet_plan)).plan
  workers   = coalesce(var.worker_count, try(local.plan.machines, null), 1)
  processes = coalesce(var.worker_processes, try(local.plan.on_each, null), local.worker_cores)

  worker_cores = data.aws_ec2_instance_type.fleet["worker"].default_vcpus
}

# When the run began, which later plans leave as it is; another `run` begins anew.
resource "terraform_data" "start" {
  input            = plantimestamp()
  triggers_replace = [var.run]

  lifecycle {
    ignore_changes = [input]

    precondition {
      condition     = local.plan == null ? true : local.plan.cores == local.worker_cores
      error_message = "The plan's machines have another number of cores than worker_instance_type: plan with --cores."
    }
  }
}
