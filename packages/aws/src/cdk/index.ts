// A construct of the AWS CDK.
export {
  type EnrichedHeaderMode,
  type EnrichedMode,
  type HeaderMode,
  IdentityGateway,
  type IdentityGatewayProps,
} from './identity-gateway.ts'
