import type { Finished } from '../../support/process.ts'

/** A kubelet's habit, not a fault that heals: asked more often it would hide one of ours. */
const ROUNDS = 5

/**
 * `kubectl cp <from> <to>`, out of a pod. On a busy machine a kubelet may end the stream of a process that has exited before all of its
 * output was read (kubernetes/kubernetes#60140), with and without us. Newer kubectls ask again from there with `--retries`, unless they
 * are told that the connection broke, as we and WebSockets tell them; older ones say `unexpected EOF`. A copy that was cut never looks whole.
 */
export async function copyOut(
  kubectl: (args: readonly string[]) => Promise<Finished>,
  version: string,
  [from, to]: readonly [string, string],
): Promise<Finished> {
  const retries = Number(version.slice(2)) >= 27 ? ['--retries=10'] : []
  for (let round = 1; ; round += 1) {
    const ran = await kubectl(['cp', ...retries, from, to])
    if (ran.code === 0 || round === ROUNDS || !CUT.test(ran.stderr)) return ran
  }
}

const CUT = /unexpected EOF|broke: the request may have been carried out/
