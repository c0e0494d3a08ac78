/** The 4 or 16 bytes of an IP address, or null when the text is none. IPv4 in four decimal parts; IPv6 as RFC 4291 writes it. */
export function ipBytes(text: string): Buffer | null {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1)
  if (parts !== undefined) {
    const canonical = parts.every((part) => String(Number(part)) === part && Number(part) < 256)
    return canonical ? Buffer.from(parts.map(Number)) : null
  }
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(`http://[${text}]/`)) return null
  // The URL standard's form: lower case, an IPv4 tail in hex, zeros shortened once.
  const [head = '', tail = ''] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  const bytes = Buffer.alloc(16)
  for (const [index, group] of [...before, ...zeros, ...after].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2)
  }
  return bytes
}
