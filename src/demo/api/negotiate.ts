import { ApiError } from '../api-error.ts'

/** In which form objects are wanted. */
export type Form = 'object' | 'partial' | 'table'

export interface Wanted {
  readonly form: Form
  /** Of `meta.k8s.io`, for tables and metadata alone. */
  readonly version: 'v1' | 'v1beta1'
}

/**
 * What an Accept header asks for: objects, only their metadata, or the table that kubectl prints. Protobuf and CBOR are passed
 * over: everybody who asks for them takes JSON too. Throws ApiError NotAcceptable when he does not.
 */
export function negotiate(accept: string | null): Wanted {
  for (const { type, params } of mediaTypes(accept)) {
    if (!JSON_LIKE.has(type)) continue
    const version = params.get('v') === 'v1beta1' ? 'v1beta1' : 'v1'
    const as = params.get('as')
    if (as === undefined) return { form: 'object', version: 'v1' }
    if (params.get('g') !== 'meta.k8s.io') continue
    if (as === 'Table') return { form: 'table', version }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { form: 'partial', version }
    }
  }
  throw notAcceptable()
}

/** The version of the aggregated discovery that is asked for before plain JSON; null for the old form. */
export function negotiateDiscovery(accept: string | null): 'v2' | 'v2beta1' | null {
  for (const { type, params } of mediaTypes(accept)) {
    if (!JSON_LIKE.has(type)) continue
    if (params.get('as') === undefined) return null
    if (params.get('g') !== 'apidiscovery.k8s.io' || params.get('as') !== 'APIGroupDiscoveryList')
      continue
    const version = params.get('v')
    if (version === 'v2' || version === 'v2beta1') return version
  }
  throw notAcceptable()
}

/** Whether one of the types is wanted before JSON. */
export function prefers(accept: string | null, ...wanted: readonly string[]): boolean {
  for (const { type } of mediaTypes(accept)) {
    if (wanted.includes(type)) return true
    if (JSON_LIKE.has(type)) return false
  }
  return false
}

const JSON_LIKE: ReadonlySet<string> = new Set(['application/json', 'application/*', '*/*'])

function mediaTypes(accept: string | null): { type: string; params: Map<string, string> }[] {
  return (accept === null || accept.trim() === '' ? '*/*' : accept).split(',').map((part) => {
    const [type = '', ...rest] = part.split(';').map((piece) => piece.trim())
    const params = rest.map((piece): [string, string] => {
      const at = piece.indexOf('=')
      return at === -1 ? [piece, ''] : [piece.slice(0, at), piece.slice(at + 1)]
    })
    return { type: type.toLowerCase(), params: new Map(params) }
  })
}

const notAcceptable = (): ApiError =>
  new ApiError('NotAcceptable', 'only the following media types are accepted: application/json', {})
