/** A terminal with text in it, as an SVG: sharp at any size, and its text can be read and searched. Pure. */

const CHAR_PX = 7.8
const LINE_PX = 18
const PADDING_PX = 18
const BAR_PX = 30

/** Lines that begin with `$ ` are what a person types. */
export function terminalPicture(title: string, transcript: string): string {
  const lines = transcript.trimEnd().split('\n')
  const columns = Math.max(...lines.map((line) => line.length))
  const width = Math.ceil(columns * CHAR_PX + 2 * PADDING_PX)
  const height = BAR_PX + lines.length * LINE_PX + 2 * PADDING_PX
  const text = lines.map((line, index) => {
    const y = BAR_PX + PADDING_PX + index * LINE_PX + 12
    return `  <text x="${PADDING_PX}" y="${y}" class="${classOf(line)}" xml:space="preserve">${escaped(line)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
  <style>
    text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #c9d1d9 }
    .typed { fill: #ffffff; font-weight: bold } .good { fill: #7ee2a8 } .quiet { fill: #8b949e }
  </style>
  <rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>
  <circle cx="20" cy="16" r="5" fill="#ff5f57"/><circle cx="38" cy="16" r="5" fill="#febc2e"/><circle cx="56" cy="16" r="5" fill="#28c840"/>
${text.join('\n')}
</svg>
`
}

function classOf(line: string): string {
  if (line.startsWith('$ ')) return 'typed'
  return line.trimStart().startsWith('✓') ? 'good' : 'plain'
}

const escaped = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    (found) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[found] ?? found,
  )
