const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const
/** For terminals that show no block elements. */
const ASCII = ['_', '.', '-', '=', '+', '*', '%', '#'] as const

/**
 * Values as bars, the newest at the right, in `rows` lines from top to bottom. The highest bar is `max`; what is above zero
 * is never flat, so that a single request can be seen beside a thousand.
 */
export function bars(
  values: readonly number[],
  options: {
    readonly columns: number
    readonly rows: number
    readonly max: number
    readonly unicode: boolean
  },
): readonly string[] {
  const { columns, rows, max } = options
  const glyphs = options.unicode ? BLOCKS : ASCII
  const steps = glyphs.length
  const shown = values.slice(-columns)
  const heights = shown.map((value) =>
    value <= 0 || max <= 0
      ? 0
      : Math.max(1, Math.round((Math.min(value, max) / max) * rows * steps)),
  )
  return Array.from({ length: rows }, (_, row) => {
    const floor = (rows - 1 - row) * steps
    const bottom = row === rows - 1
    const cells = heights.map((height) => {
      const filled = Math.min(steps, height - floor)
      return filled <= 0 ? ' ' : (glyphs[filled - 1] ?? ' ')
    })
    // The ground line shows how far the history reaches.
    const text = bottom
      ? cells.map((cell) => (cell === ' ' ? (options.unicode ? '·' : '.') : cell))
      : cells
    return text.join('').padStart(columns)
  })
}
