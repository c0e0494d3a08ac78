import type { ProfileStore } from '../../../client/index.ts'
import type { Candidate, Slot } from '../../completion/candidates.ts'
import { complete as answer } from '../../completion/complete.ts'
import { sessionKinds } from '../../sessions/list.ts'
import { tshContext } from '../context.ts'
import { buildTsh } from '../program.ts'
import type { TshWorld } from '../world.ts'

/** `tsh __complete`: from what is kept of the last answers, since nobody waits for a server at a tab. */
export async function complete(world: TshWorld, words: readonly string[]): Promise<number> {
  const context = tshContext(world, () => ({}))
  const kubeClusters = async (): Promise<readonly Candidate[]> => {
    const { proxy, user } = context.wanted()
    const profile = await context.store.find({
      ...(proxy === null ? {} : { proxy: proxy.text }),
      ...(user === null ? {} : { user }),
    })
    return (profile?.access?.kube_clusters ?? []).map(({ name, online }) => ({
      word: name,
      says: online ? 'Kubernetes cluster' : 'Kubernetes cluster (offline)',
    }))
  }
  return answer(world.io, buildTsh(world.io, world), words, async (slot) => {
    if ('argument' in slot) {
      const { command, argument } = slot
      const isCluster =
        (command.parent?.name() === 'kube' && argument.name() === 'name') ||
        (command.parent?.name() === 'proxy' && argument.name() === 'clusters')
      return isCluster ? kubeClusters() : []
    }
    switch (slot.option.long) {
      case '--kube-cluster':
      case '--cluster':
        return kubeClusters()
      case '--proxy':
        return keptProxies(context.store)
      case '--user':
        return keptUsers(context.store)
      case '--format':
        return formatsOf(slot)
      case '--kind':
        return sessionKinds.map((word) => ({ word, says: 'sessions' }))
      case '--auth':
        return [{ word: 'local', says: slot.option.description }]
      default:
        return []
    }
  })
}

const formatsOf = ({ command }: Slot): readonly Candidate[] =>
  (command.name() === 'login' ? ['file', 'kubernetes'] : ['text', 'json', 'yaml']).map((word) => ({
    word,
    says: '',
  }))

/** The proxies of all logins. */
export async function keptProxies(store: ProfileStore): Promise<readonly Candidate[]> {
  const profiles = await store.list()
  return [...new Set(profiles.map(({ profile }) => profile.proxy))].map((word) => ({
    word,
    says: 'proxy',
  }))
}

async function keptUsers(store: ProfileStore): Promise<readonly Candidate[]> {
  const profiles = await store.list()
  return [...new Set(profiles.map(({ profile }) => profile.user))].map((word) => ({
    word,
    says: 'user',
  }))
}
