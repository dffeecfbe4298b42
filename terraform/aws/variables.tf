# --- the run -------------------------------------------------------------------------------------------------------

variable "name" {
  type        = string
  default     = "loadkit"
  description = "What everything is called, and the tag `loadkit` that the budget counts by"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "Write a name of 2 to 24 small letters, digits and dashes that begins with a letter."
  }
}

variable "run" {
  type        = string
  default     = "first"
  description = "Name of the run: its results lie under it. Another is a run with machines and a deadline of its own"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,31}$", var.run))
    error_message = "Write a name of up to 32 small letters, digits and dashes."
  }
}

variable "inputs" {
  type        = string
  description = "Folder on this machine that every machine of the fleet gets: scenario files, payload files"
  validation {
    condition     = length(fileset(var.inputs, "**")) > 0
    error_message = "There is no file in this folder: name the one with your scenario."
  }
}

variable "scenario" {
  type        = string
  description = "The scenario file, by its path in `inputs`"
  validation {
    condition     = contains(fileset(var.inputs, "**"), var.scenario)
    error_message = "`inputs` has no such file: write its path below that folder, like orders.py."
  }
}

variable "command" {
  type        = string
  default     = "run"
  description = "What the master does with the scenario: run, sweep, max or gate"
  validation {
    condition     = contains(["run", "sweep", "max", "gate"], var.command)
    error_message = "Write run, sweep, max or gate."
  }
}

variable "arguments" {
  type        = list(string)
  default     = ["--duration", "10m"]
  description = "More words of that command. Target, fleet and --out are added"
  validation {
    condition = length(setintersection([for word in var.arguments : split("=", word)[0]], [
      "--target", "--baseline", "--candidate", "--out", "--expect-workers", "--master-bind", "--token-file", "--workers"
    ])) == 0
    error_message = "Leave out target, --out and what concerns the fleet: they are added."
  }
  validation {
    condition     = alltrue([for word in var.arguments : !strcontains(word, "\n")])
    error_message = "Words have no line breaks."
  }
}

variable "wheels" {
  type        = string
  description = "Folder with the wheel of loadkit and, without `nat_gateway`, those of all that it depends on"
  validation {
    condition     = length(fileset(var.wheels, "loadkit-*.whl")) == 1
    error_message = "There must be exactly one loadkit-*.whl in this folder: README.md says how to fill it."
  }
}

variable "extras" {
  type        = list(string)
  default     = ["aws"]
  description = "Extras of loadkit to install: `aws` for IAM, `search` for a sweep with a budget"
}

variable "deadline_hours" {
  type        = number
  default     = 6
  description = "Hours from the run's first apply until what bills by the hour is switched off, whatever runs"
  validation {
    condition     = var.deadline_hours >= 1 && var.deadline_hours <= 72
    error_message = "Write 1 to 72 hours; MSK alone takes up to one to come up."
  }
}

variable "budget_usd" {
  type        = number
  default     = 100
  description = "US dollars a month: mails go out at 80 % of it, and when it is forecast to be passed"
  validation {
    condition     = var.budget_usd > 0
    error_message = "Write an amount above 0."
  }
}

variable "alarm_emails" {
  type        = list(string)
  description = "Who is told of the budget"
  validation {
    condition = (
      length(var.alarm_emails) > 0 && alltrue([for one in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", one))])
    )
    error_message = "Write at least one mail address: an alarm that nobody gets is none."
  }
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of everything, besides `loadkit`"
}

# --- what stays, and who may ---------------------------------------------------------------------------------------

variable "keep_results" {
  type        = bool
  default     = false
  description = "Leave the bucket when the rest is destroyed"
}

variable "results_days" {
  type        = number
  default     = 90
  description = "Days until results are deleted"
  validation {
    condition     = var.results_days >= 1 && floor(var.results_days) == var.results_days
    error_message = "Write a whole number of days, from 1."
  }
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Your own key for what is stored; its policy must let CloudWatch Logs use it. Default: one is made"
  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "Write the ARN of a key: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  default     = null
  description = "Permissions boundary of the roles"
}

# --- the fleet -----------------------------------------------------------------------------------------------------

variable "fleet_plan" {
  type        = string
  default     = null
  description = "File of `loadkit fleet plan --json`, which then says how many machines and processes"
  validation {
    condition     = var.fleet_plan == null || can(jsondecode(file(var.fleet_plan)).plan.machines)
    error_message = "This is no document of `loadkit fleet plan --json`."
  }
}

variable "worker_count" {
  type        = number
  default     = null
  description = "Worker machines; default: as `fleet_plan` says, else 1"
  validation {
    condition = (
      var.worker_count == null ? true : var.worker_count >= 1 && var.worker_count <= 200 &&
      floor(var.worker_count) == var.worker_count
    )
    error_message = "Write a whole number from 1 to 200."
  }
  validation {
    condition     = var.worker_count == null || var.fleet_plan == null
    error_message = "`fleet_plan` says how many: leave out worker_count, or the plan."
  }
}

variable "worker_processes" {
  type        = number
  default     = null
  description = "Load processes of each worker machine; default: as `fleet_plan` says, else one a core"
  validation {
    condition = (
      var.worker_processes == null ? true : var.worker_processes >= 1 &&
      floor(var.worker_processes) == var.worker_processes
    )
    error_message = "Write a whole number from 1."
  }
}

variable "worker_instance_type" {
  type        = string
  default     = "c7i.xlarge"
  description = "Instance type of worker machines: one like that on which `loadkit calibrate` was run"
  validation {
    condition     = can(regex(local.type_pattern, var.worker_instance_type))
    error_message = "This is no name of an EC2 instance type from medium on: write it like c7i.xlarge."
  }
}

variable "worker_spot" {
  type        = bool
  default     = false
  description = "Spot instances for workers: cheaper, and a run that loses one says so and is worth less"
}

variable "master_instance_type" {
  type        = string
  default     = "c7i.large"
  description = "Instance type of the master, which makes no load"
  validation {
    condition     = can(regex(local.type_pattern, var.master_instance_type))
    error_message = "This is no name of an EC2 instance type from medium on: write it like c7i.large."
  }
}

variable "placement_group" {
  type        = bool
  default     = false
  description = "Workers close together, in one zone: the brokers of the other zones are farther then"
}

variable "ami_id" {
  type        = string
  default     = null
  description = "Image of the machines, with dnf, chrony and the aws command; default: the newest Amazon Linux 2023"
  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "Write it like ami-0123456789abcdef0."
  }
}

variable "disk_gib" {
  type        = number
  default     = 30
  description = "Disk of each machine, GiB"
  validation {
    condition     = var.disk_gib >= 10 && var.disk_gib <= 1000
    error_message = "Write 10 to 1000 GiB."
  }
}

# --- the network ---------------------------------------------------------------------------------------------------

variable "vpc_cidr" {
  type        = string
  default     = "10.42.0.0/16"
  description = "Addresses of the network that is made"
  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 15)) && can(regex("/(1[6-9]|2[0-2])$", var.vpc_cidr))
    error_message = "Write a network of /16 to /22, like 10.42.0.0/16."
  }
}

variable "subnet_ids" {
  type        = list(string)
  default     = []
  description = "Your own private subnets, with ways out as README.md says; default: the cluster's, or new ones"
  validation {
    condition     = alltrue([for one in var.subnet_ids : startswith(one, "subnet-")])
    error_message = "Write ids of subnets, like subnet-0123456789abcdef0."
  }
  validation {
    condition     = var.target_file == null || length(var.subnet_ids) > 0
    error_message = "With target_file say from which subnets that cluster can be reached."
  }
}

variable "cluster_cidr_blocks" {
  type        = list(string)
  default     = []
  description = "Networks of brokers outside of the network of `subnet_ids`"
  validation {
    condition     = alltrue([for one in var.cluster_cidr_blocks : can(cidrhost(one, 0)) && !endswith(one, "/0")])
    error_message = "Write networks like 10.1.0.0/16; /0 is everywhere."
  }
}

variable "nat_gateway" {
  type        = bool
  default     = false
  description = "A way out of the network that is made: machines install what `wheels` lacks from the package index"
}

# --- the cluster: one that is made, one that exists, or any by a target file ---------------------------------------

variable "existing_cluster_arn" {
  type        = string
  default     = null
  description = "An MSK cluster that is there already"
  validation {
    condition = (
      var.existing_cluster_arn == null ||
      can(regex("^arn:[a-z-]+:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/]+/[^/]+$", var.existing_cluster_arn))
    )
    error_message = "Write the ARN of an MSK cluster: arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID."
  }
}

variable "existing_cluster_security_group_id" {
  type        = string
  default     = null
  description = "Its security group, to which a rule is added that lets the fleet in; default: you see to that"
}

variable "target_file" {
  type        = string
  default     = null
  description = "A target file of yours, for any cluster that speaks the Kafka protocol"
  validation {
    condition     = var.target_file == null || can(file(var.target_file))
    error_message = "There is no such file."
  }
  validation {
    condition     = var.target_file == null || var.existing_cluster_arn == null
    error_message = "Write target_file or existing_cluster_arn, not both."
  }
}

variable "authentication" {
  type        = list(string)
  default     = ["iam"]
  description = "How clients log in to MSK: iam, scram, tls. The fleet uses the first"
  validation {
    condition = (
      length(setsubtract(var.authentication, ["iam", "scram", "tls"])) == 0 &&
      contains(["iam", "scram"], try(var.authentication[0], ""))
    )
    error_message = "Write iam or scram first, and whichever of iam, scram, tls the cluster is to take besides."
  }
  validation {
    condition     = !contains(var.authentication, "tls") || length(var.certificate_authority_arns) > 0
    error_message = "For tls name the authorities that sign clients' certificates: certificate_authority_arns."
  }
}

variable "certificate_authority_arns" {
  type        = list(string)
  default     = []
  description = "Private certificate authorities (ACM PCA) whose clients the cluster takes by tls"
}

variable "secrets_arn" {
  type        = string
  default     = null
  description = "Secret, a JSON object of environment variables for the target file; by scram that of the cluster"
  validation {
    condition = (
      var.secrets_arn == null ||
      can(regex("^arn:[a-z-]+:(secretsmanager|ssm):[a-z0-9-]+:[0-9]{12}:(secret:|parameter/)", var.secrets_arn))
    )
    error_message = "Write the ARN of a secret in Secrets Manager or of an SSM parameter."
  }
  validation {
    condition = (
      var.secrets_arn != null || var.existing_cluster_arn == null || try(var.authentication[0], "") != "scram"
    )
    error_message = "For an existing cluster by scram name its secret: secrets_arn."
  }
}

variable "secrets_kms_key_arn" {
  type        = string
  default     = null
  description = "Key of `secrets_arn`, if it has one of its own"
}

variable "topic_prefix" {
  type        = string
  default     = "loadkit."
  description = "Topics, groups and transactional ids begin with it; the fleet has rights on nothing else"
  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{2,100}$", var.topic_prefix))
    error_message = "Write at least two letters, digits, dots, dashes or underscores."
  }
}

variable "limits" {
  type = object({
    max_rate       = optional(string, "50MB/s")
    max_bytes      = optional(string, "100GB")
    max_partitions = optional(number, 200)
  })
  default     = {}
  description = "How much the cluster may be given; a run that would go beyond does not start"
}

variable "open_monitoring" {
  type        = bool
  default     = true
  description = "JMX and node exporters of the brokers: switched on where the cluster is made, read by loadkit"
}

variable "broker_kind" {
  type        = string
  default     = "standard"
  description = "Kind of brokers of the cluster that is made: standard or express"
  validation {
    condition     = contains(["standard", "express"], var.broker_kind)
    error_message = "Write standard or express."
  }
}

variable "broker_volume_throughput" {
  type        = number
  default     = null
  description = "Provisioned throughput of a standard broker's volume, MiB/s"
  validation {
    condition = (
      var.broker_volume_throughput == null ? true : var.broker_volume_throughput >= 250 &&
      var.broker_volume_throughput <= 2375
    )
    error_message = "Write 250 to 2375 MiB/s, or leave it out."
  }
}

# --- the variables of a sizing report: configs/terraform/kafka.auto.tfvars fits as it is -----------------------------

variable "kafka_version" {
  type        = string
  default     = "3.9"
  description = "Version of Kafka: 3.9 and 3.9.1 are MSK's 3.9.x.kraft"
  validation {
    condition     = can(regex("^(3\\.[789]|4\\.[0-9]+)(\\.x\\.kraft|\\.[0-9]+)?$", var.kafka_version))
    error_message = "MSK runs KRaft from 3.7 on: write it like 3.9.1 or 3.9.x.kraft."
  }
}

variable "broker_count" {
  type        = number
  default     = 3
  description = "Brokers of the cluster that is made, the same number in each zone"
  validation {
    condition     = var.broker_count >= 3 && floor(var.broker_count) == var.broker_count
    error_message = "Three copies need three brokers at least."
  }
  validation {
    condition     = var.broker_count % var.zone_count == 0
    error_message = "MSK puts the same number of brokers into each zone: write a multiple of zone_count."
  }
}

# tflint-ignore: terraform_unused_declarations # only its validation is wanted
variable "count_unit" {
  type        = string
  default     = "broker"
  description = "What broker_count counts"
  validation {
    condition     = var.count_unit == "broker"
    error_message = "This plan counts units of another platform: plan for msk-standard or msk-express."
  }
}

variable "zone_count" {
  type        = number
  default     = 3
  description = "Availability zones of brokers and fleet"
  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "MSK stands in 2 or 3 zones."
  }
  validation {
    condition     = var.broker_kind != "express" || var.zone_count == 3
    error_message = "Express brokers stand in 3 zones."
  }
}

variable "broker_shape" {
  type        = string
  default     = "m7g.large"
  description = "Instance type of a broker, with or without kafka. or express. before it"
  validation {
    condition = can(regex(
      "^(kafka\\.|express\\.)?(t3\\.small|m7g\\.${local.sizes}|m5\\.(${local.sizes}|24xlarge))$", var.broker_shape
    ))
    error_message = "MSK has no such broker: write t3.small, m5.SIZE or m7g.SIZE, like m7g.large."
  }
  validation {
    condition = (
      var.broker_kind == "express" ? can(regex("^(express\\.)?m7g\\.", var.broker_shape)) :
      !startswith(var.broker_shape, "express.")
    )
    error_message = "This type is not of broker_kind: express brokers are express.m7g.SIZE."
  }
}

variable "broker_volume_gib" {
  type        = number
  default     = 100
  description = "Data volume of a standard broker, GiB; express brokers store elastically"
  validation {
    condition     = var.broker_volume_gib >= 1 && var.broker_volume_gib <= 16384
    error_message = "Write 1 to 16384 GiB."
  }
}

# tflint-ignore: terraform_unused_declarations # a sizing report has it; AWS runs the brokers' JVM
variable "broker_heap_mib" {
  type        = number
  default     = null
  description = "Java heap of a broker in a sizing report; taken and not used, since AWS runs the JVM"
}

variable "broker_properties" {
  type        = map(string)
  default     = {}
  description = "Properties of the brokers over the safe ones; of these MSK is given what it takes"
  validation {
    condition = alltrue([
      for name, least in {
        "default.replication.factor"               = 3
        "min.insync.replicas"                      = 2
        "offsets.topic.replication.factor"         = 3
        "transaction.state.log.min.isr"            = 2
        "transaction.state.log.replication.factor" = 3
      } : try(tonumber(lookup(var.broker_properties, name, least)) >= least, false)
    ])
    error_message = "Unsafe: three copies and two in sync are the least, also of offsets.topic, transaction.state.log."
  }
  validation {
    condition = alltrue([
      for name in ["auto.create.topics.enable", "unclean.leader.election.enable"] :
      lookup(var.broker_properties, name, "false") == "false"
    ])
    error_message = "Unsafe: leave auto.create.topics.enable and unclean.leader.election.enable at false."
  }
}

# tflint-ignore: terraform_unused_declarations # only its validation is wanted
variable "topics" {
  type        = map(object({ partitions = number, replication_factor = number, config = map(string) }))
  default     = {}
  description = "Topics of a sizing report; the provider makes none, so they are only checked against the cluster"
  validation {
    condition = (
      alltrue([for topic in values(var.topics) : topic.replication_factor >= 3 &&
      topic.replication_factor <= var.broker_count])
    )
    error_message = "Each topic needs three copies, and no more than there are brokers."
  }
  validation {
    condition = alltrue([
      for topic in values(var.topics) : try(tonumber(lookup(topic.config, "min.insync.replicas", "2")) >= 2, false)
    ])
    error_message = "Each topic needs min.insync.replicas of 2 at least."
  }
}
