output "target_toml" {
  description = "A target file for this cluster, as the fleet has it: write it to a file for `loadkit --target`"
  value       = local.target
}

output "commands" {
  description = "What to type while the run goes on and afterwards"
  value = {
    done    = "aws s3 cp ${local.results}/done.json -"
    results = "aws s3 sync ${local.results} results/${var.run}"
    session = "aws ssm start-session --target $(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names ${local.groups["master"]} --query 'AutoScalingGroups[0].Instances[0].InstanceId' --output text)"
    stop    = "aws autoscaling update-auto-scaling-group --auto-scaling-group-name ${local.groups["worker"]} --min-size 0 --desired-capacity 0"
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
