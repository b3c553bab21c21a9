// A certified OpenID Connect provider (npm's oidc-provider) on loopback, for tests that sign in without a browser.
// Arguments: the folder with the packages. It prints `ready <issuer>`.
//
// POST /test/sign-in {"sub", "claims", "amr", "client"}: a token from its whole code flow.
// POST /test/forge {"token", "header", "claims", "with", "raw"}: that token with other members, signed anew: by the
//   provider's own key, by "stranger", as "none", or "confused": by HMAC with the public key for a secret.
// POST /test/rotate: new keys. POST /test/broken {"broken"}: whether its documents are answered with 503.
'use strict'
const crypto = require('node:crypto')
const http = require('node:http')
const path = require('node:path')

const { Provider } = require(path.join(process.argv[2], 'oidc-provider'))
const { Agent } = http
const accounts = new Map()
let current
let keys
let broken = false
let asked = 0

function pair (kid) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }
  return { privateKey, publicKey, jwk, kid }
}

function provider (issuer) {
  const client = (id) => ({
    client_id: id,
    client_secret: 'a secret of the tests',
    redirect_uris: [`${issuer}/test/back`],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    require_auth_time: true
  })
  const made = new Provider(issuer, {
    clients: [client('sealgate'), client('another')],
    jwks: { keys: [keys.jwk] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'amr', 'acr', 'auth_time', 'groups', 'clinicId', 'email'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (context, interaction) => `/test/interaction/${interaction.uid}` },
    pkce: { required: () => false },
    cookies: { keys: ['a key of the tests'] },
    findAccount: (context, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, ...(accounts.get(sub) || { claims: {} }).claims })
    })
  })
  made.on('server_error', (context, error) => console.error(error))
  return made
}

async function interaction (request, response) {
  const details = await current.interactionDetails(request, response)
  const { prompt, params, session } = details
  const sub = params.login_hint
  if (prompt.name === 'login') {
    const account = accounts.get(sub)
    const login = { accountId: sub, amr: account.amr, remember: false }
    return current.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false })
  }
  const grant = new current.Grant({ accountId: session.accountId, clientId: params.client_id })
  grant.addOIDCScope('openid')
  const grantId = await grant.save()
  return current.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true })
}

// What a browser would do: follow the redirects with the cookies, then exchange the code.
async function signIn (issuer, { sub, claims, amr, client }) {
  accounts.set(sub, { claims: claims || {}, amr: amr || [] })
  const jar = new Map()
  let next = `${issuer}/auth?` + new URLSearchParams({
    client_id: client || 'sealgate',
    response_type: 'code',
    scope: 'openid',
    redirect_uri: `${issuer}/test/back`,
    login_hint: sub,
    prompt: 'login',
    max_age: '3600'
  })
  for (let step = 0; step < 10 && !next.startsWith(`${issuer}/test/back`); step++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie } })
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)
      if (value) jar.set(name, value); else jar.delete(name)
    }
    const to = answer.headers.get('location')
    if (!to) throw new Error(`${next}: ${answer.status} ${await answer.text()}`)
    next = new URL(to, next).href
  }
  const code = new URL(next).searchParams.get('code')
  if (!code) throw new Error(next)
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: 'Basic ' + Buffer.from(`${client || 'sealgate'}:${encodeURIComponent('a secret of the tests')}`).toString('base64') },
    body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: `${issuer}/test/back` })
  })
  const tokens = await answer.json()
  if (!tokens.id_token) throw new Error(JSON.stringify(tokens))
  return tokens.id_token
}

const encoded = (text) => Buffer.from(text).toString('base64url')
const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url'))

function forge ({ token, header, claims, with: signer, raw }) {
  const [head, body] = token.split('.').slice(0, 2).map(decoded)
  const changed = { ...body, ...claims }
  for (const name of Object.keys(changed)) if (changed[name] === null) delete changed[name]
  const by = { ...head, ...header }
  if (signer === 'none') by.alg = 'none'
  if (signer === 'confused') by.alg = 'HS256'
  for (const name of Object.keys(by)) if (by[name] === null) delete by[name]
  const text = raw ? JSON.stringify(changed).replace(/}$/, `,${raw}}`) : JSON.stringify(changed)
  const signed = `${encoded(JSON.stringify(by))}.${encoded(text)}`
  if (signer === 'none') return `${signed}.`
  if (signer === 'confused') {
    const secret = keys.publicKey.export({ type: 'spki', format: 'pem' })
    return `${signed}.${crypto.createHmac('sha256', secret).update(signed).digest('base64url')}`
  }
  const key = signer === 'stranger' ? pair('stranger').privateKey : keys.privateKey
  return `${signed}.${crypto.sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}

async function answer (issuer, request, response) {
  const { pathname } = new URL(request.url, issuer)
  if (pathname.startsWith('/test/interaction/')) return interaction(request, response)
  if (!pathname.startsWith('/test/')) {
    const isDocument = pathname.startsWith('/.well-known/') || pathname === '/jwks'
    if (pathname === '/jwks') asked += 1
    if (broken && isDocument) return response.writeHead(503).end()
    return current.callback()(request, response)
  }
  const parts = []
  for await (const part of request) parts.push(part)
  const wanted = parts.length ? JSON.parse(Buffer.concat(parts)) : {}
  let told = {}
  if (pathname === '/test/sign-in') told = { token: await signIn(issuer, wanted) }
  if (pathname === '/test/forge') told = { token: forge(wanted) }
  if (pathname === '/test/asked') told = { asked }
  if (pathname === '/test/broken') broken = wanted.broken
  if (pathname === '/test/rotate') {
    keys = pair(crypto.randomUUID())
    current = provider(issuer)
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told))
}

const server = http.createServer((request, response) => {
  answer(server.issuer, request, response).catch((error) => {
    console.error(error)
    if (!response.headersSent) response.writeHead(500)
    response.end(String(error.stack))
  })
})
http.globalAgent = new Agent({ keepAlive: false })
server.listen(0, '127.0.0.1', () => {
  server.issuer = `http://127.0.0.1:${server.address().port}`
  keys = pair('first')
  current = provider(server.issuer)
  console.log(`ready ${server.issuer}`)
})
