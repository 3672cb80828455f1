variable "name" {
  description = "Name of the gateway; names of what belongs to it begin with it."
  type        = string
}

variable "mode" {
  description = "How the user reaches the server: by their own token in a header, by an enriched machine token in a header, or by an enriched one in Authorization."
  type        = string
  default     = "header"

  validation {
    condition     = contains(["header", "enriched-header", "enriched"], var.mode)
    error_message = "mode must be header, enriched-header or enriched."
  }
}

variable "target_name" {
  type    = string
  default = "invoices"
}

variable "target_endpoint" {
  description = "https URL of the MCP server."
  type        = string
}

variable "user_token_header" {
  description = "Modes header and enriched-header. Header of the token, beside the gateway's own."
  type        = string
  default     = "X-User-Token"
}

variable "tool_schema_bucket" {
  description = "Mode enriched. Bucket of the tool schema, which the gateway cannot ask for without a credential."
  type        = string
  default     = ""
}

variable "tool_schema_key" {
  type    = string
  default = "tools.json"
}

variable "people_user_pool_id" {
  description = "User pool that users sign in to, in this region."
  type        = string
}

variable "people_client_ids" {
  description = "App clients that users sign in with."
  type        = list(string)

  # The gateway would accept tokens of any app client of the user pool.
  validation {
    condition     = length(var.people_client_ids) > 0
    error_message = "people_client_ids must name at least one app client."
  }
}

variable "domain_prefix" {
  description = "Prefix of the domain where the gateway asks for its tokens."
  type        = string
}

variable "interceptor_zip" {
  type    = string
  default = "request-interceptor.zip"
}

variable "trigger_zip" {
  type    = string
  default = "pre-token-trigger.zip"
}

variable "attach_trigger" {
  description = "false for a first step, should Cognito refuse a function that does not exist yet."
  type        = bool
  default     = true
}
