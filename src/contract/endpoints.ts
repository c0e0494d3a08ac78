import { type Static, type TSchema, Type } from 'typebox'
import { accessEndpoints } from './access.ts'
import { type Endpoint, None, Paging, pageOf } from './endpoint.ts'
import { joiningEndpoints } from './joining.ts'
import { kubeEndpoints } from './kube.ts'
import { memberEndpoints } from './member-calls.ts'
import { peopleEndpoints } from './people.ts'
import { recordingViewEndpoints } from './recording-views.ts'
import { recordingEndpoints } from './recordings.ts'
import { AuditEventSchema } from './resources.ts'
import { sessionEndpoints } from './sessions.ts'
import { StatsSnapshot } from './stats.ts'

const Status = Type.Object({
  cluster_name: Type.String(),
  version: Type.String(),
  ca_pins: Type.Array(Type.String()),
  kube_addr: Type.Union([Type.String(), Type.Null()]),
  user: Type.String({ description: 'who the caller is' }),
})

/**
 * Every endpoint. Servers register from this table, clients call through it, and the test that each of them refuses
 * a caller without the rule walks it; so none can exist beside it.
 */
export const endpoints = {
  'status.read': {
    method: 'GET',
    path: '/v1/status',
    summary: 'Name, version and CA pins of the Teleport cluster',
    rules: [{ resource: 'cluster_status', verb: 'read' }],
    params: None,
    query: None,
    body: null,
    response: Status,
  },
  'openapi.read': {
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This document',
    rules: [{ resource: 'cluster_status', verb: 'read' }],
    params: None,
    query: None,
    body: null,
    response: Type.Record(Type.String(), Type.Unknown()),
  },
  'stats.read': {
    method: 'GET',
    path: '/v1/stats',
    summary: 'What goes through this process, as counters since its start; rates are differences',
    rules: [{ resource: 'stats', verb: 'read' }],
    params: None,
    query: None,
    body: null,
    response: StatsSnapshot,
  },
  'events.list': {
    method: 'GET',
    path: '/v1/events',
    summary: 'Search the audit log',
    rules: [{ resource: 'event', verb: 'list' }],
    params: None,
    query: Type.Object(
      {
        ...Paging,
        user: Type.Optional(Type.String({ maxLength: 256 })),
        kube_cluster: Type.Optional(Type.String({ maxLength: 512 })),
        event: Type.Optional(
          Type.String({ maxLength: 1024, description: 'event names, comma-separated' }),
        ),
        from: Type.Optional(Type.String({ maxLength: 64, description: 'RFC 3339, inclusive' })),
        to: Type.Optional(Type.String({ maxLength: 64, description: 'RFC 3339, exclusive' })),
        order: Type.Optional(
          Type.Union([Type.Literal('asc'), Type.Literal('desc'), Type.Literal('arrival')], {
            description:
              'by time; or by arrival: without "after" no events, but where what comes from now on begins, and "next" is never null',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    body: null,
    response: pageOf(AuditEventSchema),
  },
  ...peopleEndpoints,
  ...accessEndpoints,
  ...kubeEndpoints,
  ...joiningEndpoints,
  ...memberEndpoints,
  ...recordingEndpoints,
  ...recordingViewEndpoints,
  ...sessionEndpoints,
} as const satisfies Record<string, Endpoint>

export type EndpointName = keyof typeof endpoints
type Table = typeof endpoints

export type ParamsOf<N extends EndpointName> = Static<Table[N]['params']>
export type QueryOf<N extends EndpointName> = Static<Table[N]['query']>
export type BodyOf<N extends EndpointName> = Table[N]['body'] extends TSchema
  ? Static<Table[N]['body']>
  : undefined
export type ResponseOf<N extends EndpointName> = Static<Table[N]['response']>

/** The body of every answer that is not 2xx. */
export const ApiErrorBody = Type.Object({
  error: Type.Object({
    code: Type.String({ description: 'stable, see docs/errors.md' }),
    message: Type.String(),
  }),
})
export type ApiErrorBody = Static<typeof ApiErrorBody>

/** Fills `:params` of an endpoint's path. */
export function buildPath(endpoint: Endpoint, params: Readonly<Record<string, string>>): string {
  return endpoint.path.replace(/:([a-z_]+)/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined) throw new TypeError(`"${name}" is missing for ${endpoint.path}`)
    return encodeURIComponent(value)
  })
}
