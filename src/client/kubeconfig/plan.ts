import { authoritiesWithin } from '../login/host-ca.ts'
import { KubeconfigEditError } from './errors.ts'
import { type Entry, parseKubeconfigText } from './kubeconfig-text.ts'
import { markOf } from './mark.ts'
import { kubeServerUrl } from './server-url.ts'
import { bodyField, type Edit, type Mark, type Section, type Value } from './types.ts'

/** One file of `$KUBECONFIG`, in its order. */
export interface KubeconfigFile {
  readonly path: string
  /** Null when there is no such file yet. */
  readonly text: string | null
}

/** Whose contexts are written, and how they get in. */
export interface KubeAccount {
  /** `host:port` of the proxy. */
  readonly proxy: string
  readonly user: string
  readonly teleportCluster: string
  /** `https://host:port` where Kubernetes clients connect. */
  readonly server: string
  /** PEM. */
  readonly hostCa: string
  /** The body of a user entry, without impersonation. */
  readonly credentials: (kubeCluster: string) => Readonly<Record<string, Value>>
}

export interface ContextRequest {
  readonly kubeCluster: string
  /** The TLS server name of the cluster. */
  readonly serverName: string
  /** Null: those that the cluster has, else `<teleport>-<kube>`. */
  readonly contextName?: string | null
  /** Not given: what is there stays. */
  readonly namespace?: string
  readonly impersonate?: { readonly user: string | null; readonly groups: readonly string[] }
}

export interface LoginPlan {
  /** By path; files that stay as they are are not named. */
  readonly edits: ReadonlyMap<string, readonly Edit[]>
  /** Context names of each Kubernetes cluster that was asked for. */
  readonly contexts: ReadonlyMap<string, readonly string[]>
  /** Names that are taken by entries which are not of this account's cluster: those clusters have no context. */
  readonly taken: readonly string[]
  /** The context that is current now; empty for none. */
  readonly currentContext: string
}

/** What names a user entry of ours must not have beside what we write: client-go would prefer it. */
const OTHER_CREDENTIALS = [
  'exec',
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'token',
  'tokenFile',
  'username',
  'password',
  'auth-provider',
] as const

export const defaultContextName = (teleportCluster: string, kubeCluster: string): string =>
  `${teleportCluster}-${kubeCluster}`

/**
 * Which entries a login writes: cluster, user and context of one name for each request, where they are already, else in
 * the file in which kubectl would put them. Contexts of this account for clusters that are not asked for any more go
 * away when `prune`; was one of them current, then the context of before is again. Throws KubeconfigEditError.
 */
export function planLogin(
  given: readonly KubeconfigFile[],
  account: KubeAccount,
  requests: readonly ContextRequest[],
  options: { readonly select: string | null; readonly prune: boolean },
): LoginPlan {
  const view = viewOf(given)
  const edits = new EditList()
  const contexts = new Map<string, string[]>()
  const taken: string[] = []
  const isOurs = (mark: Mark | null): mark is Mark => isOf(mark, account)
  const own = view.all('contexts').filter(({ mark }) => isOurs(mark))

  const wanted = new Set(requests.map(({ kubeCluster }) => kubeCluster))
  const removed = options.prune
    ? own.filter(({ mark }) => mark !== null && !wanted.has(mark.kubeCluster))
    : []
  for (const { name } of removed) removeAll(view, edits, name, isOurs)
  const isRemoved = (name: string): boolean => removed.some((each) => each.name === name)

  const current = view.find('contexts', view.currentContext)
  const inherited =
    current?.mark?.previousContext ??
    own.find(({ mark }) => mark?.previousContext !== undefined)?.mark?.previousContext
  const previous =
    current !== null && current.mark === null ? view.currentContext : (inherited ?? null)

  let selected = isRemoved(view.currentContext)
    ? presentOr(view, previous, isRemoved)
    : view.currentContext
  for (const request of requests) {
    const { kubeCluster } = request
    const isThis = (mark: Mark | null): boolean => isOurs(mark) && mark.kubeCluster === kubeCluster
    const has = own.filter(({ mark }) => isThis(mark)).map(({ name }) => name)
    const wished = request.contextName ?? null
    const names =
      wished !== null
        ? [wished]
        : has.length > 0
          ? has
          : [defaultContextName(account.teleportCluster, kubeCluster)]
    const free = names.filter((name) => sections.every((each) => mayTake(view.find(each, name))))
    taken.push(...names.filter((name) => !free.includes(name)))
    const [first] = free
    const selects = options.select === kubeCluster && first !== undefined
    // Of several contexts of the cluster the current one stays current.
    const target = free.includes(selected) ? selected : first
    if (selects && target !== undefined) selected = target
    for (const name of free) {
      const kept = view.find('contexts', name)?.mark?.previousContext ?? null
      const remembered = name === selected ? (previous ?? kept) : kept
      put(view, edits, name, account, request, remembered)
    }
    contexts.set(kubeCluster, free)

    function mayTake(entry: Found | null): boolean {
      return (
        entry === null ||
        (entry.mark?.teleportCluster === account.teleportCluster &&
          entry.mark.kubeCluster === kubeCluster &&
          isSameTeleport(view, entry, entry.mark, account))
      )
    }
  }
  if (selected !== view.currentContext) {
    const path = selected === '' ? view.currentPath : view.defaultPath
    edits.add(path, { kind: 'select', context: selected })
  }
  return { edits: edits.byPath, contexts, taken, currentContext: selected }
}

export interface LogoutPlan {
  readonly edits: ReadonlyMap<string, readonly Edit[]>
  /** Contexts that go away. */
  readonly removed: readonly string[]
  readonly currentContext: string
}

/**
 * Takes entries of ours away, those that somebody's own context uses excepted, and restores the context that was current
 * before, when it is still there. Throws KubeconfigEditError.
 */
export function planLogout(
  given: readonly KubeconfigFile[],
  goes: (mark: Mark) => boolean,
): LogoutPlan {
  const view = viewOf(given)
  const edits = new EditList()
  const isGoing = (mark: Mark | null): boolean => mark !== null && goes(mark)
  const going = view.all('contexts').filter(({ mark }) => isGoing(mark))
  const removed = [...new Set(going.map(({ name }) => name))]
  for (const name of removed) removeAll(view, edits, name, isGoing)
  for (const section of ['clusters', 'users'] as const) {
    for (const { name, mark } of view.all(section)) {
      if (isGoing(mark) && !removed.includes(name)) removeAll(view, edits, name, isGoing)
    }
  }

  let currentContext = view.currentContext
  if (removed.includes(currentContext)) {
    const mark = going.find(({ name }) => name === currentContext)?.mark
    const previous =
      mark?.previousContext ??
      going.find((each) => each.mark?.previousContext !== undefined)?.mark?.previousContext ??
      null
    currentContext = presentOr(view, previous, (name) => removed.includes(name))
    edits.add(view.currentPath, { kind: 'select', context: currentContext })
  }
  return { edits: edits.byPath, removed, currentContext }
}

/** The context that is current, and its mark when it is ours. Throws KubeconfigEditError. */
export function currentContextOf(
  given: readonly KubeconfigFile[],
): { readonly name: string; readonly mark: Mark | null } | null {
  const view = viewOf(given)
  const found = view.find('contexts', view.currentContext)
  return found === null ? null : { name: found.name, mark: found.mark }
}

const sections = Object.keys(bodyField) as Section[]

const isOf = (mark: Mark | null, account: KubeAccount): boolean =>
  mark !== null && mark.proxy === account.proxy && mark.teleportCluster === account.teleportCluster

/**
 * Whether an entry of ours with the names of an account was written for the same Teleport cluster. Both names are what a server says of
 * itself, so they prove nothing: the entry is of the same proxy, whose authority is pinned, or trusted every authority that the account
 * trusts. That the two share one would not do: an authority is public, and a stranger could name it beside his own.
 */
function isSameTeleport(view: View, entry: Entry, mark: Mark, account: KubeAccount): boolean {
  if (mark.proxy === account.proxy) return true
  const data = view.find('clusters', entry.name)?.body['certificate-authority-data']
  if (typeof data !== 'string') return false
  return authoritiesWithin(account.hostCa, Buffer.from(data, 'base64').toString('utf8'))
}

/** A context that was current before, when it is still there; else none. */
function presentOr(view: View, name: string | null, isGone: (name: string) => boolean): string {
  return name !== null && view.find('contexts', name) !== null && !isGone(name) ? name : ''
}

interface Found extends Entry {
  readonly path: string
  readonly mark: Mark | null
}

/** All files as kubectl sees them: of entries with one name the first counts. */
interface View {
  find(section: Section, name: string): Found | null
  /** Each entry of each file. */
  all(section: Section): readonly Found[]
  readonly currentContext: string
  /** The file that says so. */
  readonly currentPath: string
  /** Where kubectl puts new entries: the first file that exists, else the last of the list. */
  readonly defaultPath: string
}

function viewOf(given: readonly KubeconfigFile[]): View {
  const files = given.map(({ path, text }) => ({
    path,
    exists: text !== null,
    parsed: parseKubeconfigText(text ?? '', path),
  }))
  const [defaultFile] = [...files.filter(({ exists }) => exists), ...files.slice(-1)]
  if (defaultFile === undefined) throw new TypeError('"given" must name a file')
  const all = (section: Section): Found[] =>
    files.flatMap(({ path, parsed }) =>
      parsed.sections[section].map((entry) => ({ ...entry, path, mark: markOf(entry.body) })),
    )
  const lists = { clusters: all('clusters'), users: all('users'), contexts: all('contexts') }
  const current = files.find(({ parsed }) => parsed.currentContext !== '') ?? defaultFile
  return {
    find: (section, name) => lists[section].find((entry) => entry.name === name) ?? null,
    all: (section) => lists[section],
    currentContext: current.parsed.currentContext,
    currentPath: current.path,
    defaultPath: defaultFile.path,
  }
}

class EditList {
  readonly byPath = new Map<string, Edit[]>()

  add(path: string, edit: Edit): void {
    this.byPath.set(path, [...(this.byPath.get(path) ?? []), edit])
  }
}

function put(
  view: View,
  edits: EditList,
  name: string,
  account: KubeAccount,
  request: ContextRequest,
  previousContext: string | null,
): void {
  const own: Mark = {
    proxy: account.proxy,
    user: account.user,
    teleportCluster: account.teleportCluster,
    kubeCluster: request.kubeCluster,
  }
  const credentials = account.credentials(request.kubeCluster)
  const { impersonate, namespace } = request
  const set: Readonly<Record<Section, Readonly<Record<string, Value | null>>>> = {
    clusters: {
      server: kubeServerUrl(account.server, request.serverName),
      'tls-server-name': request.serverName,
      'certificate-authority-data': Buffer.from(account.hostCa).toString('base64'),
      'certificate-authority': null,
      'insecure-skip-tls-verify': null,
    },
    users: {
      ...Object.fromEntries(OTHER_CREDENTIALS.map((field) => [field, null])),
      ...credentials,
      ...(impersonate === undefined
        ? {}
        : {
            as: impersonate.user,
            'as-groups': impersonate.groups.length === 0 ? null : impersonate.groups,
          }),
    },
    contexts: {
      cluster: name,
      user: name,
      ...(namespace === undefined ? {} : { namespace }),
    },
  }
  for (const section of sections) {
    const mark =
      section === 'contexts' && previousContext !== null ? { ...own, previousContext } : own
    const path = view.find(section, name)?.path ?? view.defaultPath
    edits.add(path, { kind: 'put', section, name, set: set[section], mark })
  }
}

/** Removes what is ours under a name, in every file. */
function removeAll(
  view: View,
  edits: EditList,
  name: string,
  isOurs: (mark: Mark | null) => boolean,
): void {
  for (const section of sections) {
    if (section !== 'contexts' && isUsed(view, section, name, isOurs)) continue
    for (const entry of view.all(section)) {
      if (entry.name === name && isOurs(entry.mark)) {
        edits.add(entry.path, { kind: 'remove', section, name })
      }
    }
  }
}

/** Whether a context that stays refers to an entry. */
const isUsed = (
  view: View,
  section: 'clusters' | 'users',
  name: string,
  isOurs: (mark: Mark | null) => boolean,
): boolean =>
  view.all('contexts').some(({ mark, body }) => !isOurs(mark) && body[bodyField[section]] === name)

/** Several contexts would get one name. */
export function assertDistinct(names: readonly string[]): void {
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice === undefined) return
  throw new KubeconfigEditError(
    'CONTEXT_TAKEN',
    `two Kubernetes clusters would get the context name ${JSON.stringify(twice)}`,
    { facts: { name: twice } },
  )
}
