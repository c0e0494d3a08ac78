import { describe, expect, it } from 'vitest'
import { isNodeCommand } from './node-command.ts'
import { parseRequestInfo } from './request-info.ts'

const isCommand = (target: string, method = 'GET'): boolean =>
  isNodeCommand(parseRequestInfo({ method, target, upgrade: false }))

describe('a command of a kubelet', () => {
  it.each([
    '/api/v1/nodes/n/proxy/exec/team/web/app?command=id',
    '/api/v1/nodes/n/proxy/attach/team/web/app',
    '/api/v1/nodes/n/proxy/portForward/team/web',
    '/api/v1/nodes/n/proxy/run/team/web/app?cmd=id',
    '/api/v1/nodes/n/proxy/cri/exec/token',
    '/api/v1/nodes/https:n:10250/proxy/exec/team/web/app',
    '/api/v1/nodes/n/proxy//exec/team/web/app',
    '/api/v1/nodes/n/proxy/%65xec/team/web/app',
    '/api/v1/nodes/n/proxy/%2565xec/team/web/app',
    '/api/v1/nodes/n/proxy/%2Fexec%2Fteam/web/app',
    '/api/v1/nodes/n/proxy/EXEC/team/web/app',
    '/api/v1/nodes/n/proxy/exec;x/team/web/app',
    '/api/v1/nodes/n/proxy/exec',
    '/api/v1/proxy/nodes/n/run/team/web/app',
    '/api/v1/namespaces/team/nodes/n/proxy/exec/team/web/app',
    '/api/v1/namespaces/nodes/nodes/n/proxy/run',
  ])('is %s', (target) => {
    expect(isCommand(target, 'POST')).toBe(true)
  })

  it.each([
    '/api/v1/nodes/n/proxy',
    '/api/v1/nodes/n/proxy/',
    '/api/v1/nodes/n/proxy/stats/summary',
    '/api/v1/nodes/n/proxy/containerLogs/team/web/app',
    '/api/v1/nodes/n/proxy/logs/exec',
    '/api/v1/nodes/n/proxy/execution',
    '/api/v1/nodes/exec',
    '/api/v1/namespaces/team/pods/exec/proxy/exec',
    '/api/v1/namespaces/team/services/web/proxy/run',
    '/api/v1/namespaces/team/pods/web/exec?command=id',
    '/version',
  ])('is not %s', (target) => {
    expect(isCommand(target)).toBe(false)
  })
})
