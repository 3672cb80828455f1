// Long enough not to be in the way of calls, short enough for a rotated secret.
const keptSeconds = 300
let kept: { readonly text: Promise<string>; readonly until: number } | undefined

/** The gateway's client secret. */
export function clientSecret(arn: string): Promise<string> {
  if (kept === undefined || kept.until < Date.now()) {
    const text = read(arn)
    kept = { text, until: Date.now() + keptSeconds * 1000 }
    text.catch(() => {
      kept = undefined
    })
  }
  return kept.text
}

async function read(arn: string): Promise<string> {
  // A part of Lambda's Node runtimes. Loaded when it is needed: it is slow to start.
  const { GetSecretValueCommand, SecretsManagerClient } = await import(
    '@aws-sdk/client-secrets-manager'
  )
  const client = new SecretsManagerClient({})
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }))
  if (SecretString === undefined) throw new Error('The secret has no text')
  return SecretString
}
