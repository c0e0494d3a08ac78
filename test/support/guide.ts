/** One fenced block of a page. */
export interface GuideBlock {
  /** `sh`, `yaml` … */
  readonly language: string
  readonly text: string
  /** Of the first line inside, counted from 1. */
  readonly line: number
}

/** The fenced blocks of a Markdown page, in order. Throws when one does not end. */
export function guideBlocks(markdown: string): GuideBlock[] {
  const blocks: GuideBlock[] = []
  let open: { language: string; lines: string[]; line: number } | null = null
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^```(\S*)$/.exec(line)
    if (fence === null) {
      open?.lines.push(line)
    } else if (open === null) {
      open = { language: fence[1] ?? '', lines: [], line: index + 2 }
    } else {
      blocks.push({ language: open.language, text: open.lines.join('\n'), line: open.line })
      open = null
    }
  }
  if (open !== null) throw new Error(`the block at line ${open.line} does not end`)
  return blocks
}

/** The file that a block is, when its first line says so: `# developer.yaml`. */
export function fileOfBlock({ text }: GuideBlock): string | null {
  return /^# ([\w.-]+\.yaml)\n/.exec(text)?.[1] ?? null
}
