import { homedir } from 'node:os'
import { join } from 'node:path'
import { ProfileStore } from '../../client/index.ts'
import type { Candidate, Slot } from '../completion/candidates.ts'
import { complete as answer } from '../completion/complete.ts'
import type { Io } from '../io.ts'
import { sessionKinds } from '../sessions/list.ts'
import { keptProxies } from '../tsh/completion/complete.ts'
import { buildTctl } from './program.ts'
import { kinds } from './resources/kinds.ts'

/** `tctl __complete`: nobody waits for a server at a tab, so names of resources are not among the words. */
export function complete(io: Io, words: readonly string[], userHome = homedir()): Promise<number> {
  return answer(io, buildTctl(io), words, async (slot) => {
    if ('argument' in slot) return kindWords(slot)
    switch (slot.option.long) {
      case '--format':
        return formatWords(slot)
      case '--type':
        return ['kube', 'proxy', 'proxy,kube'].map((word) => ({ word, says: 'may join' }))
      case '--services':
        return ['kube', 'proxy'].map((word) => ({ word, says: '' }))
      case '--kind':
        return sessionKinds.map((word) => ({ word, says: 'sessions' }))
      case '--proxy':
        return keptProxies(new ProfileStore(io.env['TELEPORT_HOME'] || join(userHome, '.tsh')))
      default:
        return []
    }
  })
}

function kindWords({ command }: Slot): readonly Candidate[] {
  // `tctl users rm` is another.
  if (command.parent?.name() !== 'tctl') return []
  switch (command.name()) {
    case 'get':
      return [
        ...kinds.map(({ kind, aliases: [plural], onlyName, says }) => ({
          word: onlyName === undefined ? (plural ?? kind) : kind,
          says,
        })),
        { word: 'all', says: 'every kind' },
      ]
    case 'edit':
      return kinds.filter(({ create }) => create !== undefined).map(reference)
    case 'rm':
      return kinds.filter(({ remove }) => remove !== undefined).map(reference)
    default:
      return []
  }
}

const reference = ({ kind, onlyName, says }: (typeof kinds)[number]): Candidate => ({
  word: onlyName === undefined ? `${kind}/` : kind,
  says,
})

const formatWords = ({ command }: Slot): readonly Candidate[] =>
  (command.name() === 'sign' ? ['file', 'kubernetes', 'tls'] : ['text', 'json', 'yaml']).map(
    (word) => ({ word, says: '' }),
  )
