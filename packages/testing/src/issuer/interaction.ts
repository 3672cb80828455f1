import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { errors, type Provider } from 'oidc-provider'
import type { LocalUser } from './options.ts'
import { OIDC_SCOPES } from './protocol.ts'
import type { Registry } from './registry.ts'

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

/**
 * The page between authorization request and code: `GET` asks who is there, `POST` with the field `user`
 * signs that user in and consents to all that was asked for. There is no password.
 */
export async function answerInteraction(
  provider: Provider,
  registry: Registry,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  try {
    const interaction = await provider.interactionDetails(req, res)
    if (req.method !== 'POST') return writeHtml(res, 200, pageOf(interaction, registry))
    const user = registry.users.get(await readUserField(req))
    if (!user) return writeHtml(res, 400, '<!doctype html><title>Sign in</title>Unknown user.')
    const consent = { grantId: await saveGrant(provider, registry, interaction, user) }
    await provider.interactionFinished(req, res, { login: { accountId: user.id }, consent })
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) throw error
    writeHtml(res, 400, '<!doctype html><title>Sign in</title>This sign-in is over.')
  }
}

async function saveGrant(
  provider: Provider,
  registry: Registry,
  { params }: Interaction,
  user: LocalUser,
): Promise<string> {
  const grant = new provider.Grant({ accountId: user.id, clientId: String(params['client_id']) })
  grant.addOIDCScope(OIDC_SCOPES.join(' '))
  const requested = [params['resource'] ?? []].flat()
  for (const { uri, scopes = [] } of registry.resources.values()) {
    if (requested.includes(uri)) grant.addResourceScope(uri, scopes.join(' '))
  }
  return grant.save()
}

async function readUserField(req: IncomingMessage): Promise<string> {
  return new URLSearchParams(await text(req)).get('user') ?? ''
}

function pageOf({ params }: Interaction, registry: Registry): string {
  const buttons = [...registry.users.values()].map(
    ({ id, name = id }) =>
      `<button name="user" value="${escapeHtml(id)}">${escapeHtml(name)}</button>`,
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sign in</title>
<h1>Who are you?</h1>
<p>${escapeHtml(String(params['client_id']))} asks.</p>
<form method="post">${buttons.join('\n')}</form>
</html>`
}

function writeHtml(res: ServerResponse, status: number, html: string): void {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
  }
  res.writeHead(status, headers).end(html)
}

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
