import { ApiError, badRequest } from '../api-error.ts'
import { clone, define, isObject, type Json, sameJson } from '../json.ts'
import { MAX_JSON_PATCH_OPERATIONS } from '../limits.ts'

/** RFC 6902. Throws ApiError: BadRequest for what is no patch, Invalid for one that does not fit the document. */
export function applyJsonPatch(document: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations')
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`,
    )
  }
  const root: { value: Json } = { value: clone(document) }
  for (const operation of patch) applyOperation(root, operation)
  return root.value
}

function applyOperation(root: { value: Json }, operation: Json): void {
  if (!isObject(operation)) throw badRequest('an operation of a JSON patch must be an object')
  const { op, path, from, value } = operation
  if (typeof path !== 'string') throw badRequest('an operation of a JSON patch needs a path')
  const to = parsePointer(path)
  switch (op) {
    case 'add':
      add(root, to, clone(needed(value)))
      return
    case 'remove':
      remove(root, to)
      return
    case 'replace':
      get(root.value, to)
      if (to.length === 0) root.value = clone(needed(value))
      else {
        remove(root, to)
        add(root, to, clone(needed(value)))
      }
      return
    case 'test':
      if (!sameJson(get(root.value, to), needed(value))) throw unfit(`testing value ${path} failed`)
      return
    case 'move':
    case 'copy': {
      if (typeof from !== 'string') throw badRequest(`the operation ${op} needs "from"`)
      const found = clone(get(root.value, parsePointer(from)))
      if (op === 'move') {
        if (path.startsWith(`${from}/`)) throw unfit('a value cannot be moved into itself')
        remove(root, parsePointer(from))
      }
      add(root, to, found)
      return
    }
    default:
      throw badRequest(`unexpected kind of operation: ${JSON.stringify(op ?? null)}`)
  }
}

function needed(value: Json | undefined): Json {
  if (value === undefined) throw badRequest('an operation of a JSON patch needs a value')
  return value
}

/** RFC 6901. */
function parsePointer(pointer: string): string[] {
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw badRequest(`not a path: ${JSON.stringify(pointer)}`)
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function get(value: Json, steps: readonly string[]): Json {
  let here = value
  for (const step of steps) {
    const next = Array.isArray(here)
      ? here[indexOf(step, here.length - 1)]
      : isObject(here) && Object.hasOwn(here, step)
        ? here[step]
        : undefined
    if (next === undefined) throw unfit(`there is nothing at ${JSON.stringify(steps.join('/'))}`)
    here = next
  }
  return here
}

function add(root: { value: Json }, steps: readonly string[], value: Json): void {
  const last = steps.at(-1)
  if (last === undefined) {
    root.value = value
    return
  }
  const parent = get(root.value, steps.slice(0, -1))
  if (Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : indexOf(last, parent.length), 0, value)
  } else if (isObject(parent)) define(parent, last, value)
  else throw unfit(`there is no container at ${JSON.stringify(steps.slice(0, -1).join('/'))}`)
}

function remove(root: { value: Json }, steps: readonly string[]): void {
  get(root.value, steps)
  const last = steps.at(-1)
  if (last === undefined) throw unfit('the whole document cannot be removed')
  const parent = get(root.value, steps.slice(0, -1))
  if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length - 1), 1)
  else if (isObject(parent)) delete parent[last]
}

function indexOf(step: string, max: number): number {
  const index = /^(?:0|[1-9]\d{0,8})$/.test(step) ? Number(step) : -1
  if (index < 0 || index > max) throw unfit(`there is no item ${JSON.stringify(step.slice(0, 32))}`)
  return index
}

const unfit = (why: string): ApiError =>
  new ApiError(
    'Invalid',
    `the server rejected our request due to an error in our request: ${why}`,
    {},
  )
