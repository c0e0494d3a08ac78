import { Type } from 'typebox'
import { type Endpoint, None } from './endpoint.ts'
import { RecordingResource, SessionId } from './recordings.ts'

/** Looking at one recording in a browser: a link that works once, and what it opens for a while. */

const Token = Type.String({ pattern: '^[0-9a-f]{32}$' })
const ById = Type.Object({ id: SessionId }, { additionalProperties: false })
const Viewed = { id: SessionId, view: Token }

export const recordingViewEndpoints = {
  'recordings.link': {
    method: 'POST',
    path: '/v1/recordings/:id/link',
    summary: 'Make a link that shows a recording, which the caller may see, in one browser',
    rules: [],
    open: 'self',
    params: ById,
    query: None,
    body: null,
    response: Type.Object({
      token: Type.String({ description: 'shown once; at rest there is only its hash' }),
      path: Type.String({ description: '`/web/recordings/<id>#<token>`' }),
      url: Type.Union([Type.String(), Type.Null()], {
        description: 'null when this cluster has no web address',
      }),
      expires: Type.String({ description: 'RFC 3339' }),
    }),
  },
  'recording_views.open': {
    method: 'POST',
    path: '/v1/recording_views/open',
    summary: 'Use a link up; what it gives shows that recording alone',
    rules: [],
    open: 'anyone',
    params: None,
    query: None,
    body: Type.Object({ id: SessionId, token: Token }, { additionalProperties: false }),
    response: Type.Object({
      view: Type.String({ description: 'the secret for the calls below' }),
      expires: Type.String({ description: 'RFC 3339' }),
    }),
  },
  'recording_views.describe': {
    method: 'POST',
    path: '/v1/recording_views/describe',
    summary: 'What is known of the recording that is looked at',
    rules: [],
    open: 'anyone',
    params: None,
    query: None,
    body: Type.Object(Viewed, { additionalProperties: false }),
    response: Type.Object({
      recording: RecordingResource,
      viewer: Type.String({ description: 'whose link it was' }),
      expires: Type.String({ description: 'RFC 3339' }),
    }),
  },
  'recording_views.chunk': {
    method: 'POST',
    path: '/v1/recording_views/chunk',
    summary: 'A piece of the recording that is looked at, as it is kept; audited',
    rules: [],
    open: 'anyone',
    binary: 'response',
    params: None,
    query: None,
    body: Type.Object(
      { ...Viewed, index: Type.Integer({ minimum: 0, maximum: 999_999 }) },
      { additionalProperties: false },
    ),
    response: Type.Unsafe<Uint8Array>({ description: 'a chunk, see docs/recordings.md' }),
  },
} as const satisfies Record<string, Endpoint>
