import { type Static, Type } from 'typebox'
import { Empty, type Endpoint, Next, None, Paging } from './endpoint.ts'
import { ID_PATTERN } from './resources.ts'

/** Recordings of sessions: services bring them chunk by chunk, people look at them. */

/** Of one chunk as it is sent: the largest that services make, encrypted for all recipients that there may be. */
export const RECORDING_CHUNK_BYTES = 2 * 1024 * 1024

const Word = (maxLength: number): ReturnType<typeof Type.String> => Type.String({ maxLength })
const Time = Type.String({ maxLength: 64, description: 'RFC 3339' })
const Kind = Type.Union([Type.Literal('exec'), Type.Literal('attach')])
export const SessionId = Type.String({ pattern: ID_PATTERN })

/** What is known of a session before its first byte. What is not known is empty. */
export const RecordingFacts = Type.Object(
  {
    kind: Kind,
    user: Type.String({ minLength: 1, maxLength: 256 }),
    roles: Type.Array(Word(256), { maxItems: 256 }),
    kube_cluster: Type.String({ minLength: 1, maxLength: 512 }),
    namespace: Word(253),
    pod: Word(253),
    container: Word(253),
    node: Word(253),
    image: Word(1024),
    protocol: Type.String({ maxLength: 64, description: 'what the client spoke' }),
    server_id: Type.String({ maxLength: 64, description: 'the service that records it' }),
    command: Type.Array(Word(64 * 1024), { maxItems: 20_000, description: 'empty for an attach' }),
    tty: Type.Boolean(),
    started: Time,
    encrypted: Type.Boolean({ description: 'to age recipients: who keeps it cannot read it' }),
  },
  { additionalProperties: false },
)
export type RecordingFacts = Static<typeof RecordingFacts>

const Sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description:
    'chain over the chunks as they are kept: of the hash before and the SHA-256 of the next, from 32 zeros; hexadecimal',
})

/** How it ended; sent when all chunks have been. */
export const RecordingEnd = Type.Object(
  {
    chunks: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    bytes: Type.Integer({ minimum: 0, description: 'of the record, unpacked' }),
    sha256: Sha256,
    ended: Time,
    exit_code: Type.Optional(Type.Integer({ description: 'absent when nobody learnt it' })),
    reason: Word(256),
    cut: Type.Boolean({ description: 'the service stopped amid the session: its end is missing' }),
  },
  { additionalProperties: false },
)
export type RecordingEnd = Static<typeof RecordingEnd>

/** Of the chunk of a whole recording; base64 of it fits into a body with everything else. */
const WHOLE_CHUNK_CHARS = 128 * 1024

/** A recording of one small chunk. */
export const WholeRecording = Type.Object(
  {
    facts: RecordingFacts,
    end: RecordingEnd,
    chunk: Type.String({ maxLength: WHOLE_CHUNK_CHARS, description: 'its one chunk, base64' }),
  },
  { additionalProperties: false },
)

/** A recording as people see it. */
export const RecordingResource = Type.Object({
  session_id: Type.String(),
  ...RecordingFacts.properties,
  state: Type.Union(
    [
      Type.Literal('live'),
      Type.Literal('complete'),
      Type.Literal('cut'),
      Type.Literal('incomplete'),
    ],
    {
      description:
        'live: the session goes on; cut: its end is missing; incomplete: nothing was heard of it for a while, more may come',
    },
  ),
  chunks: Type.Integer({ description: 'that are here, counted from 0' }),
  size: Type.Integer({ description: 'bytes as they are kept' }),
  bytes: Type.Union([Type.Integer(), Type.Null()], { description: 'of the record, unpacked' }),
  sha256: Type.Union([Sha256, Type.Null()]),
  ended: Type.Union([Time, Type.Null()]),
  duration_ms: Type.Union([Type.Integer(), Type.Null()]),
  exit_code: Type.Union([Type.Integer(), Type.Null()]),
  reason: Type.Union([Type.String(), Type.Null()]),
})
export type RecordingResource = Static<typeof RecordingResource>

const ById = Type.Object({ id: SessionId }, { additionalProperties: false })
const ByChunk = Type.Object(
  { id: SessionId, index: Type.String({ pattern: '^(0|[1-9][0-9]{0,5})$' }) },
  { additionalProperties: false },
)
const Bytes = Type.Unsafe<Uint8Array>({ description: 'a chunk, see docs/recordings.md' })

export const recordingEndpoints = {
  'recordings.list': {
    method: 'GET',
    path: '/v1/recordings',
    summary:
      'List recordings, newest first: those that `session: list` shows, and the caller’s own',
    rules: [],
    open: 'people',
    params: None,
    query: Type.Object(
      {
        ...Paging,
        user: Type.Optional(Word(256)),
        kube_cluster: Type.Optional(Word(512)),
        namespace: Type.Optional(Word(253)),
        pod: Type.Optional(Word(253)),
        kind: Type.Optional(Kind),
        from: Type.Optional(
          Type.String({ maxLength: 64, description: 'RFC 3339: began then or later' }),
        ),
        to: Type.Optional(Type.String({ maxLength: 64, description: 'RFC 3339: began before' })),
      },
      { additionalProperties: false },
    ),
    body: null,
    response: Type.Object({ items: Type.Array(RecordingResource), next: Next }),
  },
  'recordings.get': {
    method: 'GET',
    path: '/v1/recordings/:id',
    summary: 'What is known of one recording that `session: read` shows, or that is the caller’s',
    rules: [],
    open: 'people',
    params: ById,
    query: None,
    body: null,
    response: RecordingResource,
  },
  'recordings.chunk': {
    method: 'GET',
    path: '/v1/recordings/:id/chunks/:index',
    summary: 'A piece of a recording, as it is kept; audited',
    rules: [],
    open: 'people',
    binary: 'response',
    params: ByChunk,
    query: None,
    body: null,
    response: Bytes,
  },
  'recordings.remove': {
    method: 'DELETE',
    path: '/v1/recordings/:id',
    summary: 'Remove a recording for good, by the rule `session: delete` alone; audited',
    rules: [],
    open: 'people',
    params: ById,
    query: None,
    body: null,
    response: Type.Object({
      recording: Type.Union([RecordingResource, Type.Null()], {
        description: 'as it was; null when it could not be read',
      }),
    }),
  },
  'member.recording_begin': {
    method: 'PUT',
    path: '/v1/member/recordings/:id',
    summary: 'Begin a recording, or say again that its session goes on',
    rules: [],
    open: 'member',
    members: ['kube'],
    params: ById,
    query: None,
    body: RecordingFacts,
    response: Empty,
  },
  'member.recording_chunk': {
    method: 'PUT',
    path: '/v1/member/recordings/:id/chunks/:index',
    summary: 'Bring the next chunk of a recording; once more is no mistake, another content is',
    rules: [],
    open: 'member',
    members: ['kube'],
    binary: 'body',
    maxBodyBytes: RECORDING_CHUNK_BYTES,
    params: ByChunk,
    query: None,
    body: Bytes,
    response: Empty,
  },
  'member.recording_end': {
    method: 'POST',
    path: '/v1/member/recordings/:id/end',
    summary: 'Say that all chunks of a recording are there, and how its session ended',
    rules: [],
    open: 'member',
    members: ['kube'],
    params: ById,
    query: None,
    body: RecordingEnd,
    response: Empty,
  },
  'member.recording_whole': {
    method: 'POST',
    path: '/v1/member/recordings/:id/whole',
    summary: 'Bring a recording of one small chunk whose session is over: beginning, chunk and end',
    rules: [],
    open: 'member',
    members: ['kube'],
    params: ById,
    query: None,
    body: WholeRecording,
    response: Empty,
  },
} as const satisfies Record<string, Endpoint>
