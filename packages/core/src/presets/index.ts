// Identity providers whose claim shapes are documented

export type { TenantList } from '../issuer/family/options.ts'
export type { Auth0Options } from './auth0.ts'
export { auth0 } from './auth0.ts'
export type { CognitoOptions } from './cognito.ts'
export { cognito } from './cognito.ts'
export type { EntraOptions, EntraTenantsOptions } from './entra.ts'
export { entra } from './entra.ts'
export type { KeycloakOptions, KeycloakRealmsOptions } from './keycloak.ts'
export { keycloak } from './keycloak.ts'
export type { OktaOptions } from './okta.ts'
export { okta } from './okta.ts'
export type { PresetOptions } from './preset.ts'
