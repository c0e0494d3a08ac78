import { exitCodes } from '../../exit-codes.ts'
import { printable } from '../../format.ts'
import { tshContext } from '../context.ts'
import { buildTsh } from '../program.ts'
import type { TshWorld } from '../world.ts'
import { candidates } from './candidates.ts'

/**
 * `tsh __complete`: from what is kept of the last answers, since nobody waits for a server at a
 * tab. It is no command of commander's, who would take flags among the words as his own.
 */
export async function complete(world: TshWorld, words: readonly string[]): Promise<number> {
  const program = buildTsh(world.io, world)
  const context = tshContext(world, () => ({}))
  const { store } = context
  const found = await candidates(program, words, {
    async kubeClusters() {
      const { proxy, user } = context.wanted()
      const profile = await store.find({
        ...(proxy === null ? {} : { proxy: proxy.text }),
        ...(user === null ? {} : { user }),
      })
      return (profile?.access?.kube_clusters ?? []).map(({ name, online }) => ({
        word: name,
        says: online ? 'Kubernetes cluster' : 'Kubernetes cluster (offline)',
      }))
    },
    async proxies() {
      const profiles = await store.list()
      return [...new Set(profiles.map(({ profile }) => profile.proxy))].map((word) => ({
        word,
        says: 'proxy',
      }))
    },
    async users() {
      const profiles = await store.list()
      return [...new Set(profiles.map(({ profile }) => profile.user))].map((word) => ({
        word,
        says: 'user',
      }))
    },
  })
  for (const { word, says } of found) {
    // A name that cannot be typed cannot be completed.
    if (printable(word) === word) world.io.stdout.write(`${word}\t${printable(says)}\n`)
  }
  return exitCodes.ok.code
}
