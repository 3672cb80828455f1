# A gateway of Amazon Bedrock AgentCore that propagates the user's identity to an MCP server, in a header beside
# its own token or inside a machine token of Amazon Cognito.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws   = { source = "hashicorp/aws", version = ">= 6.25" }
    awscc = { source = "hashicorp/awscc", version = ">= 1.60" }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  enriched = var.mode != "header"
  # The gateway has its own machine token for the target.
  credential = var.mode != "enriched"
  account    = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.region
  arn        = "arn:${data.aws_partition.current.partition}"
  scope      = "mcp/invoke"
  cognito    = "https://cognito-idp.${local.region}.amazonaws.com"
  identity   = "${local.arn}:bedrock-agentcore:${local.region}:${local.account}"
  workloads = [
    "${local.identity}:workload-identity-directory/default",
    awscc_bedrockagentcore_gateway.this.workload_identity_details.workload_identity_arn,
  ]
  # By name: the function has to know the client, and the client is part of the user pool.
  trigger_arn = "${local.arn}:lambda:${local.region}:${local.account}:function:${var.name}-pre-token"
}

# Machines have their own user pool: its trigger never runs when a user signs in.
resource "aws_cognito_user_pool" "machines" {
  name = "${var.name}-machines"
  # Triggers of version V3_0 need this plan or PLUS.
  user_pool_tier = "ESSENTIALS"

  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  dynamic "lambda_config" {
    for_each = local.enriched && var.attach_trigger ? [1] : []
    content {
      pre_token_generation_config {
        lambda_version = "V3_0"
        lambda_arn     = local.trigger_arn
      }
    }
  }
}

resource "aws_cognito_user_pool_domain" "machines" {
  domain       = var.domain_prefix
  user_pool_id = aws_cognito_user_pool.machines.id
}

resource "aws_cognito_resource_server" "mcp" {
  identifier   = "mcp"
  name         = "MCP servers"
  user_pool_id = aws_cognito_user_pool.machines.id

  scope {
    scope_name        = "invoke"
    scope_description = "Call tools"
  }
}

resource "aws_cognito_user_pool_client" "gateway" {
  name                                 = "gateway"
  user_pool_id                         = aws_cognito_user_pool.machines.id
  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["client_credentials"]
  allowed_oauth_scopes                 = [local.scope]
  # An enriched token outlives the user's own by at most this.
  access_token_validity = 15

  token_validity_units {
    access_token = "minutes"
  }

  depends_on = [aws_cognito_resource_server.mcp]
}

resource "aws_secretsmanager_secret" "client" {
  count       = local.enriched ? 1 : 0
  name        = "${var.name}-gateway-client"
  description = "Client secret of the gateway"
}

resource "aws_secretsmanager_secret_version" "client" {
  count         = local.enriched ? 1 : 0
  secret_id     = aws_secretsmanager_secret.client[0].id
  secret_string = aws_cognito_user_pool_client.gateway.client_secret
}

data "aws_iam_policy_document" "function" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_group" "trigger" {
  count             = local.enriched ? 1 : 0
  name              = "/aws/lambda/${var.name}-pre-token"
  retention_in_days = 30
}

resource "aws_iam_role" "trigger" {
  count              = local.enriched ? 1 : 0
  name               = "${var.name}-pre-token"
  assume_role_policy = data.aws_iam_policy_document.function.json
}

resource "aws_iam_role_policy" "trigger" {
  count = local.enriched ? 1 : 0
  name  = "logs"
  role  = aws_iam_role.trigger[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.trigger[0].arn}:*"
    }]
  })
}

resource "aws_lambda_function" "trigger" {
  count            = local.enriched ? 1 : 0
  function_name    = "${var.name}-pre-token"
  runtime          = "nodejs22.x"
  handler          = "pre-token-trigger.handler"
  role             = aws_iam_role.trigger[0].arn
  filename         = var.trigger_zip
  source_code_hash = filebase64sha256(var.trigger_zip)
  memory_size      = 512
  timeout          = 5

  environment {
    variables = {
      PEOPLE_USER_POOL_ID = var.people_user_pool_id
      PEOPLE_CLIENTS      = join(" ", var.people_client_ids)
      VOUCHING_CLIENTS    = aws_cognito_user_pool_client.gateway.id
    }
  }

  depends_on = [aws_iam_role_policy.trigger]
}

resource "aws_lambda_permission" "trigger" {
  count          = local.enriched ? 1 : 0
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.trigger[0].function_name
  principal      = "cognito-idp.amazonaws.com"
  source_account = local.account
  source_arn     = aws_cognito_user_pool.machines.arn
}

resource "aws_cloudwatch_log_group" "interceptor" {
  name              = "/aws/lambda/${var.name}-interceptor"
  retention_in_days = 30
}

resource "aws_iam_role" "interceptor" {
  name               = "${var.name}-interceptor"
  assume_role_policy = data.aws_iam_policy_document.function.json
}

resource "aws_iam_role_policy" "interceptor" {
  name = "own"
  role = aws_iam_role.interceptor.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.interceptor.arn}:*"
      }],
      [for secret in aws_secretsmanager_secret.client : {
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = secret.arn
      }],
    )
  })
}

resource "aws_lambda_function" "interceptor" {
  function_name    = "${var.name}-interceptor"
  runtime          = "nodejs22.x"
  handler          = "request-interceptor.handler"
  role             = aws_iam_role.interceptor.arn
  filename         = var.interceptor_zip
  source_code_hash = filebase64sha256(var.interceptor_zip)
  memory_size      = 512
  timeout          = 15

  environment {
    variables = {
      MODE                = var.mode
      TARGET              = var.target_name
      HEADER              = var.user_token_header
      PEOPLE_USER_POOL_ID = var.people_user_pool_id
      PEOPLE_CLIENTS      = join(" ", var.people_client_ids)
      TOKEN_ENDPOINT      = "https://${aws_cognito_user_pool_domain.machines.domain}.auth.${local.region}.amazoncognito.com/oauth2/token"
      CLIENT_ID           = aws_cognito_user_pool_client.gateway.id
      CLIENT_SECRET_ARN   = local.enriched ? aws_secretsmanager_secret.client[0].arn : ""
      SCOPES              = local.scope
    }
  }

  depends_on = [aws_iam_role_policy.interceptor]
}

data "aws_iam_policy_document" "gateway" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["bedrock-agentcore.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.identity}:gateway/*"]
    }
  }
}

resource "aws_iam_role" "gateway" {
  name               = "${var.name}-gateway"
  assume_role_policy = data.aws_iam_policy_document.gateway.json
}

resource "aws_iam_role_policy" "gateway" {
  name = "own"
  role = aws_iam_role.gateway.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [aws_lambda_function.interceptor.arn]
      }],
      [for bucket in local.credential ? [] : [var.tool_schema_bucket] : {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${local.arn}:s3:::${bucket}/${var.tool_schema_key}"]
      }],
    )
  })
}

# With it, the gateway gets its own machine token. In mode enriched it has none. Each resource is named in
# full: a pattern of names would also cover those of a module whose name begins with this one's.
resource "aws_iam_role_policy" "machine_token" {
  count = local.credential ? 1 : 0
  name  = "machine-token"
  role  = aws_iam_role.gateway.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["bedrock-agentcore:GetWorkloadAccessToken"]
        Resource = local.workloads
      },
      {
        Effect = "Allow"
        Action = ["bedrock-agentcore:GetResourceOauth2Token"]
        Resource = concat(
          [
            aws_bedrockagentcore_oauth2_credential_provider.machines[0].credential_provider_arn,
            "${local.identity}:token-vault/default",
          ],
          local.workloads,
        )
      },
      {
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [aws_bedrockagentcore_oauth2_credential_provider.machines[0].client_secret_arn[0].secret_arn]
      },
    ]
  })
}

resource "aws_bedrockagentcore_oauth2_credential_provider" "machines" {
  count                      = local.credential ? 1 : 0
  name                       = "${var.name}-machines"
  credential_provider_vendor = "CustomOauth2"

  oauth2_provider_config {
    custom_oauth2_provider_config {
      client_id     = aws_cognito_user_pool_client.gateway.id
      client_secret = aws_cognito_user_pool_client.gateway.client_secret

      oauth_discovery {
        discovery_url = "${local.cognito}/${aws_cognito_user_pool.machines.id}/.well-known/openid-configuration"
      }
    }
  }
}

resource "awscc_bedrockagentcore_gateway" "this" {
  name            = var.name
  role_arn        = aws_iam_role.gateway.arn
  protocol_type   = "MCP"
  authorizer_type = "CUSTOM_JWT"

  authorizer_configuration = {
    custom_jwt_authorizer = {
      discovery_url = "${local.cognito}/${var.people_user_pool_id}/.well-known/openid-configuration"
      # Cognito's access tokens have no audience.
      allowed_clients = var.people_client_ids
    }
  }

  interceptor_configurations = [{
    interception_points = ["REQUEST"]
    interceptor         = { lambda = { arn = aws_lambda_function.interceptor.arn } }
    # Otherwise the interceptor sees no token, and stops every request.
    input_configuration = { pass_request_headers = true }
  }]

  depends_on = [aws_iam_role_policy.gateway]
}

resource "awscc_bedrockagentcore_gateway_target" "header" {
  count              = local.credential ? 1 : 0
  name               = var.target_name
  gateway_identifier = awscc_bedrockagentcore_gateway.this.gateway_identifier

  target_configuration = {
    mcp = { mcp_server = { endpoint = var.target_endpoint } }
  }

  credential_provider_configurations = [{
    credential_provider_type = "OAUTH"
    credential_provider = {
      oauth_credential_provider = {
        provider_arn = aws_bedrockagentcore_oauth2_credential_provider.machines[0].credential_provider_arn
        grant_type   = "CLIENT_CREDENTIALS"
        scopes       = [local.scope]
      }
    }
  }]

  metadata_configuration = {
    allowed_request_headers = [var.user_token_header]
  }

  depends_on = [aws_iam_role_policy.machine_token]
}

# Without its own credential: the interceptor writes Authorization.
resource "awscc_bedrockagentcore_gateway_target" "enriched" {
  count              = local.credential ? 0 : 1
  name               = var.target_name
  gateway_identifier = awscc_bedrockagentcore_gateway.this.gateway_identifier

  target_configuration = {
    mcp = {
      mcp_server = {
        endpoint        = var.target_endpoint
        mcp_tool_schema = { s3 = { uri = "s3://${var.tool_schema_bucket}/${var.tool_schema_key}" } }
      }
    }
  }
}

output "gateway_url" {
  description = "Where agents connect."
  value       = awscc_bedrockagentcore_gateway.this.gateway_url
}

output "machine_issuer" {
  description = "Issuer of the machine tokens that the server accepts."
  value       = "${local.cognito}/${aws_cognito_user_pool.machines.id}"
}

output "gateway_client_id" {
  description = "The one client of it that the server accepts."
  value       = aws_cognito_user_pool_client.gateway.id
}
