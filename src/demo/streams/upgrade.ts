import { asApiError, judgeStream } from '../api/api.ts'
import type { ApiEnv } from '../api/env.ts'
import { badRequest } from '../api-error.ts'
import { refuseUpgrade, type Upgrade } from '../http/server.ts'
import type { Principal } from '../rbac/rules.ts'

export function upgradeOf(env: ApiEnv, caller: Principal): Upgrade {
  return (request, _incoming, socket) => {
    try {
      judgeStream(env, caller, request)
      throw badRequest('streams into pods are not served')
    } catch (error) {
      refuseUpgrade(socket, asApiError(error))
    }
  }
}
