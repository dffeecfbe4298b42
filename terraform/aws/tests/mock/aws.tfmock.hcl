# What the provider would not take as a made-up word.

mock_data "aws_availability_zones" {
  defaults = {
    names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
  }
}

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "123456789012"
  }
}

mock_data "aws_ec2_instance_type" {
  defaults = {
    default_vcpus           = 4
    supported_architectures = ["x86_64"]
  }
}

mock_data "aws_iam_policy_document" {
  defaults = {
    json = "{\"Statement\": [], \"Version\": \"2012-10-17\"}"
  }
}

mock_data "aws_msk_broker_nodes" {
  defaults = {
    node_info_list = [
      { attached_eni_id = "eni-1", broker_id = 1, client_subnet = "subnet-1", client_vpc_ip_address = "10.0.0.1", endpoints = ["b-1.shop"], node_arn = "arn:1" },
    ]
  }
}

mock_data "aws_msk_cluster" {
  defaults = {
    arn                          = "arn:aws:kafka:eu-west-1:123456789012:cluster/shop/0f0f"
    bootstrap_brokers_sasl_iam   = "b-1.shop:9098"
    bootstrap_brokers_sasl_scram = "b-1.shop:9096"
    number_of_broker_nodes       = 6
    broker_node_group_info = [{
      az_distribution   = "DEFAULT"
      client_subnets    = ["subnet-1", "subnet-2"]
      connectivity_info = []
      instance_type     = "express.m7g.xlarge"
      security_groups   = ["sg-1"]
      storage_info      = []
    }]
  }
}

mock_data "aws_partition" {
  defaults = {
    partition = "aws"
  }
}

mock_data "aws_region" {
  defaults = {
    name = "eu-west-1"
  }
}

mock_data "aws_ssm_parameter" {
  defaults = {
    value = "ami-0123456789abcdef0"
  }
}

mock_data "aws_subnet" {
  defaults = {
    availability_zone = "eu-west-1b"
    vpc_id            = "vpc-1"
  }
}

mock_data "aws_vpc" {
  defaults = {
    cidr_block = "10.9.0.0/16"
  }
}

mock_resource "aws_eip" {
  defaults = {
    arn = "arn:aws:ec2:eu-west-1:123456789012:elastic-ip/eipalloc-1"
  }
}

mock_resource "aws_iam_instance_profile" {
  defaults = {
    arn = "arn:aws:iam::123456789012:instance-profile/machine"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::123456789012:role/machine"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn = "arn:aws:kms:eu-west-1:123456789012:key/0f0f"
  }
}

mock_resource "aws_launch_template" {
  defaults = {
    id = "lt-0123456789abcdef0"
  }
}

mock_resource "aws_msk_cluster" {
  defaults = {
    arn                          = "arn:aws:kafka:eu-west-1:123456789012:cluster/loadkit/0f0f"
    bootstrap_brokers_sasl_iam   = "b-1.loadkit:9098"
    bootstrap_brokers_sasl_scram = "b-1.loadkit:9096"
  }
}

mock_resource "aws_msk_configuration" {
  defaults = {
    arn             = "arn:aws:kafka:eu-west-1:123456789012:configuration/loadkit/0f0f"
    latest_revision = 1
  }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = {
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:AmazonMSK_loadkit"
  }
}

mock_resource "aws_ssm_parameter" {
  defaults = {
    arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/loadkit/token"
  }
}

mock_resource "aws_vpc" {
  defaults = {
    cidr_block = "10.42.0.0/16"
  }
}
