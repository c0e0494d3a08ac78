import { mustRun } from '../../support/process.ts'
import type { Cluster } from './environment.ts'

const SERVES_HTTP =
  'mkdir -p /www; echo hello > /www/index.html; httpd -p 8080 -h /www; while true; do echo tick; sleep 1; done'

const POD = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'box' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: 'docker.io/local/busybox:1',
        imagePullPolicy: 'Never',
        command: ['sh', '-c', SERVES_HTTP],
      },
    ],
  },
})

/**
 * A new namespace with the pod `box` that runs: it has a shell, says `tick` every second and `hello` at port 8080. Resolves to
 * how to have the namespace removed.
 */
export async function startBox(
  { kubectl, kubeconfig }: Cluster,
  namespace: string,
): Promise<() => Promise<void>> {
  const direct = (args: readonly string[], input = ''): Promise<string> =>
    mustRun(kubectl, ['--kubeconfig', kubeconfig, '-n', namespace, ...args], { input })
  await direct(['create', 'namespace', namespace])
  // Pods need it, and a controller makes it a moment after the namespace.
  for (let found = ''; !found.includes('/default'); ) {
    found = await direct(['get', 'serviceaccounts', '-o', 'name'])
  }
  await direct(['apply', '-f', '-'], POD)
  await direct(['wait', '--for=condition=Ready', 'pod/box', '--timeout=120s'])
  return async () => {
    await direct(['delete', 'namespace', namespace, '--wait=false'])
  }
}
