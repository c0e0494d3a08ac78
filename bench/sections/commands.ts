import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import { number } from '../report.ts'
import { realKubeconfig, root } from '../support.ts'
import { wallMs } from '../wall.ts'

/** What a person waits for: kubectl by each kind of kubeconfig, and tsh. */
export async function commands(bench: Bench): Promise<void> {
  const { parties, report } = bench
  const real = await realKubeconfig()
  const product = await parties.product('commands', { kubeconfig: real })
  const person = await parties.person(product, 'person')
  const getPods = ['get', 'pods', '--namespace=default']
  const { direct, files, login } = await wallMs(bench, {
    direct: { program: bench.kubectl, args: ['--kubeconfig', real, ...getPods] },
    files: { program: bench.kubectl, args: ['--kubeconfig', product.signed, ...getPods] },
    login: { program: bench.kubectl, args: getPods, env: person.env },
  })
  report.table(
    ['`kubectl get pods`, real cluster', 'ms, median', 'of direct'],
    [
      ['direct', number(direct, 1), '1'],
      [
        'Teleport, certificate and key in the kubeconfig',
        number(files, 1),
        number(files / direct, 3),
      ],
      ['Teleport, the kubeconfig of `tsh login`', number(login, 1), number(login / direct, 3)],
    ],
  )
  const wall = login / direct
  report.aim(
    'wall time of `kubectl get pods`',
    '≤ 1.10x direct',
    `${number(wall, 2)}x`,
    wall <= 1.1,
  )
  const path = login / files
  report.aim('kubeconfig of `tsh login`', '≤ 1.10x of files', `${number(path, 2)}x`, path <= 1.1)

  const empty = join(person.home, 'empty.mjs')
  await writeFile(empty, '')
  const tsh = join(root, 'bin/tsh')
  const { script, node, credentials, ls } = await wallMs(bench, {
    script: { program: person.script, args: [], env: person.env },
    node: { program: process.execPath, args: [empty] },
    credentials: {
      program: tsh,
      args: ['kube', 'credentials', `--proxy=${person.proxy}`],
      env: person.env,
    },
    ls: { program: tsh, args: ['kube', 'ls'], env: person.env },
  })
  report.table(
    ['cold start', 'ms, median', 'of an empty script'],
    [
      [
        'the script that kubectl runs while a login is good',
        number(script, 1),
        number(script / node, 2),
      ],
      ['an empty script for Node', number(node, 1), '1'],
      ['`tsh kube credentials`', number(credentials, 1), number(credentials / node, 2)],
      ['`tsh kube ls`, proxy on this machine', number(ls, 1), number(ls / node, 2)],
    ],
  )
  report.aim('`tsh kube credentials`', '≤ 60 ms', `${number(credentials, 1)} ms`, credentials <= 60)
  report.aim('`tsh kube ls`', '≤ 250 ms', `${number(ls, 1)} ms`, ls <= 250)
}
