# A network of its own with nothing but private subnets, or the given subnets.

data "aws_availability_zones" "here" {
  #checkov:skip=CKV_AWS_394:the first of them by name are taken, and new ones come behind
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

data "aws_subnet" "given" {
  for_each = toset(local.given_subnets)
  id       = each.value
}

data "aws_vpc" "given" {
  count = local.own_network ? 0 : 1
  id    = local.first.vpc_id
}

locals {
  own_network     = length(var.subnet_ids) == 0 && var.existing_cluster_arn == null
  cluster_subnets = flatten(data.aws_msk_cluster.existing[*].broker_node_group_info[0].client_subnets)
  given_subnets   = sort(length(var.subnet_ids) > 0 ? var.subnet_ids : local.cluster_subnets)
  all_zones       = sort(data.aws_availability_zones.here.names)
  zones           = slice(local.all_zones, 0, min(var.zone_count, length(local.all_zones)))

  subnets = local.own_network ? aws_subnet.private[*].id : local.given_subnets
  first   = concat(aws_subnet.private, [for id in local.given_subnets : data.aws_subnet.given[id]])[0]
  vpc     = concat(aws_vpc.own, data.aws_vpc.given)[0]
  inside  = concat([local.vpc.cidr_block], var.cluster_cidr_blocks)

  # What machines call besides S3, with a private address each: about 0.01 USD an hour, so in one zone only. Given
  # subnets and those behind a NAT gateway have their ways already.
  services  = ["autoscaling", "secretsmanager", "ssm", "ssmmessages"]
  endpoints = toset(local.own_network && !var.nat_gateway ? local.services : [])
}

resource "aws_vpc" "own" {
  #checkov:skip=CKV2_AWS_11:nothing outside can reach this network, and it lives for the length of a run
  count                = local.own_network ? 1 : 0
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = var.name })
}

# Nobody uses the default group; it lets nothing through.
resource "aws_default_security_group" "none" {
  count  = local.own_network ? 1 : 0
  vpc_id = aws_vpc.own[0].id
  tags   = local.tags
}

resource "aws_subnet" "private" {
  count                   = local.own_network ? var.zone_count : 0
  vpc_id                  = aws_vpc.own[0].id
  availability_zone       = local.zones[count.index]
  cidr_block              = cidrsubnet(var.vpc_cidr, 4, count.index)
  map_public_ip_on_launch = false
  tags                    = merge(local.tags, { Name = "${var.name}-private-${count.index}" })
}

resource "aws_route_table" "private" {
  count  = local.own_network ? 1 : 0
  vpc_id = aws_vpc.own[0].id
  tags   = merge(local.tags, { Name = "${var.name}-private" })
}

resource "aws_route_table_association" "private" {
  count          = local.own_network ? var.zone_count : 0
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[0].id
}

# --- ways out ------------------------------------------------------------------------------------------------------

# The package repositories of Amazon Linux lie in S3 too.
data "aws_iam_policy_document" "s3_endpoint" {
  #checkov:skip=CKV_AWS_283:it says what can be reached by this way; who may is the bucket's and the roles' to say
  statement {
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    resources = [
      aws_s3_bucket.results.arn,
      "${aws_s3_bucket.results.arn}/*",
      "${local.aws_prefix}:s3:::al2023-repos-${local.region}-de612dc2/*",
    ]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}

resource "aws_vpc_endpoint" "s3" {
  count           = local.own_network ? 1 : 0
  vpc_id          = aws_vpc.own[0].id
  service_name    = "com.amazonaws.${local.region}.s3"
  route_table_ids = [aws_route_table.private[0].id]
  policy          = data.aws_iam_policy_document.s3_endpoint.json
  tags            = merge(local.tags, { Name = "${var.name}-s3" })
}

resource "aws_vpc_endpoint" "service" {
  for_each            = local.endpoints
  vpc_id              = aws_vpc.own[0].id
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [aws_subnet.private[0].id]
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true
  tags                = merge(local.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_internet_gateway" "nat" {
  count  = local.own_network && var.nat_gateway ? 1 : 0
  vpc_id = aws_vpc.own[0].id
  tags   = merge(local.tags, { Name = var.name })
}

resource "aws_subnet" "nat" {
  count             = local.own_network && var.nat_gateway ? 1 : 0
  vpc_id            = aws_vpc.own[0].id
  availability_zone = local.zones[0]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, 15)
  tags              = merge(local.tags, { Name = "${var.name}-nat" })
}

resource "aws_eip" "nat" {
  count  = local.own_network && var.nat_gateway ? 1 : 0
  domain = "vpc"
  tags   = merge(local.tags, { Name = "${var.name}-nat" })
}

resource "aws_nat_gateway" "out" {
  count         = local.own_network && var.nat_gateway ? 1 : 0
  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.nat[0].id
  tags          = merge(local.tags, { Name = var.name })
  depends_on    = [aws_internet_gateway.nat]
}

resource "aws_route_table" "nat" {
  count  = local.own_network && var.nat_gateway ? 1 : 0
  vpc_id = aws_vpc.own[0].id
  tags   = merge(local.tags, { Name = "${var.name}-nat" })
}

resource "aws_route" "nat_out" {
  count                  = local.own_network && var.nat_gateway ? 1 : 0
  route_table_id         = aws_route_table.nat[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.nat[0].id
}

resource "aws_route_table_association" "nat" {
  count          = local.own_network && var.nat_gateway ? 1 : 0
  subnet_id      = aws_subnet.nat[0].id
  route_table_id = aws_route_table.nat[0].id
}

resource "aws_route" "private_out" {
  count                  = local.own_network && var.nat_gateway ? 1 : 0
  route_table_id         = aws_route_table.private[0].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.out[0].id
}

# --- who may speak to whom -------------------------------------------------------------------------------------------

resource "aws_security_group" "fleet" {
  name_prefix = "${var.name}-fleet-"
  description = "Master and workers: nobody comes in but they themselves"
  vpc_id      = local.first.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-fleet" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "workers_to_master" {
  security_group_id            = aws_security_group.fleet.id
  description                  = "Workers to the master"
  referenced_security_group_id = aws_security_group.fleet.id
  ip_protocol                  = "tcp"
  from_port                    = local.master_port
  to_port                      = local.master_port
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  for_each          = toset(local.inside)
  security_group_id = aws_security_group.fleet.id
  description       = "Master, brokers and endpoints"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 65535
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  count             = local.own_network ? 1 : 0
  security_group_id = aws_security_group.fleet.id
  description       = "S3"
  prefix_list_id    = aws_vpc_endpoint.s3[0].prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "https" {
  count             = local.own_network && !var.nat_gateway ? 0 : 1
  security_group_id = aws_security_group.fleet.id
  description       = "HTTPS by the ways that the subnets have"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = local.tags
}

resource "aws_security_group" "endpoints" {
  count       = length(local.endpoints) > 0 ? 1 : 0
  name_prefix = "${var.name}-endpoints-"
  description = "Endpoints of AWS services: the fleet comes in"
  vpc_id      = local.first.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-endpoints" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "fleet_to_endpoints" {
  count                        = length(aws_security_group.endpoints)
  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "The fleet to AWS services"
  referenced_security_group_id = aws_security_group.fleet.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = local.tags
}
