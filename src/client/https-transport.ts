import { Agent } from 'node:https'
import { formatAddress } from '../core/index.ts'
import type { ApiConnection } from './api-connection.ts'
import { DialingAgent } from './dialing-agent.ts'
import { type Answer, exchange } from './exchange.ts'
import { explainFailure } from './failures.ts'

/** One request and its answer. Rejects with ClientError when there is none. */
export interface ApiTransport extends Disposable {
  exchange(method: string, path: string, body: string | Uint8Array | null): Promise<Answer>
}

/** Requests over TLS, mutual once there is a certificate, to the name that the host CA must have certified. */
export class HttpsTransport implements ApiTransport {
  readonly #connection: ApiConnection
  readonly #agent: Agent

  constructor(connection: ApiConnection) {
    const { certificate, privateKey, dial } = connection
    this.#connection = connection
    const options = {
      keepAlive: true,
      maxSockets: 4,
      ca: connection.hostCa,
      ...(certificate === null || privateKey === null
        ? {}
        : { cert: certificate, key: privateKey }),
      servername: connection.serverName,
      // Said, or NODE_TLS_REJECT_UNAUTHORIZED of somebody's environment would have passwords and tokens sent to anybody.
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    } as const
    this.#agent = dial === undefined ? new Agent(options) : new DialingAgent(options, dial)
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  async exchange(method: string, path: string, body: string | Uint8Array | null): Promise<Answer> {
    const { host, port, hints, timeoutMs, signal } = this.#connection
    return exchange({
      host,
      port,
      method,
      path,
      body,
      agent: this.#agent,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(signal === undefined ? {} : { signal }),
    }).catch((error: unknown) => {
      throw explainFailure(error, formatAddress(host, port), hints)
    })
  }
}
