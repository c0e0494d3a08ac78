import { parseShapes } from './parse-shapes.ts'
import { accessShapes } from './shapes-access.ts'
import { appsShapes } from './shapes-apps.ts'
import { coreShapes } from './shapes-core.ts'
import { metaShapes } from './shapes-meta.ts'
import { podShapes } from './shapes-pod.ts'
import type { Shape } from './types.ts'

/** Every shape by its name. */
export const shapes: ReadonlyMap<string, Shape> = parseShapes(
  [metaShapes, podShapes, coreShapes, appsShapes, accessShapes]
    .map((text) => text.trim())
    .join('\n'),
)

/** The shape of a name that another shape gave. */
export function shapeOf(name: string): Shape {
  const shape = shapes.get(name)
  if (shape === undefined) throw new TypeError(`there is no shape ${name}`)
  return shape
}
