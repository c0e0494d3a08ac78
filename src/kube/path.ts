import { KubeError } from './errors.ts'
import { MAX_PATH_CHARS } from './limits.ts'

/**
 * The decoded segments of a path, when every reader sees the same ones. kube-apiserver decodes the path and then
 * splits it (`url.URL.Path`, requestinfo.go `splitPath`), others split first; so an encoded slash, a dot segment in
 * any disguise, an empty segment, or a percent sign that a second decoding would see, is two paths in one.
 *
 * What stands behind `…/proxy/` of a pod, service or node is another program's path: encoded slashes and empty segments
 * are its own business there, but dot segments are not, since they would climb out of it.
 *
 * Throws KubeError AMBIGUOUS_PATH.
 */
export function splitPath(path: string): readonly string[] {
  if (path.charCodeAt(0) !== SLASH) throw ambiguous('it does not begin with a slash')
  if (path.length > MAX_PATH_CHARS) throw ambiguous('it is too long')
  const segments = path.slice(1).split('/')
  // Kubernetes ignores a slash at the end.
  if (segments.at(-1) === '') segments.pop()
  if (!SUSPECT.test(path)) return segments
  for (const [index, part] of segments.entries()) {
    if (isProxied(segments, index)) {
      judgeProxied(segments.slice(index).join('/'))
      break
    }
    segments[index] = decodeSegment(part)
  }
  return segments
}

const SLASH = 0x2f

/** Nothing of this in a path: what is split is what every reader sees. Nearly all requests end here. */
const SUSPECT = /[%\\]|\/\/|\/\./

/** Whether the segment at `index` is behind `…/proxy/`; the segments before it are decoded. */
const isProxied = (segments: readonly string[], index: number): boolean =>
  segments[0] === 'api' &&
  ((index > 4 && segments[2] === 'nodes' && segments[4] === 'proxy') ||
    (index > 6 &&
      segments[2] === 'namespaces' &&
      (segments[4] === 'pods' || segments[4] === 'services') &&
      segments[6] === 'proxy'))

function decodeSegment(part: string): string {
  if (part === '') throw ambiguous('it has an empty segment')
  const decoded = decode(part)
  if (decoded === '.' || decoded === '..') throw ambiguous('it has a dot segment')
  if (decoded.includes('/') || decoded.includes('\\')) {
    throw ambiguous('it has a backslash or an encoded slash')
  }
  // No name in Kubernetes has one (`IsValidPathSegmentName`); who decodes twice would see another path.
  if (decoded.includes('%')) throw ambiguous('it has an encoded percent sign')
  if (CONTROL.test(decoded)) throw ambiguous('it has an encoded control character')
  return decoded
}

function judgeProxied(rest: string): void {
  const once = decode(rest)
  // Programs behind a proxy decode once or twice; some take a backslash for a slash, some end a segment with `;`.
  const twice = once.replace(/%(2e|2f|5c|3b)/gi, (encoded) => decodeURIComponent(encoded))
  if (DOT_SEGMENT.test(once) || DOT_SEGMENT.test(twice)) throw ambiguous('it has a dot segment')
  if (CONTROL.test(once)) throw ambiguous('it has an encoded control character')
}

const DOT_SEGMENT = /(?:^|[/\\])\.{1,2}(?:[/\\;]|$)/
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

function decode(part: string): string {
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw ambiguous('it has a broken percent sign or bytes that are not UTF-8', cause)
  }
}

export const ambiguous = (why: string, cause?: unknown): KubeError =>
  new KubeError('AMBIGUOUS_PATH', `the path of the request is refused: ${why}`, { cause })
