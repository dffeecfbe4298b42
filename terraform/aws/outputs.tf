output "target_toml" {
  description = "A target file for this cluster, as the fleet has it: write it to a file for `loadkit --target`"
  value       = local.target
}

locals {
  find      = "aws autoscaling describe-auto-scaling-groups --output text --auto-scaling-group-names"
  master_id = "${local.find} ${local.groups["master"]} --query 'AutoScalingGroups[0].Instances[0].InstanceId'"
  to_zero   = "aws autoscaling update-auto-scaling-group --min-size 0 --desired-capacity 0 --auto-scaling-group-name"
}

output "commands" {
  description = "What to type while the run goes on and afterwards"
  value = {
    done    = "aws s3 cp ${local.results}/done.json -"
    results = "aws s3 sync ${local.results} results/${var.run}"
    session = "aws ssm start-session --target $(${local.master_id})"
    stop    = "${local.to_zero} ${local.groups["worker"]}; ${local.to_zero} ${local.groups["master"]}"
    watch   = "aws s3 cp ${local.results}/loadkit.log -"
  }
}

output "results" {
  description = "Where the results of this run lie"
  value       = local.results
}

output "deadline" {
  description = "When everything that bills by the hour is switched off"
  value       = local.deadline
}

output "fleet" {
  description = "Worker machines, load processes that the master waits for, its address, and the groups"
  value = {
    groups    = local.groups
    machines  = local.workers
    master    = local.environment.LOADKIT_MASTER
    processes = local.environment.LOADKIT_WORKERS
  }
}

output "cluster_arn" {
  description = "The MSK cluster; null for one of a target file"
  value       = local.cluster_arn == "none" ? null : local.cluster_arn
}

output "user_data" {
  description = "What master and workers run when they start; no secret is in it"
  value       = local.user_data
}
