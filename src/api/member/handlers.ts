import { type AuditEvent, type EncodedEvent, encodeEvent } from '../../audit/index.ts'
import { MEMBER_STATE_WAIT_MS } from '../../contract/index.ts'
import { kubeServerName, proxyServerName, SERVER_NAME_SUFFIX } from '../../protocol/index.ts'
import { assertVersion } from '../assert-version.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps, Member } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { issueHost } from '../issue-host.ts'
import { Entitlements } from '../kube/entitlement.ts'
import type { Announcement } from '../kube-clusters.ts'
import { MIN_SERVER_CERTIFICATE_TTL_MS } from '../limits.ts'
import { judgeEvent } from './judge-event.ts'
import type { MemberStateFeed } from './state-feed.ts'

type MemberHandlers = Pick<
  Handlers,
  | 'member.state'
  | 'member.events'
  | 'member.heartbeat'
  | 'member.proxy_heartbeat'
  | 'member.server_certificates'
  | 'member.proxy_certificate'
>

/** Names that an event tells at most, however many it is about. */
const MAX_NAMES_TOLD = 50

/** What services of ours in other processes call. */
export function memberHandlers(
  deps: ApiDeps,
  audit: ApiAudit,
  feed: MemberStateFeed,
): MemberHandlers {
  const { membership, kubeClusters, authorities, clock, clusterName } = deps

  const { dynamicClusters, joining } = deps
  const entitlements = new Entitlements(joining.tokens)

  /**
   * Splits names into those that the caller may serve, and those that it may not: its lineage owns them from now on, or, of
   * dynamic clusters, its join token gives them to it.
   */
  const claim = async (
    { record, identity: { hostId } }: Member,
    clusters: readonly { readonly name: string; readonly dynamic: boolean }[],
  ): Promise<{ mine: Set<string>; refused: { name: string; message: string }[] }> => {
    const mine = new Set<string>()
    const refused: { name: string; message: string }[] = []
    const allowed = clusters.some(({ dynamic }) => dynamic) ? await entitlements.of(record) : null
    for (const { name, dynamic } of clusters) {
      const resource = dynamicClusters.find(name)
      const problem = dynamic
        ? resource !== null && allowed?.select(resource.labels) === true
          ? null
          : notGiven(name)
        : resource !== null
          ? writtenDown(name)
          : // Nobody frees a name that is served: it is still whose it was at the last word.
            kubeClusters.isServing(hostId, name) || (await membership.claim(name, record.lineage))
            ? null
            : foreignName(name)
      if (problem === null) mine.add(name)
      else refused.push({ name, message: problem })
    }
    return { mine, refused }
  }

  return {
    'member.state': async ({ caller, query }) => {
      if (query.wait !== false) {
        await feed.news(caller.identity.hostId, query.after, MEMBER_STATE_WAIT_MS)
      }
      const { text, hash } = feed.current()
      const { statement, signature } = feed.statement()
      return { statement, signature, state: hash === query.after ? null : text }
    },

    'member.events': async ({ caller, body }) => {
      const { hostId } = caller.identity
      const good: EncodedEvent[] = []
      const refused: { uid: string; message: string }[] = []
      for (const event of body.events as AuditEvent[]) {
        // Who delivered it is our word, not the event's.
        const encoded = encodeEvent({ ...event, delivered_by: hostId })
        const problem =
          judgeEvent(event, { hostId, clusterName, bytes: encoded.json.length }) ??
          (await foreignCluster(encoded.kubeCluster))
        if (problem === null) good.push(encoded)
        else refused.push({ uid: event.uid, message: problem })
      }
      if (good.length > 0) await deps.eventSink.store(good)
      if (refused.length > 0) {
        await audit.gather(caller, 'auth', {
          path: '/v1/member/events',
          error_code: 'EVENT_REFUSED',
          error: `${refused.length} events were refused, the first since ${refused[0]?.message}`,
        })
      }
      return { refused }

      async function foreignCluster(name: string | null): Promise<string | null> {
        if (name === null || (await kubeClusters.announced(hostId, name))) return null
        return 'it is about a Kubernetes cluster that the service may not serve'
      }
    },

    'member.heartbeat': async ({ caller, body }) => {
      assertVersion(deps.version, body.version)
      const { hostId } = caller.identity
      const { mine, refused } = await claim(
        caller,
        body.clusters.map(({ name, dynamic = false }) => ({ name, dynamic })),
      )
      const clusters = body.clusters
        .filter(({ name }) => mine.has(name))
        .map(
          (cluster): Announcement => ({
            name: cluster.name,
            serverName: kubeServerName(clusterName, cluster.name),
            // Of what was written down, the labels are not the service's to say.
            labels: dynamicClusters.find(cluster.name)?.labels ?? cluster.labels,
            unknownLabels: cluster.unknown_labels,
            health: cluster.health,
            problem: cluster.problem,
            sinceMs: timeOf(cluster.since, clock.now()),
            kubernetesVersion: cluster.kubernetes_version,
            version: body.version,
            address: body.address,
          }),
        )
      await Promise.all([
        kubeClusters.announce(hostId, clusters),
        membership.seen(caller.record, { version: body.version, address: caller.address }),
      ])
      return { refused }
    },

    'member.proxy_heartbeat': async ({ caller, body }) => {
      assertVersion(deps.version, body.version)
      const { hostId } = caller.identity
      await Promise.all([
        body.tunnel_addresses.length === 0
          ? deps.proxies.withdraw(hostId)
          : deps.proxies.announce({
              hostId,
              version: body.version,
              sinceMs: body.since_ms,
              tunnel: body.tunnel_addresses,
              web: body.web_address,
              kube: body.kube_address,
            }),
        membership.seen(caller.record, { version: body.version, address: caller.address }),
      ])
      const direct = kubeClusters
        .dialled()
        .map(({ serverName, addresses }) => ({ server_name: serverName, addresses }))
      return { direct }
    },

    'member.server_certificates': async ({ caller, body }) => {
      const { hostId } = caller.identity
      const written = new Set(body.dynamic)
      const { mine, refused } = await claim(
        caller,
        [...new Set(body.clusters)].map((name) => ({ name, dynamic: written.has(name) })),
      )
      const names = [...mine]
      const certificates = await Promise.all(
        names.map(async (name) => {
          const serverName = kubeServerName(clusterName, name)
          const issued = await issueHost(authorities, {
            identity: { kind: 'host', teleportCluster: clusterName, hostId, services: ['kube'] },
            publicKeyPem: body.public_key,
            dnsNames: [serverName],
            ipAddresses: [],
            ttlMs: Math.max(MIN_SERVER_CERTIFICATE_TTL_MS, 2 * feed.offlineAccessMs()),
          })
          const expires = new Date(issued.expiresAtMs).toISOString()
          return { name, server_name: serverName, certificate: issued.certificatePem, expires }
        }),
      )
      if (names.length > 0) {
        await audit.note(caller, 'cert.create', {
          cert_type: 'host',
          server_id: hostId,
          kubernetes_clusters: names.slice(0, MAX_NAMES_TOLD),
          certificates: names.length,
          expires: certificates[0]?.expires,
        })
      }
      return { certificates, refused }
    },

    'member.proxy_certificate': async ({ caller, body }) => {
      const { hostId } = caller.identity
      // Names of ours are never a proxy's to choose: it would stand for a cluster, or for this service.
      const foreign = body.names.find((name) => isOurs(name))
      if (foreign !== undefined) {
        throw new ApiError('BAD_REQUEST', `body/names: "${foreign}" is no name of a proxy`)
      }
      const dnsNames = [proxyServerName(clusterName), ...body.names]
      const issued = await issueHost(authorities, {
        identity: { kind: 'host', teleportCluster: clusterName, hostId, services: ['proxy'] },
        publicKeyPem: body.public_key,
        dnsNames,
        ipAddresses: body.addresses,
        ttlMs: Math.max(MIN_SERVER_CERTIFICATE_TTL_MS, 2 * feed.offlineAccessMs()),
      })
      const expires = new Date(issued.expiresAtMs).toISOString()
      await audit.note(caller, 'cert.create', { cert_type: 'host', server_id: hostId, expires })
      return { certificate: issued.certificatePem, expires }
    },
  }
}

const foreignName = (name: string): string =>
  `Kubernetes cluster "${name}" belongs to agents of another join token: choose another name, or let an administrator free it with "tctl rm kube_server/${name}"`

const writtenDown = (name: string): string =>
  `Kubernetes cluster "${name}" is a kube_cluster resource of this Teleport cluster: choose another name in the configuration of the service, or let an administrator remove the resource with "tctl rm kube_cluster/${name}"`

const notGiven = (name: string): string =>
  `Kubernetes cluster "${name}" is no kube_cluster resource (any more) that the join token of the service gives to it`

/** A service's clock may be wrong; what begins in the future begins now. */
function timeOf(text: string, nowMs: number): number {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? nowMs : Math.min(ms, nowMs)
}

/** Wildcards and endings with a dot included. */
function isOurs(name: string): boolean {
  const plain = name.toLowerCase().replace(/\.$/, '')
  return plain === SERVER_NAME_SUFFIX || plain.endsWith(`.${SERVER_NAME_SUFFIX}`)
}
