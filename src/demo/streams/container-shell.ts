import type { ApiEnv } from '../api/env.ts'
import { type JsonObject, listAt, textAt, textsAt } from '../json.ts'
import { FileSystem } from '../shell/file-system.ts'
import { HELP } from '../shell/programs.ts'
import type { ShellEnv } from '../shell/shell.ts'
import { nameOf, namespaceOf } from '../store/store.ts'
import { DEMO_WORDS } from '../version.ts'

/** What a shell finds in a container: its name, its variables, a few files that say what this is. */
export function shellEnvOf(
  env: ApiEnv,
  pod: JsonObject,
  container: JsonObject,
  terminal: boolean,
): ShellEnv {
  const hostname = textAt(pod, 'spec', 'hostname') || nameOf(pod)
  return {
    hostname,
    variables: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOSTNAME: hostname,
      HOME: '/root',
      ...(terminal ? { TERM: 'xterm' } : {}),
      ...variablesOf(env, pod, container),
    },
    files: new FileSystem({
      '/README': `${DEMO_WORDS}\n\n${HELP}`,
      '/etc/hostname': `${hostname}\n`,
      '/etc/os-release': 'NAME="Teleport demo"\nID=demo\nPRETTY_NAME="Teleport demo, in memory"\n',
      '/bin/sh': '#!demo\n',
      '/var/run/secrets/kubernetes.io/serviceaccount/namespace': namespaceOf(pod),
      ...mounted(env, pod, container),
    }),
    nowMs: env.now,
    sleep: (ms, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = env.scheduler.after(ms, resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
      if (signal.aborted) resolve()
      return promise.finally(cancel)
    },
  }
}

function variablesOf(env: ApiEnv, pod: JsonObject, container: JsonObject): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const source of listAt(container, 'envFrom')) {
    const data = textsAt(
      env.store.get('configmaps.', namespaceOf(pod), textAt(source, 'configMapRef', 'name')) ?? {},
      'data',
    )
    for (const [key, value] of Object.entries(data)) {
      variables[`${textAt(source, 'prefix')}${key}`] = value
    }
  }
  for (const variable of listAt(container, 'env')) {
    const reference = textAt(variable, 'valueFrom', 'configMapKeyRef', 'name')
    const key = textAt(variable, 'valueFrom', 'configMapKeyRef', 'key')
    const found =
      reference === ''
        ? ''
        : textAt(env.store.get('configmaps.', namespaceOf(pod), reference) ?? {}, 'data', key)
    variables[textAt(variable, 'name')] = textAt(variable, 'value') || found
  }
  return variables
}

/** Config maps that are mounted are files, as in a real container. Secrets are not: nothing needs them here. */
function mounted(env: ApiEnv, pod: JsonObject, container: JsonObject): Record<string, string> {
  const files: Record<string, string> = {}
  for (const mount of listAt(container, 'volumeMounts')) {
    const volume = listAt(pod, 'spec', 'volumes').find(
      (item) => textAt(item, 'name') === textAt(mount, 'name'),
    )
    const name = textAt(volume, 'configMap', 'name')
    if (name === '') continue
    const data = textsAt(env.store.get('configmaps.', namespaceOf(pod), name) ?? {}, 'data')
    for (const [key, value] of Object.entries(data)) {
      files[`${textAt(mount, 'mountPath').replace(/\/+$/, '')}/${key}`] = value
    }
  }
  return files
}
