import type { ClientRequestArgs } from 'node:http'
import { Agent, type AgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'

/** Makes the connection below a call's TLS: through a proxy, for one. */
export type Dial = (
  address: { readonly hostname: string; readonly port: number },
  signal: AbortSignal,
) => Promise<Duplex>

const DIAL_TIMEOUT_MS = 30_000

/** Node's agent over connections that somebody else makes; TLS is begun on them as Node would. */
export class DialingAgent extends Agent {
  readonly #dial: Dial

  constructor(options: AgentOptions, dial: Dial) {
    super(options)
    this.#dial = dial
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const address = { hostname: options.host ?? '', port: Number(options.port) }
    this.#dial(address, AbortSignal.timeout(DIAL_TIMEOUT_MS)).then(
      (socket) =>
        callback?.(null, connect({ ...options, socket, host: address.hostname } as object)),
      // Node looks at the error alone.
      (error: unknown) => callback?.(error as Error, undefined as unknown as Duplex),
    )
    return undefined
  }
}
