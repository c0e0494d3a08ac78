import type { RequestInfo } from './types.ts'

/** Where a kubelet runs commands and opens ports (kubernetes/pkg/kubelet/server/server.go, `InstallDebuggingHandlers`), in small letters. */
const COMMANDS: ReadonlySet<string> = new Set(['exec', 'attach', 'run', 'portforward', 'cri'])
/** What some reader behind the proxy may take for the end of a segment. */
const SEPARATOR = /[/\\;]+/

/**
 * Whether a request asks a kubelet itself, through `nodes/<name>/proxy/`, to run a command or to open a port: what `pods/exec` and its like
 * do, past everything that is done with those. Encoded or doubled separators and other letters make no difference.
 */
export function isNodeCommand(info: RequestInfo): boolean {
  if (info.kind !== 'resource' || info.resource !== 'nodes' || info.subresource !== 'proxy') {
    return false
  }
  // `api`, the version, `nodes`, a name, `proxy`; in the prefix of old `proxy` stands before `nodes`. A namespace, which nodes have none, would stand before both.
  const before = info.namespace === '' ? 5 : 7
  const rest = info.path.slice(1).split('/').slice(before)
  const [first = ''] = decoded(decoded(rest.join('/')))
    .split(SEPARATOR)
    .filter(Boolean)
  return COMMANDS.has(first.toLowerCase())
}

/** As it is when it cannot be decoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
