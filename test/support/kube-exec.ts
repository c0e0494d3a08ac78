import { once } from 'node:events'
import { WebSocket } from 'ws'
import {
  type ExitStatus,
  formatChannelClose,
  formatChannelMessage,
  headerOf,
  parseChannelMessage,
  parseExitStatus,
  SpdySession,
} from '../../src/protocol/index.ts'
import type { KubeClient } from './kube-client.ts'

export interface ExecOutcome {
  readonly stdout: string
  readonly stderr: string
  /** Null when the server said nothing about the end. */
  readonly status: ExitStatus | null
}

export interface ExecOrder {
  readonly namespace: string
  readonly pod: string
  readonly command: readonly string[]
  readonly stdin?: string
}

/** kubelet, behind the API server, is asked for no JSON. */
const ANY = { headers: { Accept: '*/*' } } as const

const target = ({ namespace, pod, command, stdin }: ExecOrder): string => {
  const query = new URLSearchParams({ stdout: 'true', stderr: 'true' })
  if (stdin !== undefined) query.set('stdin', 'true')
  for (const word of command) query.append('command', word)
  return `/api/v1/namespaces/${namespace}/pods/${pod}/exec?${query}`
}

/** Runs a command over WebSocket. */
export async function execOverWebSocket(
  client: KubeClient,
  protocol: 'v4.channel.k8s.io' | 'v5.channel.k8s.io',
  order: ExecOrder,
): Promise<ExecOutcome> {
  const socket = new WebSocket(`wss://${client.host}:${client.port}${target(order)}`, [protocol], {
    headers: client.headersFor(ANY),
    ...client.tls,
  })
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[], error: [] as Buffer[] }
  socket.on('message', (data: Buffer) => {
    const message = parseChannelMessage(data, protocol)
    if (message?.kind !== 'data' || message.channel === 'stdin' || message.channel === 'resize')
      return
    parts[message.channel].push(message.data)
  })
  socket.on('open', () => {
    if (order.stdin === undefined) return
    socket.send(formatChannelMessage('stdin', Buffer.from(order.stdin)))
    if (protocol === 'v5.channel.k8s.io') socket.send(formatChannelClose('stdin'))
  })
  await once(socket, 'close')
  return {
    stdout: Buffer.concat(parts.stdout).toString('utf8'),
    stderr: Buffer.concat(parts.stderr).toString('utf8'),
    status: parseExitStatus(Buffer.concat(parts.error).toString('utf8')),
  }
}

/** Runs a command over SPDY/3.1, with the product's own codec as the client. */
export async function execOverSpdy(client: KubeClient, order: ExecOrder): Promise<ExecOutcome> {
  const socket = await client.dial()
  const headers = Object.entries(client.headersFor(ANY)).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}`),
  )
  socket.write(
    [
      `POST ${target(order)} HTTP/1.1`,
      `Host: ${client.host}:${client.port}`,
      'Connection: Upgrade',
      'Upgrade: SPDY/3.1',
      'X-Stream-Protocol-Version: v4.channel.k8s.io',
      'Content-Length: 0',
      ...headers,
      '',
      '',
    ].join('\r\n'),
  )
  let head = Buffer.alloc(0)
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    head = Buffer.concat([head, chunk])
  }
  const end = head.indexOf('\r\n\r\n') + 4
  const status = head.subarray(0, end).toString('latin1').split('\r\n')[0] ?? ''
  if (!status.includes(' 101 ')) {
    socket.destroy()
    throw new Error(status)
  }
  const session = new SpdySession('client')
  const types = ['error', ...(order.stdin === undefined ? [] : ['stdin']), 'stdout', 'stderr']
  const names = new Map<number, string>()
  const ids = new Map<string, number>()
  const parts = new Map<string, Buffer[]>(types.map((type) => [type, []]))
  const open = new Set(types.filter((type) => type !== 'stdin'))
  const done = Promise.withResolvers<void>()
  const receive = (chunk: Buffer): void => {
    for (const event of session.receive(chunk)) {
      if (event.kind === 'send') socket.write(event.bytes)
      if (event.kind === 'data') parts.get(names.get(event.streamId) ?? '')?.push(event.data)
      if (event.kind === 'end' || event.kind === 'reset') {
        open.delete(names.get(event.streamId) ?? '')
        if (open.size === 0) done.resolve()
      }
    }
  }
  socket.on('data', receive)
  socket.on('close', () => done.resolve())
  for (const type of types) {
    const headersOfStream = [['streamtype', type]] as const
    const { streamId, bytes } = session.open(headersOfStream)
    names.set(streamId, headerOf(headersOfStream, 'streamtype') ?? '')
    ids.set(type, streamId)
    socket.write(bytes)
  }
  receive(head.subarray(end))
  if (order.stdin !== undefined) {
    socket.write(session.data(ids.get('stdin') ?? 0, Buffer.from(order.stdin), true))
  }
  await done.promise
  socket.destroy()
  const text = (type: string): string => Buffer.concat(parts.get(type) ?? []).toString('utf8')
  return { stdout: text('stdout'), stderr: text('stderr'), status: parseExitStatus(text('error')) }
}
