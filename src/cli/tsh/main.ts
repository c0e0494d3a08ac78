import { writeSync } from 'node:fs'

// Nothing else is loaded before it is known that kubectl does not wait for one file to be read.
const [noun, verb, ...rest] = process.argv.slice(2)
const isCredentials = noun === 'kube' && verb === 'credentials'

if (!isCredentials || !(await isCached())) {
  const { runTsh } = await import('./run-tsh.ts')
  process.exitCode = await runTsh(process.argv.slice(2))
}

async function isCached(): Promise<boolean> {
  const { cachedCredential } = await import('./kube/cached-credential.ts')
  const credential = cachedCredential(rest, process.env, Date.now())
  // Not process.stdout, whose stream takes longer to load than this file.
  if (credential !== null) writeSync(1, `${credential}\n`)
  return credential !== null
}
