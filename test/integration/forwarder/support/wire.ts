export interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

/**
 * Reads HTTP/1.1 answers strictly. `rest` is what is left: the beginning of an answer that did not end, or nothing.
 * Throws for what is no answer.
 */
export function readAnswers(
  bytes: Buffer,
  methods: readonly string[] = [],
): { readonly answers: readonly RawAnswer[]; readonly rest: string } {
  const answers: RawAnswer[] = []
  let rest = bytes.toString('latin1')
  for (;;) {
    const one = readAnswer(rest, methods[answers.length] ?? 'GET')
    if (one === null) return { answers, rest }
    answers.push(one.answer)
    rest = one.rest
  }
}

function readAnswer(text: string, method: string): { answer: RawAnswer; rest: string } | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) {
    if (text !== '' && !'HTTP/1.1 '.startsWith(text.slice(0, 9)))
      throw new Error(`no answer: ${text.slice(0, 100)}`)
    return null
  }
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([1-9][0-9]{2}) [\t -~]*$/.exec(first)?.[1] ?? Number.NaN)
  if (Number.isNaN(status)) throw new Error(`no status line: ${first.slice(0, 100)}`)
  const headers = new Map<string, string>()
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)$/.exec(line)
    if (match === null) throw new Error(`no header: ${line.slice(0, 100)}`)
    headers.set((match[1] ?? '').toLowerCase(), match[2] ?? '')
  }
  const body = text.slice(end + 4)
  const framed = bodyOf(status, headers, body, method)
  return framed === null
    ? null
    : { answer: { status, headers, text: framed.body }, rest: framed.rest }
}

function bodyOf(
  status: number,
  headers: ReadonlyMap<string, string>,
  text: string,
  method: string,
): { body: string; rest: string } | null {
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD')
    return { body: '', rest: text }
  const length = headers.get('content-length')
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(text)
  if (length === undefined || !/^[0-9]+$/.test(length)) throw new Error('an answer has no framing')
  const bytes = Number(length)
  return text.length < bytes ? null : { body: text.slice(0, bytes), rest: text.slice(bytes) }
}

function readChunks(text: string): { body: string; rest: string } | null {
  let body = ''
  let rest = text
  for (;;) {
    const line = rest.indexOf('\r\n')
    if (line === -1) return null
    const size = rest.slice(0, line)
    if (!/^[0-9a-f]+$/i.test(size)) throw new Error(`no chunk: ${size.slice(0, 100)}`)
    const bytes = Number.parseInt(size, 16)
    if (rest.length < line + 2 + bytes + 2) return null
    const after = line + 2 + bytes
    if (rest.slice(after, after + 2) !== '\r\n') throw new Error('a chunk does not end')
    body += rest.slice(line + 2, after)
    rest = rest.slice(after + 2)
    if (bytes === 0) return { body, rest }
  }
}
