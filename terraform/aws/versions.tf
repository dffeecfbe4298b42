terraform {
  required_version = ">= 1.11" # ephemeral values and write-only arguments keep secrets out of plan and state

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7" # only 5.100.0 was tested
    }
  }
}
