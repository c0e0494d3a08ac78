import type { CommandPlan } from '../streams/index.ts'
import { queryOf } from './target-query.ts'

/**
 * What an exec or attach asks for, as API servers read it (apimachinery/pkg/runtime/conversion.go): of repeated keys the first, and a
 * flag is true unless it is `0` or `false`.
 */
export function commandPlanOf(target: string): CommandPlan {
  const params = queryOf(target)
  const flag = (name: string): boolean => {
    const value = params.get(name)
    return value !== null && value !== '0' && value.toLowerCase() !== 'false'
  }
  const tty = flag('tty')
  return {
    stdin: flag('stdin'),
    stdout: flag('stdout'),
    stderr: flag('stderr') && !tty,
    tty,
  }
}
