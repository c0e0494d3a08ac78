import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

/** The files of $KUBECONFIG that exist, in their order, else ~/.kube/config; empty when there is none. */
export async function currentKubeconfigs(
  env: Readonly<Record<string, string | undefined>>,
): Promise<string[]> {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  const home = env['HOME'] ?? homedir()
  const candidates = listed.length > 0 ? listed : [join(home, '.kube', 'config')]
  const found: string[] = []
  for (const candidate of candidates) {
    const path = resolve(candidate)
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (there) found.push(path)
  }
  return found
}
