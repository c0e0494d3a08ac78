import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { TestDaemon } from '../support/daemon.ts'
import { type Finished, mustRun, Running } from '../support/process.ts'
import {
  type ApiServerEvent,
  apiServerAudit,
  type Cluster,
  contextOf,
  kubectlWith,
  mergedKubeconfig,
} from './support/environment.ts'
import { describeWitnesses } from './support/witnesses.ts'

const ROLES = [
  // Who may reach what: by labels, and by what the user record says.
  role('developer', {
    kubernetes_labels: { env: 'dev' },
    kubernetes_groups: ['{{internal.kubernetes_groups}}'],
  }),
  role('operator', {
    kubernetes_labels: { env: ['dev', 'prod'] },
    kubernetes_groups: ['{{internal.kubernetes_groups}}'],
    kubernetes_users: ['{{internal.kubernetes_users}}'],
  }),
]

function role(name: string, allow: object): object {
  return { kind: 'role', version: 'v7', metadata: { name }, spec: { allow } }
}

describeWitnesses('people on Kubernetes', people)

function people(cluster: Cluster): void {
  let directory: string
  let daemon: TestDaemon
  const context = `e2e.example.com-${contextOf(cluster)}`
  const run = Date.now().toString(36)
  const [red, blue] = [`red-${run}`, `blue-${run}`]

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-identity-'))
    daemon = await TestDaemon.start({
      kubeconfig: await mergedKubeconfig(directory, [cluster]),
      labels: { env: 'prod' },
    })
    for (const one of ROLES) {
      const file = join(directory, 'role.yaml')
      await writeFile(file, stringify(one))
      await daemon.tctl('create', '-f', file)
    }
    // The clusters' own RBAC, given by its administrator: each group sees the pods of one namespace.
    for (const team of [red, blue]) {
      await direct('create', 'namespace', team)
      await direct(
        'create',
        'rolebinding',
        'see',
        '-n',
        team,
        '--clusterrole=view',
        `--group=${team}`,
      )
    }
  })
  afterAll(async () => {
    await direct('delete', 'namespace', red, blue, '--wait=false')
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const direct = (...args: readonly string[]): Promise<string> =>
    mustRun(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args])

  async function person(
    user: string,
    flags: readonly string[],
  ): Promise<(...args: string[]) => Promise<Finished>> {
    await daemon.tctl('users', 'add', user, ...flags)
    const kubeconfig = await daemon.sign(user, '--ttl=8760h')
    const cache = join(directory, `cache-${user}`)
    await mkdir(cache, { recursive: true })
    const kubectl = kubectlWith(cluster.kubectl, kubeconfig, context, cache)
    return (...args) => kubectl(args)
  }

  /** What the API server itself wrote about requests to a path, of those who were impersonated. */
  const seenByApiServer = async (path: string): Promise<ApiServerEvent[]> =>
    (await apiServerAudit(cluster)).filter(
      ({ requestURI, impersonatedUser }) =>
        impersonatedUser !== undefined && requestURI.split('?')[0] === path,
    )

  it('see what Kubernetes RBAC gives them, under their own names', async () => {
    const alice = await person(`alice-${run}`, ['--roles=operator', `--k8s-groups=${red}`])
    const bob = await person(`bob-${run}`, ['--roles=operator', `--k8s-groups=${blue}`])
    for (const [who, user, mine, other] of [
      [alice, `alice-${run}`, red, blue],
      [bob, `bob-${run}`, blue, red],
    ] as const) {
      expect(await who('get', 'pods', '-n', mine)).toMatchObject({ code: 0 })
      const refused = await who('get', 'pods', '-n', other)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain(`User "${user}" cannot list resource "pods"`)
      const events = await seenByApiServer(`/api/v1/namespaces/${mine}/pods`)
      const own = events.filter(({ impersonatedUser }) => impersonatedUser?.username === user)
      expect(own.length).toBeGreaterThan(0)
      for (const { impersonatedUser } of own) {
        expect([...(impersonatedUser?.groups ?? [])].sort()).toEqual([mine, 'system:authenticated'])
      }
    }
    const mine = await daemon.events(`--user=alice-${run}`, '--event=kube.request')
    expect(mine.find((event) => event['resource_namespace'] === blue)).toMatchObject({
      kubernetes_cluster: contextOf(cluster),
      kubernetes_users: [`alice-${run}`],
      kube_verb: 'list',
      resource_kind: 'pods',
      response_code: 403,
    })
  })

  it('act as others within what their roles give, and no further', async () => {
    const user = `carol-${run}`
    const carol = await person(user, [
      '--roles=operator',
      `--k8s-groups=${red},${blue}`,
      `--k8s-users=${user},deployer-${run}`,
    ])
    const path = `/api/v1/namespaces/${red}/configmaps`
    const list = (...flags: string[]): Promise<Finished> =>
      carol('get', 'configmaps', '-n', red, ...flags)
    expect(await list(`--as=deployer-${run}`)).toMatchObject({ code: 0 })
    expect(await list(`--as=${user}`, `--as-group=${red}`)).toMatchObject({ code: 0 })
    const narrowed = await list(`--as=${user}`, `--as-group=${blue}`)
    expect(narrowed.code).toBe(1)
    const before = (await seenByApiServer(path)).map(({ impersonatedUser }) => ({
      user: impersonatedUser?.username,
      groups: [...(impersonatedUser?.groups ?? [])].sort(),
    }))
    expect(before).toContainEqual({
      user: `deployer-${run}`,
      groups: [blue, red, 'system:authenticated'].sort(),
    })
    expect(before).toContainEqual({ user, groups: [red, 'system:authenticated'] })
    expect(before).toContainEqual({ user, groups: [blue, 'system:authenticated'] })

    for (const flags of [
      ['--as=mallory'],
      ['--as=system:admin'],
      [`--as=${user}`, '--as-group=system:masters'],
    ]) {
      const refused = await list(...flags)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/Forbidden|forbidden/)
    }
    expect(await seenByApiServer(path)).toHaveLength(before.length)
    const denied = await daemon.events(`--user=${user}`, '--event=kube.request')
    const codes = denied.map((event) => event['error_code']).filter((code) => code !== undefined)
    expect(codes.filter((code) => code === 'IMPERSONATION_DENIED').length).toBeGreaterThanOrEqual(3)
  })

  it('are, as a ServiceAccount, in the groups that Kubernetes gives to it, unless they choose others', async () => {
    const account = `system:serviceaccount:${red}:deployer`
    const user = `grace-${run}`
    const grace = await person(user, [
      '--roles=operator',
      `--k8s-groups=${blue}`,
      `--k8s-users=${user},${account}`,
    ])
    const all = `system:serviceaccounts:${red}`
    await direct(
      'create',
      'rolebinding',
      'accounts',
      '-n',
      red,
      '--clusterrole=view',
      `--group=${all}`,
    )
    const path = `/api/v1/namespaces/${red}/endpoints`
    const list = (...flags: string[]): Promise<Finished> =>
      grace('get', 'endpoints', '-n', red, ...flags)
    // What is bound to the group of the namespace's accounts is theirs through us, too.
    expect(await list(`--as=${account}`)).toMatchObject({ code: 0 })
    expect(await list(`--as=${account}`, `--as-group=${all}`)).toMatchObject({ code: 0 })
    expect(await list(`--as=${account}`, `--as-group=${blue}`)).toMatchObject({ code: 1 })
    expect(await list(`--as=${user}`)).toMatchObject({ code: 1 })
    const foreign = await list(`--as=${user}`, `--as-group=${all}`)
    expect(foreign.stderr).toContain(`impersonation of group "${all}" is not allowed`)
    const seen = (await seenByApiServer(path)).map(({ impersonatedUser }) => ({
      user: impersonatedUser?.username,
      groups: [...(impersonatedUser?.groups ?? [])].sort(),
    }))
    const authenticated = 'system:authenticated'
    for (const groups of [
      [blue, authenticated, 'system:serviceaccounts', all],
      [authenticated, all],
      [blue, authenticated],
    ]) {
      expect(seen).toContainEqual({ user: account, groups: groups.sort() })
    }
    expect(seen).toContainEqual({ user, groups: [blue, authenticated].sort() })
    expect(seen.filter((one) => one.user === user && one.groups.includes(all))).toEqual([])
    expect(await daemon.events(`--user=${user}`, '--event=kube.request')).toContainEqual(
      expect.objectContaining({
        kubernetes_users: [account],
        kubernetes_groups: expect.arrayContaining(['system:serviceaccounts', all]),
      }),
    )

    // A role that denies the groups of accounts takes them away.
    const file = join(directory, 'role.yaml')
    await writeFile(
      file,
      stringify({
        kind: 'role',
        version: 'v7',
        metadata: { name: 'no-accounts' },
        spec: { deny: { kubernetes_groups: ['system:serviceaccounts*'] } },
      }),
    )
    await daemon.tctl('create', '-f', file)
    await daemon.tctl('users', 'update', user, '--set-roles=operator,no-accounts')
    expect(await list(`--as=${account}`)).toMatchObject({ code: 1 })
  })

  it('are kept out of what is labelled env: prod, and the denial is in our audit', async () => {
    const user = `dave-${run}`
    const dave = await person(user, ['--roles=operator', `--k8s-groups=${red}`])
    await daemon.tctl('users', 'update', user, '--set-roles=developer')
    // Nothing is signed for a cluster that the roles do not reach either.
    const unsigned = await daemon.tryTctl([
      'auth',
      'sign',
      `--user=${user}`,
      '--format=kubernetes',
      `--out=${join(directory, 'unsigned')}`,
    ])
    expect(unsigned.code).toBe(1)
    expect(unsigned.stderr).toContain('no Kubernetes cluster is open to the roles')
    const uri = `/api/v1/namespaces/${red}/secrets`
    const refused = await dave('get', '--raw', uri)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/orbidden/)
    expect(
      (await seenByApiServer(uri)).filter(
        ({ impersonatedUser }) => impersonatedUser?.username === user,
      ),
    ).toEqual([])
    await expect
      .poll(() => daemon.events(`--user=${user}`, '--event=kube.request'))
      .toContainEqual(
        expect.objectContaining({
          error_code: 'CLUSTER_DENIED',
          kubernetes_cluster: contextOf(cluster),
          resource_kind: 'secrets',
          resource_namespace: red,
          response_code: 403,
        }),
      )
  })

  it('lose their access the moment a role is taken away, running watches included', async () => {
    const user = `erin-${run}`
    const erin = await person(user, ['--roles=operator', `--k8s-groups=${red}`])
    expect(await erin('get', 'configmaps', '-n', red)).toMatchObject({ code: 0 })
    await using watch = new Running(cluster.kubectl, [
      '--kubeconfig',
      join(daemon.directory, `${user}.kubeconfig`),
      `--context=${context}`,
      '-n',
      red,
      'get',
      'configmaps',
      '-w',
      '-o',
      'name',
    ])
    await direct('create', 'configmap', 'first', '-n', red)
    await watch.until(({ stdout }) => stdout.includes('first'))
    await daemon.tctl('users', 'update', user, '--set-roles=developer')
    await expect.poll(() => watch.child.exitCode, { timeout: 20_000 }).not.toBeNull()
    await direct('create', 'configmap', 'second', '-n', red)
    expect(watch.stdout).not.toContain('second')
    const refused = await erin('get', 'configmaps', '-n', red)
    expect(refused).toMatchObject({ code: 1 })
    expect(await daemon.events(`--user=${user}`, '--event=kube.request')).toContainEqual(
      expect.objectContaining({
        error_code: 'CLUSTER_DENIED',
        kube_verb: 'watch',
        outcome: 'aborted',
        response_code: 200,
      }),
    )
  })

  it('are nobody once deleted, with a certificate of a year in their hands', async () => {
    const user = `frank-${run}`
    const frank = await person(user, ['--roles=operator', `--k8s-groups=${red}`])
    expect(await frank('get', 'configmaps', '-n', red)).toMatchObject({ code: 0 })
    await daemon.tctl('users', 'rm', user)
    const refused = await frank('get', 'configmaps', '-n', red)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('this user does not exist any more')
    expect(await daemon.events(`--user=${user}`, '--event=kube.request')).toContainEqual(
      expect.objectContaining({ error_code: 'USER_GONE', response_code: 403 }),
    )
  })
}
