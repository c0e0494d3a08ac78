import type { TLSSocket } from 'node:tls'
import type { StrangerPort } from '../api/index.ts'
import { ApiCallError, ApiClient } from '../client/index.ts'
import { errorMessage, hostOf, type Logger } from '../core/index.ts'
import type { Origin } from '../gateway/index.ts'
import type { MemberIdentity, MemberRoute } from '../member/index.ts'
import { authServerName } from '../protocol/index.ts'
import { introduce } from './introduce.ts'

/** The auth service as a proxy of another process reaches it. */
export interface RemoteAuth {
  /**
   * A way for somebody's connection: whatever is written arrives at the auth service as if he had connected there, with his
   * address as our word. Rejects when no auth service answers, or with the signal's reason.
   */
  dial(origin: Origin, signal: AbortSignal): Promise<TLSSocket>
}

export function createRemoteAuth(
  identity: Pick<MemberIdentity, 'current' | 'teleportCluster'>,
  route: MemberRoute,
): RemoteAuth {
  const { addresses } = route
  // Who did not answer is asked last.
  let first = 0
  return {
    async dial(origin, signal) {
      let failure: unknown = new Error('no auth service is configured')
      // In one order to the end: whoever dials meanwhile begins elsewhere.
      const begin = first
      for (const at of addresses.keys()) {
        const asked = (begin + at) % addresses.length
        const { host, port } = addresses[asked] ?? { host: '', port: 0 }
        try {
          const below = await route.dial({ hostname: host, port }, signal)
          return await introduce(below, {
            serverName: authServerName(identity.teleportCluster),
            credentials: identity.current(),
            origin,
            signal,
          })
        } catch (error) {
          signal.throwIfAborted()
          failure = error
          if (first === asked) first = (asked + 1) % addresses.length
        }
      }
      throw failure
    },
  }
}

/** What pages of a proxy in another process call: each call goes to the auth service's own API. */
export function createRemoteStrangers(options: {
  readonly identity: Pick<MemberIdentity, 'current' | 'teleportCluster'>
  readonly auth: RemoteAuth
  readonly log: Logger
}): StrangerPort {
  const { identity, auth, log } = options
  return {
    async call(name, body, address) {
      const origin = {
        address: hostOf(address),
        port: Number(address.slice(address.lastIndexOf(':') + 1)),
      }
      // The browser is nobody to the auth service, and so is this call: only his address is our word.
      using client = new ApiClient({
        host: 'auth',
        port: 0,
        serverName: authServerName(identity.teleportCluster),
        hostCa: identity.current().hostCaPem,
        certificate: null,
        privateKey: null,
        dial: (_address, signal) => auth.dial(origin, signal),
      })
      try {
        return {
          status: 200,
          body: await client.call(name, { body: body as never }),
          retryAfterS: null,
        }
      } catch (error) {
        if (error instanceof ApiCallError) {
          const { status, code, message } = error
          return { status, body: { error: { code, message } }, retryAfterS: null }
        }
        log.warn({ error: errorMessage(error) }, 'the auth service does not answer a page')
        const message = 'the auth service does not answer: try again in a moment'
        return { status: 503, body: { error: { code: 'UNAVAILABLE', message } }, retryAfterS: null }
      }
    },
  }
}
