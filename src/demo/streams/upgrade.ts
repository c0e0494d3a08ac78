import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorMessage } from '../../core/index.ts'
import type { ExitStatus } from '../../protocol/index.ts'
import { asApiError, judgeStream } from '../api/api.ts'
import type { ApiEnv } from '../api/env.ts'
import type { DemoRequest } from '../api/exchange.ts'
import { ApiError, badRequest } from '../api-error.ts'
import { refuseUpgrade, type Upgrade } from '../http/server.ts'
import type { Principal } from '../rbac/rules.ts'
import { planStream, type SessionPlan, type StreamPlan } from './plan.ts'
import { servePortForward, servePortForwardOverWebSocket } from './port-forward.ts'
import { type ClientStreams, runSession } from './run-session.ts'
import { serveSpdy } from './spdy.ts'
import { serveWebSocket } from './websocket.ts'

const EXEC_PROTOCOL = 'v4.channel.k8s.io'
const FORWARD_PROTOCOL = 'portforward.k8s.io'

/** What happens to a session's pod when an attach to its main program ends. */
export type OnAttachEnd = (plan: SessionPlan, status: ExitStatus) => void

/** Answers exec, attach and port-forward over SPDY/3.1 or WebSocket. */
export function upgradeOf(env: ApiEnv, caller: Principal, onAttachEnd: OnAttachEnd): Upgrade {
  return (request, incoming, socket, head) => {
    try {
      const plan = planStream(env, judgeStream(env, caller, request), request)
      serve(env, plan, request, incoming, socket, head, onAttachEnd)
    } catch (error) {
      refuseUpgrade(socket, asApiError(error))
    }
  }
}

function serve(
  env: ApiEnv,
  plan: StreamPlan,
  request: DemoRequest,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  onAttachEnd: OnAttachEnd,
): void {
  const upgrade = (request.header('upgrade') ?? '').toLowerCase()
  if (upgrade !== 'spdy/3.1' && upgrade !== 'websocket') {
    throw badRequest(`Upgrade request required: SPDY/3.1 or websocket`)
  }
  if (plan.kind === 'portforward') {
    if (upgrade === 'websocket') {
      servePortForwardOverWebSocket(env, plan, incoming, socket, head)
      return
    }
    switchProtocols(socket, request, FORWARD_PROTOCOL)
    servePortForward(env, plan, socket, head)
    return
  }
  const run = async (streams: ClientStreams): Promise<ExitStatus> => {
    const status = await runSession(env, plan, streams)
    if (plan.kind === 'attach') onAttachEnd(plan, status)
    return status
  }
  if (upgrade === 'websocket') {
    serveWebSocket(plan, incoming, socket, head, run)
    return
  }
  switchProtocols(socket, request, EXEC_PROTOCOL)
  serveSpdy(plan, socket, head, env.log, run).catch((error: unknown) => {
    env.log.error({ error: errorMessage(error) }, 'a session of the demo cluster failed')
    socket.destroy()
  })
}

/** Throws ApiError Forbidden when the client does not offer the protocol, in the words of Kubernetes. */
function switchProtocols(socket: Duplex, request: DemoRequest, protocol: string): void {
  const offered: string[] = []
  const { headers } = request
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index] === 'x-stream-protocol-version') {
      offered.push(...(headers[index + 1] ?? '').split(',').map((name) => name.trim()))
    }
  }
  if (!offered.includes(protocol)) {
    throw new ApiError(
      'Forbidden',
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${protocol}]`,
    )
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  )
}
