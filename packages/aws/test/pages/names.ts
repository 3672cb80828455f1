// The values that the pages of docs/aws use, so that their code runs as it stands.
export const REGION = 'eu-west-1'
export const PEOPLE_POOL = 'eu-west-1_Ab12Cd34E'
export const WEB_CLIENT = '5webclientid0000example'
export const MACHINE_POOL = 'eu-west-1_Machines1'
export const CLIENT_ID = '7gatewayclientid00example'
export const CLIENT_SECRET = 'the-client-secret'
export const TOKEN_ENDPOINT = `https://acme-agents.auth.${REGION}.amazoncognito.com/oauth2/token`

export function issuerOf(userPoolId: string): string {
  return `https://cognito-idp.${REGION}.amazonaws.com/${userPoolId}`
}

export function functionArn(name: string): string {
  return `arn:aws:lambda:${REGION}:123456789012:function:${name}`
}
