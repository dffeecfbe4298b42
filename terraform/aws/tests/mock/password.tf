# In place of password/main.tf where the provider is a mock: those know no ephemeral resources (Terraform 1.11).

variable "drawn" {
  type        = string
  default     = "drawn"
  description = "Any"
  ephemeral   = true
}

output "value" {
  description = "What was drawn"
  ephemeral   = true
  value       = var.drawn
}
