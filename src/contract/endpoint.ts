import { type TObject, type TSchema, Type } from 'typebox'

/**
 * One endpoint of the management API. `rules` is what the caller's roles must allow, all of it. An endpoint without rules
 * says whom it answers nevertheless: `anyone` who reaches the auth service (what comes before a certificate), `self`,
 * a person about himself, `people`, whose rights decide what of it they are shown, or `member`, a service of ours in another
 * process, when it is one of `members`.
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly summary: string
  readonly rules: readonly { readonly resource: string; readonly verb: string }[]
  readonly open?: 'anyone' | 'self' | 'people' | 'member'
  /** The services that may call what is open to members. */
  readonly members?: readonly ('kube' | 'proxy')[]
  /** What is bytes as they are, and not JSON (`application/octet-stream`). */
  readonly binary?: 'body' | 'response'
  /** Of the body, when it may be larger than a page of YAML. */
  readonly maxBodyBytes?: number
  readonly params: TObject
  readonly query: TObject
  readonly body: TSchema | null
  readonly response: TSchema
}

export const None = Type.Object({}, { additionalProperties: false })
export const Paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  after: Type.Optional(Type.String({ maxLength: 1024 })),
}
export const Paged = Type.Object(Paging, { additionalProperties: false })
export const Next = Type.Union([Type.String(), Type.Null()], {
  description: 'give it as `after` to go on; null at the end',
})
export const pageOf = <T extends TSchema>(
  item: T,
): ReturnType<typeof Type.Object<{ items: ReturnType<typeof Type.Array<T>>; next: typeof Next }>> =>
  Type.Object({ items: Type.Array(item), next: Next })

export const Empty = Type.Object({}, { additionalProperties: false })
