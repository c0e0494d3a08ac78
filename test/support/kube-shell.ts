import { once } from 'node:events'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { parseChannelMessage } from '../../src/protocol/index.ts'
import type { KubeClient } from './kube-client.ts'

const PODS = '/api/v1/namespaces/demo/pods'
const PROTOCOL = 'v5.channel.k8s.io'

interface Pod {
  readonly metadata: { readonly name: string }
  readonly status: { readonly phase: string }
}

/** A pod of the demo cluster, as soon as one runs. */
export async function runningPod(client: KubeClient): Promise<string> {
  const running = async (): Promise<string | undefined> => {
    const { items } = (await client.get(PODS)).body as { items: Pod[] }
    return items.find(({ status }) => status.phase === 'Running')?.metadata.name
  }
  await expect.poll(running, { timeout: 10_000 }).toBeDefined()
  return (await running()) ?? ''
}

/** A shell of somebody, which reads what is typed until it is closed. */
export class Shell implements Disposable {
  readonly #socket: WebSocket
  #said = ''

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      const message = parseChannelMessage(data, PROTOCOL)
      if (message?.kind === 'data') this.#said += message.data.toString('utf8')
    })
  }

  /** Rejects with the status of a refusal, and its words. */
  static async open(client: KubeClient, pod: string): Promise<Shell> {
    const query = 'stdin=true&stdout=true&stderr=true&command=cat'
    const socket = new WebSocket(
      `wss://${client.host}:${client.port}${PODS}/${pod}/exec?${query}`,
      [PROTOCOL],
      { headers: client.headersFor({ headers: { Accept: '*/*' } }), ...client.tls },
    )
    const shell = new Shell(socket)
    const refused = once(socket, 'unexpected-response').then(async ([, response]) => {
      let body = ''
      for await (const chunk of response as AsyncIterable<Buffer>) body += chunk.toString()
      throw new Error(body)
    })
    refused.catch(() => {})
    await Promise.race([once(socket, 'open'), refused])
    return shell
  }

  get isOver(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED
  }

  get said(): string {
    return this.#said
  }

  [Symbol.dispose](): void {
    this.#socket.terminate()
  }
}
