import { versionSkew } from '../core/index.ts'
import { ApiError } from './errors.ts'

/** Throws VERSION_UNSUITABLE, naming both versions and what to do, for a service that does not go together with ours. */
export function assertVersion(own: string, theirs: string): void {
  const words = {
    newer:
      'a service must not be of a newer major version than the auth service: upgrade the auth service first',
    outdated:
      'a service may be one major version behind the auth service, and not more: upgrade the service',
  }
  const skew = versionSkew(own, theirs)
  if (skew === null) return
  throw new ApiError(
    'VERSION_UNSUITABLE',
    `this service is of version ${theirs}, and the auth service of ${own}: ${words[skew]}`,
  )
}
