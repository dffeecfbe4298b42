# A password that AWS draws and that stands nowhere but where it is written to: neither in plan nor in state.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

ephemeral "aws_secretsmanager_random_password" "drawn" {
  password_length     = 48
  exclude_punctuation = true
}

output "value" {
  description = "The password, different at each call"
  ephemeral   = true
  value       = ephemeral.aws_secretsmanager_random_password.drawn.random_password
}
